// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle
import Kubernetes
import PKI
import Platform
import StructuredData
import Talos

/// The cluster of a file, with its configurations and all it takes to reach its machines.
struct LiveCluster {
    let cluster: ConfiguredCluster
    /// The cluster's own directory.
    let directory: String
    private let addresses: [String: String]
    private let fingerprints: [String: String]

    var spec: ClusterSpec { cluster.cluster.spec }
    var name: String { spec.clusterName.description }

    /// Reads the one cluster of the files, and its secrets; new ones are made and kept only if `mayMakeSecrets`.
    static func read(
        _ options: LiveOptions, _ files: CommandFiles, _ output: Output, mayMakeSecrets: Bool
    ) async throws(CommandFailure) -> LiveCluster {
        let rendering = try await ManifestInput(files: files).rendering(options.files)
        // Everything has an effect here, whatever the file says about management.
        for warning in rendering.warnings where !warning.contains("has no effect without management") {
            output.printError("warning: \(warning)\n")
        }
        guard var found = rendering.clusters.first, rendering.clusters.count == 1 else {
            let names = rendering.clusters.map(\.spec.clusterName.description).joined(separator: ", ")
            throw CommandFailure(
                "\(options.files.joined(separator: ", ")): must have one KubernetesCluster, not \(rendering.clusters.count) (\(names))"
            )
        }
        let directory = "\(options.directory)/\(found.directory)"
        let secrets = try await secrets(
            of: found, options, directory, files, output, mayMake: mayMakeSecrets)
        // Nodes have to be known by the names of their machines, whoever else manages the cluster or not.
        found.spec.management = .full
        let annotation = found.cluster.metadata.annotations[APINames.configContractAnnotation]
        found.spec.pinnedContract =
            try StateFile.contract(in: directory) ?? annotation.flatMap { TalosVersion($0) }
        let layers = LayerCatalog(rendering, operatorNamespace: options.layerNamespace)
        let configured = try ConfiguredCluster(found, secrets, layers: layers)
        for warning in configured.warnings { output.printError("warning: \(warning)\n") }
        return try LiveCluster(configured, directory, options)
    }

    private init(
        _ cluster: ConfiguredCluster, _ directory: String, _ options: LiveOptions
    ) throws(CommandFailure) {
        self.cluster = cluster
        self.directory = directory
        let names = Set(cluster.machines.map(\.machine))
        for name in options.addresses.keys.sorted() + options.fingerprints.keys.sorted()
        where !names.contains(name) {
            throw CommandFailure(
                "there is no machine \(name): must be one of \(names.sorted().joined(separator: ", "))")
        }
        var addresses: [String: String] = [:]
        for (machine, data) in cluster.cluster.spec.machineData {
            addresses[machine] = (data["address"] ?? data["ip"])?.string
        }
        self.addresses = addresses.merging(options.addresses) { $1 }
        fingerprints = options.fingerprints
    }

    /// The cluster's bundle; a new one is written before anything else happens, for machines will trust it.
    private static func secrets(
        of cluster: Rendering.Cluster, _ options: LiveOptions, _ directory: String, _ files: CommandFiles,
        _ output: Output, mayMake: Bool
    ) async throws(CommandFailure) -> ClusterSecrets {
        let version = cluster.spec.talosVersion
        let line = TalosVersion(major: version.major, minor: version.minor)
        if let given = options.secrets { return try await ClusterSecrets.read(given, files, line, output) }
        let path = "\(directory)/\(ConfiguredCluster.secretsName)"
        if files.exists(path) { return try await ClusterSecrets.read(path, files, line, output) }
        // A dry run over machines that are no cluster yet needs none that last.
        if options.isDryRun, options.job.begins, !files.exists("\(directory)/state.json") {
            return try await ClusterSecrets.generated(line, path: nil)
        }
        guard mayMake else {
            throw CommandFailure("\(path): is not there; --secrets FILE names the bundle of the cluster")
        }
        guard !files.exists("\(directory)/state.json") else {
            throw CommandFailure(
                "\(path): is gone, but state.json says that the cluster was begun with it: restore it, for its machines trust no other"
            )
        }
        let made = try await ClusterSecrets.generated(line, path: path)
        var planned = PlannedFiles()
        planned.add(path, made.bundle.yaml, isSecret: true)
        try planned.write()
        output.printError("made the secrets of the cluster: \(path)\n")
        return made
    }
}

