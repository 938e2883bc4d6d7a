// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// A machine configuration as a node has it.
package struct NodeConfiguration: Sendable, Hashable {
    /// The very bytes that were submitted.
    package var bytes: [UInt8]
    /// The resource's version, another with each change.
    package var version: String

    package init(bytes: [UInt8], version: String) {
        self.bytes = bytes
        self.version = version
    }
}

/// A configuration holds a cluster's secrets, so nothing prints it.
extension NodeConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "configuration of \(bytes.count) bytes, version \(version)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["version": version]) }
}

/// A service, as resources tell it.
package struct ServiceStatus: Sendable, Hashable {
    package var isRunning: Bool
    package var isHealthy: Bool
    /// Whether its health is not known.
    package var isUnknown: Bool

    package init(isRunning: Bool, isHealthy: Bool, isUnknown: Bool) {
        self.isRunning = isRunning
        self.isHealthy = isHealthy
        self.isUnknown = isUnknown
    }
}

/// A static pod, as the kubelet tells it to Talos.
package struct StaticPodStatus: Sendable, Hashable {
    /// As in `kube-system/kube-apiserver-node-1`.
    package var id: String
    /// Whether its condition `Ready` is `True`.
    package var isReady: Bool
    /// As in `Running`.
    package var phase: String

    package init(id: String, isReady: Bool, phase: String) {
        self.id = id
        self.isReady = isReady
        self.phase = phase
    }
}

/// A part of the control plane that Talos runs as a static pod.
package enum ControlPlaneComponent: String, Sendable, Hashable, CaseIterable {
    case apiServer = "kube-apiserver"
    case controllerManager = "kube-controller-manager"
    case scheduler = "kube-scheduler"

    /// The kind of resource that configures it; the resource's ID is the component's name.
    package var configKind: ResourceKind {
        switch self {
        case .apiServer: .apiServerConfig
        case .controllerManager: .controllerManagerConfig
        case .scheduler: .schedulerConfig
        }
    }
}

/// What a part of Kubernetes is started with.
package struct ComponentConfig: Sendable, Hashable {
    package var image: String
    /// The resource's version, which pods carry as the annotation `talos.dev/config-version`.
    package var version: String

    package init(image: String, version: String) {
        self.image = image
        self.version = version
    }
}

// What the operator reads most, from resources; nil where the node has no such resource.
extension TalosNode {
    /// What the node does and how well: one call that covers services, time, network, static pods and the node's
    /// object in Kubernetes, in every mode and version.
    package func machineStatus(
        within limit: Duration = CallLimit.read
    ) async throws(TalosError) -> MachineStatus? {
        try await resource(.machineStatus, id: "machine", within: limit).map(MachineStatus.init(resource:))
    }

    /// The active configuration.
    package func machineConfiguration(
        within limit: Duration = CallLimit.read
    ) async throws(TalosError) -> NodeConfiguration? {
        guard let resource = try await resource(.machineConfig, id: "v1alpha1", within: limit) else {
            return nil
        }
        return try NodeConfiguration(resource: resource)
    }

    /// The configuration on disk, which is the active one of the next boot; nil before 1.10.
    package func persistentConfiguration(
        within limit: Duration = CallLimit.read
    ) async throws(TalosError) -> NodeConfiguration? {
        guard let resource = try await resource(.machineConfig, id: "persistent", within: limit) else {
            return nil
        }
        return try NodeConfiguration(resource: resource)
    }

    /// The node's name in Kubernetes.
    package func nodename(within limit: Duration = CallLimit.read) async throws(TalosError) -> String? {
        try await resource(.nodename, id: "nodename", within: limit)?.spec["nodename"]?.string
    }

    /// The schematic of the image that runs; nil for an image without one.
    package func schematicID(within limit: Duration = CallLimit.read) async throws(TalosError) -> String? {
        let extensions = try await resources(.extensionStatus, matching: .all, within: limit)
        let metadata = extensions.map { $0.spec["metadata"] }
        return metadata.first { $0?["name"]?.string == "schematic" }??["version"]?.string
    }

