// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import StructuredData

/// A Machine as it should be, complete: what is applied to the API and written to its manifest.
package struct DesiredMachine: Sendable, Hashable {
    package var key: ObjectKey
    package var role: MachineRole
    /// The document; of its fields this program is the manager.
    package var document: JSONValue
    /// A digest of the document without this digest's own annotation.
    package var digest: String
}

/// Where a provider finds the configuration of a Machine, and which one it is.
package struct ConfigReference: Sendable, Hashable {
    /// The Secret's name, in the Machine's namespace.
    package var secretName: String
    /// The SHA-256 digest of the configuration, in hexadecimal digits.
    package var digest: String

    package init(secretName: String, digest: String) {
        self.secretName = secretName
        self.digest = digest
    }
}

/// Makes the Machines of one cluster, all fields of which follow from the cluster and the references to their
/// configurations: the same gives the same bytes.
package struct MachineBuilder: Sendable {
    private let cluster: KubernetesCluster
    private let spec: ClusterSpec
    private let configs: [String: ConfigReference]

    /// `configs` has the references of Machines by their names; without one a Machine says nothing about it.
    package init(_ cluster: KubernetesCluster, _ spec: ClusterSpec, configs: [String: ConfigReference] = [:])
    {
        self.cluster = cluster
        self.spec = spec
        self.configs = configs
    }

    /// The Machines of the whole topology, in its order.
    package func machines() -> [DesiredMachine] {
        var specs: [WorkerGroupName?: RenderedSpec] = [:]
        return Topology(spec).nodes.map { node in
            let spec = specs[node.group] ?? RenderedSpec(machineSpec(for: node))
            specs[node.group] = spec
            return machine(for: node, spec)
        }
    }

    /// The specification that all Machines of one part of the topology share, and its text.
    private struct RenderedSpec {
        let value: JSONValue
        let bytes: [UInt8]

        init(_ object: JSONObject) {
            value = .object(object)
            bytes = value.encoded()
        }

        /// The same with a reference to the one Machine's own configuration.
        init(_ shared: JSONValue, _ config: ConfigReference) {
            value = shared.mergePatched(with: [
                "talosConfig": ["configSecretRef": ["name": .string(config.secretName)]]
            ])
            bytes = value.encoded()
        }
    }

    private func machine(for node: TopologyNode, _ shared: RenderedSpec) -> DesiredMachine {
        let spec = configs[node.name].map { RenderedSpec(shared.value, $0) } ?? shared
        let plain = JSONValue.object(metadata(for: node, digest: nil))
        let digest = Digest.hexadecimal(of: plain.encoded() + spec.bytes)
        let document: JSONValue = [
            "apiVersion": .string(Machine.definition.apiVersion),
            "kind": .string(Machine.definition.kind),
            "metadata": .object(metadata(for: node, digest: digest)),
            "spec": spec.value,
        ]
        return DesiredMachine(
            key: ObjectKey(namespace: cluster.metadata.namespace, name: node.name), role: node.role,
            document: document, digest: digest)
    }

    /// Labels and annotations of the template, over which ours win.
    ///
    /// Namespace and owner are left out where the cluster itself has none, as in a file that was never applied.
    private func metadata(for node: TopologyNode, digest: String?) -> JSONObject {
        var metadata: JSONObject = ["name": .string(node.name)]
        if !cluster.metadata.namespace.isEmpty {
            metadata["namespace"] = .string(cluster.metadata.namespace)
        }
        metadata["labels"] = .sorted(node.template.labels.merging(labels(for: node)) { _, ours in ours })
        var annotations = node.template.annotations
        annotations[APINames.appliedDigestAnnotation] = digest
        annotations[APINames.configDigestAnnotation] = configs[node.name]?.digest
        if !annotations.isEmpty { metadata["annotations"] = .sorted(annotations) }
        if !cluster.metadata.uid.isEmpty { metadata["ownerReferences"] = [cluster.ownerReference.json] }
        return metadata
    }

    private func labels(for node: TopologyNode) -> [String: String] {
        var labels = [
            APINames.clusterNameLabel: node.clusterName.description, APINames.roleLabel: node.role.rawValue,
        ]
        labels[APINames.workerGroupLabel] = node.group?.description
        return labels
    }

    /// The template's specification with our additions to `talosConfig`.
    ///
    /// These are what the Machine is, the endpoint, the disk and the networks; where the template has them too, ours
    /// win. Secrets of the cluster never get into a Machine.
    private func machineSpec(for node: TopologyNode) -> JSONObject {
        let additions: JSONValue = [
            "talosConfig": [
                "machineType": .string(node.role.rawValue),
                "clusterEndpoint": .string(spec.endpoint.description),
                "installDisk": .string(spec.installDisk),
                "cluster": [
                    "network": [
                        "podSubnets": .array(spec.podSubnets.map { .string($0.description) }),
                        "serviceSubnets": .array(spec.serviceSubnets.map { .string($0.description) }),
                    ]
                ],
            ]
        ]
        return JSONValue.object(node.template.spec).mergePatched(with: additions).object ?? JSONObject()
    }
}

extension JSONValue {
    /// An object of texts, ordered by key.
    fileprivate static func sorted(_ map: [String: String]) -> JSONValue {
        .object(
            JSONObject(
                uniqueMembers: map.sorted { $0.key < $1.key }
                    .map { JSONObject.Member(key: $0.key, value: .string($0.value)) }))
    }
}