extension LiveCluster {
    /// Where a machine's Talos API is, as `host:port`; nil if nobody has said.
    func address(of machine: String) -> String? {
        addresses[machine].flatMap { address in
            NodeAddresses(podsAndServices: [], endpointHost: "")
                .candidates(explicit: address, reported: [], lastGood: nil).first
        }
    }

    /// What a job asks for of the cluster; `record` tells of nodes that have no place in it any more.
    func desired(_ options: LiveOptions) -> DesiredCluster {
        let leaving: Set<String> =
            if case .reset(let reset) = options.job { Set(reset.nodes) } else { [] }
        let configurations = Dictionary(cluster.machines.map { ($0.machine, $0) }) { first, _ in first }
        let nodes = Topology(spec).nodes.map { place in
            let config = configurations[place.name]
            var node = DesiredNode(
                place, of: spec, configDigest: config?.digest, image: config?.configuration.installerImage)
            node.isSurplus = leaving.contains(place.name)
            node.hasMachine = address(of: place.name) != nil
            return node
        }
        var desired = DesiredCluster(spec, nodes: nodes)
        // Who runs a command has approved it, and halts are lifted by running it again.
        desired.isPaused = false
        desired.policy.rollout.approval = .auto
        desired.policy.windows = []
        if let mode = options.mode { desired.policy.rollout.mode = mode }
        if let amount = options.maxUnavailable { desired.policy.rollout.maxUnavailable = amount }
        desired.policy.drift = .apply
        desired.policy.scope = options.job.scope
        if case .reset(let reset) = options.job {
            desired.isBeingDeleted = reset.nodes.isEmpty
            desired.policy.deletion.reset = reset.reset ?? (reset.nodes.isEmpty ? .force : .graceful)
            if let wipe = reset.wipe { desired.policy.deletion.wipe = wipe }
        }
        return desired
    }

    /// The cluster as the engine takes it.
    func managed(
        _ options: LiveOptions, resumeToken: String?
    ) async throws(CommandFailure) -> ManagedCluster {
        var desired = desired(options)
        desired.resumeToken = resumeToken
        let configurations = Dictionary(
            cluster.machines.map {
                ($0.machine, DesiredConfiguration($0.configuration, secretLayers: $0.secretLayers))
            }
        ) { first, _ in
            first
        }
        let bundle = spec.secrets(from: cluster.secrets.bundle)
        let name = name
        let credentials = try await failingWithKeys { () async throws(PKIError) in
            try await KeyThread.run { () throws(PKIError) in
                try ClusterCredentials.issue(bundle, clusterName: name, at: SystemClock().timestamp)
            }
        }
        var known: [String: [String]] = [:]
        for node in desired.nodes { known[node.name] = address(of: node.name).map { [$0] } ?? [] }
        return ManagedCluster(
            key: ObjectKey(namespace: "", name: name), desired: desired, addresses: known,
            endpoint: spec.endpoint.description, credentials: credentials,
            configuration: { machine throws(RenderingFailure) in
                guard let configuration = configurations[machine] else {
                    throw RenderingFailure("there is no configuration of \(machine)")
                }
                return configuration
            }, fingerprints: fingerprints)
    }
}

extension LiveOptions.Job {
    /// What of a cluster's life the job is about.
    var scope: Set<LifecycleScope> {
        switch self {
        case .bootstrap: [.install]
        case .apply, .diff: [.install, .configure]
        case .reset: [.remove]
        case .upgrade: [.install, .configure, .upgradeTalos, .upgradeKubernetes]
        case .health, .nodes: []
        }
    }
}