    /// The ID of the node's own member of etcd.
    package func etcdMemberID(within limit: Duration = CallLimit.read) async throws(TalosError) -> UInt64? {
        guard let resource = try await resource(.etcdMember, id: "local", within: limit) else { return nil }
        guard let text = resource.spec["memberID"]?.string, let id = UInt64(text, radix: 16) else {
            throw .decoding("\(resource): memberID is no hexadecimal number")
        }
        return id
    }

    /// A service of Talos.
    package func service(
        id: String, within limit: Duration = CallLimit.read
    ) async throws(TalosError) -> ServiceStatus? {
        guard let spec = try await resource(.service, id: id, within: limit)?.spec else { return nil }
        return ServiceStatus(
            isRunning: spec["running"]?.bool ?? false, isHealthy: spec["healthy"]?.bool ?? false,
            isUnknown: spec["unknown"]?.bool ?? false)
    }

    /// The static pods of the node.
    package func staticPods(
        within limit: Duration = CallLimit.read
    ) async throws(TalosError) -> [StaticPodStatus] {
        try await resources(.staticPodStatus, matching: .all, within: limit).map { resource in
            let conditions = resource.spec["conditions"]?.array ?? []
            let isReady = conditions.contains {
                $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
            }
            return StaticPodStatus(
                id: resource.metadata.id, isReady: isReady, phase: resource.spec["phase"]?.string ?? "")
        }
    }

    /// What a part of the control plane is started with; nil on a worker.
    package func componentConfig(
        _ component: ControlPlaneComponent, within limit: Duration = CallLimit.read
    ) async throws(TalosError) -> ComponentConfig? {
        try await resource(component.configKind, id: component.rawValue, within: limit)
            .flatMap(ComponentConfig.init(resource:))
    }

    /// What the kubelet is started with.
    package func kubeletConfig(
        within limit: Duration = CallLimit.read
    ) async throws(TalosError) -> ComponentConfig? {
        try await resource(.kubeletSpec, id: "kubelet", within: limit)
            .flatMap(ComponentConfig.init(resource:))
    }

    /// Changes with every boot.
    package func bootID(within limit: Duration = CallLimit.read) async throws(TalosError) -> String {
        let bytes = try await read(path: "/proc/sys/kernel/random/boot_id", within: limit)
        let text = String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
        guard !text.isEmpty else { throw .decoding("the boot ID is empty") }
        return text
    }
}

extension MachineStatus {
    /// Reads what a resource of kind `MachineStatuses.runtime.talos.dev` says.
    package init(resource: TalosResource) {
        let status = resource.spec["status"]
        let conditions = status?["unmetConditions"]?.array ?? []
        self.init(
            stage: MachineStage(word: resource.spec["stage"]?.string ?? "unknown"),
            isReady: status?["ready"]?.bool ?? false,
            unmetConditions: conditions.map {
                UnmetCondition(name: $0["name"]?.string ?? "", reason: $0["reason"]?.string ?? "")
            })
    }
}

extension ComponentConfig {
    /// Nil if the resource names no image.
    init?(resource: TalosResource) {
        guard let image = resource.spec["image"]?.string else { return nil }
        self.init(image: image, version: resource.metadata.version)
    }
}

extension NodeConfiguration {
    /// Reads what a resource of kind `MachineConfigs.config.talos.dev` says.
    ///
    /// The bytes are in its protobuf form; of its YAML form only a text is taken, since anything else is the
    /// configuration written anew.
    package init(resource: TalosResource) throws(TalosError) {
        let version = resource.metadata.version
        if !resource.encodedSpec.isEmpty {
            let bytes = try Self.yaml(in: resource.encodedSpec, of: resource)
            self.init(bytes: bytes, version: version)
        } else if let text = resource.spec.string {
            self.init(bytes: Array(text.utf8), version: version)
        } else {
            throw .decoding("\(resource): no configuration in it")
        }
    }
}

extension NodeConfiguration {
    private static func yaml(
        in encoded: [UInt8], of resource: TalosResource
    ) throws(TalosError) -> [UInt8] {
        do throws(ProtobufError) {
            return try ProtobufMessage(encoded).bytes(1)
        } catch {
            throw .decoding("\(resource): \(error)")
        }
    }
}
