// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// The verdict on the specification of a cluster: what it says, or everything that is wrong with it at once.
///
/// The CRD's schema holds the same limits, but an older API server ignores some of them, and a cluster may be
/// older than its CRD; so nothing is taken on trust. Fields this program does not know are let through.
package enum ClusterValidation: Sendable, Hashable {
    /// Warnings are doubts that do not stop anything.
    case valid(ClusterSpec, warnings: [FieldProblem])
    /// At least one problem, in the order of the specification's fields.
    case invalid([FieldProblem])

    /// Checks the value of `spec`; `versions` says how strictly the support table is taken.
    package init(_ spec: JSONValue?, versions: TalosSupport.Policy = .enforced) {
        let collector = ProblemCollector()
        let spec = Self.read(Field("spec", spec, collector), versions)
        if let spec, collector.problems.isEmpty {
            self = .valid(spec, warnings: collector.warnings)
        } else {
            self = .invalid(collector.problems)
        }
    }

    /// Checks the value of `spec` of a cluster that has the Machines `owned` already.
    package init(_ spec: JSONValue?, owned: [Machine]) {
        self.init(spec)
        if case .valid(let valid, _) = self, let problem = valid.renameProblem(owned) {
            self = .invalid([problem])
        }
    }

    /// The specification, or nil after at least one problem was reported.
    private static func read(_ spec: Field, _ versions: TalosSupport.Policy) -> ClusterSpec? {
        guard spec.required.object() != nil else { return nil }
        let clusterName = spec["clusterName"].required.parsed(as: ClusterName.self)
        let kubernetesVersion = spec["kubernetesVersion"].required.parsed(as: Version.self)
        let talosVersion = spec["talosVersion"].required.parsed(as: Version.self)
        if let talosVersion, let kubernetesVersion {
            TalosSupport.check(talosVersion, with: kubernetesVersion, in: spec, policy: versions)
        }
        let endpoint = spec["clusterEndpoint"].required.parsed(as: ClusterEndpoint.self)
        let managed = ManagementFields(spec)
        if let talosVersion { managed.check(talosVersion) }
        let lifecycle = LifecycleFields(spec)
        let talos = TalosConfigFields(
            spec["talosConfig"], isComplete: managed.management != .machines, for: talosVersion)
        talos.cluster.check(clusterName, endpoint)
        let network = NetworkFields(spec, talos.cluster.network)
        let controlPlane = controlPlane(spec["controlPlane"].required)
        let workers = workers(spec["workers"])
        TopologyLimits(
            clusterName: Checked(field: spec["clusterName"], part: clusterName), controlPlane: controlPlane,
            workers: workers
        ).check()

        guard let clusterName, let kubernetesVersion, let talosVersion, let endpoint,
            let controlPlane = controlPlane.part
        else { return nil }
        let cluster = ClusterSpec(
            clusterName: clusterName, kubernetesVersion: kubernetesVersion, talosVersion: talosVersion,
            endpoint: endpoint, podSubnets: network.podSubnets, serviceSubnets: network.serviceSubnets,
            installDisk: talos.installDisk ?? ClusterSpec.Default.installDisk, controlPlane: controlPlane,
            workers: workers.compactMap(\.part), management: managed.management,
            talosConfig: spec["talosConfig"].object() ?? JSONObject(), talosToken: talos.token,
            talosAuthority: talos.authority, patches: managed.patches,
            machinePatches: managed.machinePatches, data: managed.data, machineData: managed.machineData,
            schematic: managed.schematic, validationMode: managed.validationMode,
            lifecycle: lifecycle.policy, isPaused: lifecycle.isPaused)
        managed.warn(cluster)
        lifecycle.warn(cluster)
        return cluster
    }

    private static func controlPlane(_ field: Field) -> Checked<ControlPlane> {
        let template = template(field["machineTemplate"])
        let patches = PatchFields.list(field["patches"])
        guard field.object() != nil, let count = field["replicas"].required.integer() else {
            return Checked(field: field, part: nil)
        }
        guard let replicas = ReplicaCount(controlPlane: count) else {
            field["replicas"].report("must be 1, 3, 5 or 7, not \(count)")
            return Checked(field: field, part: nil)
        }
        return Checked(
            field: field, part: ControlPlane(replicas: replicas, template: template, patches: patches))
    }

    /// More worker groups than anybody has.
    private static let mostGroups = 100

    private static func workers(_ field: Field) -> [Checked<WorkerGroup>] {
        var firstUse: [WorkerGroupName: String] = [:]
        return field.elements(atMost: mostGroups).map { group in
            guard group.required.object() != nil else { return Checked(field: group, part: nil) }
            let name = group["name"].required.parsed(as: WorkerGroupName.self)
            if let name, let path = firstUse.updateValue(firstUse[name] ?? group["name"].path, forKey: name) {
                group["name"].report("duplicate of \(path)")
            }
            let replicas = workerReplicas(group["replicas"].required)
            let template = template(group["machineTemplate"])
            let patches = PatchFields.list(group["patches"])
            guard let name, let replicas else { return Checked(field: group, part: nil) }
            return Checked(
                field: group,
                part: WorkerGroup(name: name, replicas: replicas, template: template, patches: patches))
        }
    }

    private static func workerReplicas(_ field: Field) -> ReplicaCount? {
        guard let count = field.integer() else { return nil }
        if let replicas = ReplicaCount(workers: count) { return replicas }
        field.report("must be 0 to \(ReplicaCount.maximumOfGroup), not \(count)")
        return nil
    }

    /// A template, of which everything may be absent.
    private static func template(_ field: Field) -> MachineTemplate {
        _ = field.object()
        _ = field["metadata"].object()
        let talosConfig = field["spec"]["talosConfig"]
        // Our additions are merged into these two; anything but an object is in their way.
        _ = talosConfig.object()
        _ = talosConfig["cluster"].object()
        _ = talosConfig["cluster"]["network"].object()
        return MachineTemplate(
            labels: MetadataFields.labels(field["metadata"]["labels"]),
            annotations: MetadataFields.annotations(field["metadata"]["annotations"]),
            spec: field["spec"].object() ?? JSONObject())
    }
}

/// A part of the specification and where it stands; the part is nil if something is wrong with it.
struct Checked<Part> {
    let field: Field
    let part: Part?
}
