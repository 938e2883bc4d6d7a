// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Kubernetes
import PKI
import Platform
import StructuredData
import Talos

/// The secrets bundle of a cluster, and where it is to be kept.
struct ClusterSecrets: Sendable {
    var bundle: SecretsBundle
    /// The file that a new bundle is to be written to; nil if it is in a file already, or belongs into none.
    var path: String?

    /// Reads and checks a bundle.
    static func read(
        _ path: String, _ files: CommandFiles, _ version: TalosVersion, _ output: Output
    ) async throws(CommandFailure) -> ClusterSecrets {
        let file = try await files.source(path)
        let bundle = try failing { () throws(ConfigProblems) in
            try SecretsBundle(yaml: file.text, source: file.path)
        }
        let now = SystemClock().timestamp
        for warning in bundle.warnings(for: version, at: now) {
            output.printError("warning: \(file.path): \(warning)\n")
        }
        let problems = bundle.problems(for: version)
        guard problems.isEmpty else { throw CommandFailure(problems.map { "\(file.path): \($0)" }) }
        return ClusterSecrets(bundle: bundle)
    }

    /// A new bundle; one that is not kept has no key that takes long to make.
    static func generated(_ version: TalosVersion, path: String?) async throws(CommandFailure)
        -> ClusterSecrets
    {
        let version = path == nil ? min(version, TalosVersion(minor: 6)) : version
        let bundle = try await failingWithKeys { () async throws(PKIError) in
            try await SecretsBundle.generated(for: version, at: SystemClock().timestamp)
        }
        return ClusterSecrets(bundle: bundle, path: path)
    }
}

/// A cluster with the configurations of its machines.
struct ConfiguredCluster {
    /// Where a bundle that was made is kept, below the directory of the cluster: not among the manifests, since
    /// `kubectl apply -f` takes every file of a directory.
    static let secretsName = "secrets/secrets.yaml"

    let cluster: Rendering.Cluster
    let secrets: ClusterSecrets
    let machines: [RenderedConfig]

    /// Renders all machines.
    init(
        _ cluster: Rendering.Cluster, _ secrets: ClusterSecrets, layers: LayerCatalog
    ) throws(CommandFailure) {
        self.cluster = cluster
        self.secrets = secrets
        do throws(ConfigProblems) {
            let layers = try layers.resolve(cluster.spec, for: cluster.cluster.metadata)
            let renderer = try MachineConfigRenderer(
                spec: cluster.spec, secrets: secrets.bundle, layers: layers)
            machines = try Self.machines(of: renderer, cluster.spec)
        } catch {
            throw CommandFailure(error.problems.map { "\(cluster.place): \($0)" })
        }
    }

    /// The configurations of all machines in the order of the topology, or what is wrong with any of them.
    private static func machines(
        of renderer: MachineConfigRenderer, _ spec: ClusterSpec
    ) throws(ConfigProblems) -> [RenderedConfig] {
        var machines: [RenderedConfig] = []
        var problems: [ConfigProblem] = []
        for node in Topology(spec).nodes {
            do throws(ConfigProblems) {
                machines.append(try renderer.render(node: node))
            } catch {
                problems += error.problems.filter { !problems.contains($0) }
            }
        }
        guard problems.isEmpty else { throw ConfigProblems(problems) }
        return machines
    }

    /// What is doubtful about the configurations, each once.
    var warnings: [String] {
        var warnings: [String] = []
        for warning in machines.flatMap(\.warnings).map({ "\(cluster.place): \($0)" })
        where !warnings.contains(warning) {
            warnings.append(warning)
        }
        return warnings
    }

    /// Plans the files of the cluster: configurations, talosconfig, and a bundle that was made.
    func plan(_ files: inout PlannedFiles, _ options: RenderOptions) async throws(CommandFailure) {
        guard let output = options.outputDirectory else { return }
        let directory = "\(output)/\(cluster.directory)"
        for machine in machines where options.machine == nil || options.machine == machine.machine {
            files.add("\(directory)/talos/\(machine.machine).yaml", machine.yaml, isSecret: true)
        }
        if let path = secrets.path { files.add(path, secrets.bundle.yaml, isSecret: true) }
        let talosconfig = try await talosconfig(options.endpoints, at: "\(directory)/talosconfig")
        files.add("\(directory)/talosconfig", talosconfig, isSecret: true)
    }

    /// The talosconfig that is there already, if its certificate is not due for renewal; otherwise a new one.
    private func talosconfig(_ endpoints: [String], at path: String) async throws(CommandFailure) -> String {
        // The specification may bring an authority of its own.
        let bundle = cluster.spec.secrets(from: secrets.bundle)
        let name = cluster.spec.clusterName.description
        let now = SystemClock().timestamp
        if let old = Self.read(path), let context = old.current, context.name == name,
            context.authority == bundle.os.crt, context.endpoints == endpoints,
            RenewalDecision(
                client: context.client, authority: bundle.os.crt,
                lifetime: TalosClientConfiguration.talosctlLifetime, now: now
            ).keeps
        {
            return old.yaml
        }
        return try await failingWithKeys { () async throws(PKIError) in
            try await KeyThread.run { () throws(PKIError) in
                try TalosClientConfiguration.make(
                    bundle, clusterName: name, endpoints: endpoints, at: now,
                    lifetime: TalosClientConfiguration.talosctlLifetime)
            }
        }.yaml
    }

    private static func read(_ path: String) -> TalosClientConfiguration? {
        let bytes = Result { () throws(FileError) in try FileSystem.read(path, limit: CommandFiles.sizeLimit)
        }
        guard case .success(let bytes) = bytes else { return nil }
        let configuration = Result { () throws(ConfigProblems) in
            try TalosClientConfiguration(yaml: String(decoding: bytes, as: UTF8.self), source: path)
        }
        guard case .success(let configuration) = configuration else { return nil }  // It is replaced.
        return configuration
    }
}

extension LayerCatalog {
    /// The layers of files: what clusters name, and what concerns all of them.
    ///
    /// Whoever names an object in a file means it, whatever its labels. Those with the label of layers concern all
    /// clusters if they lie in the operator's namespace, or in none while no cluster names them.
    init(_ rendering: Rendering, operatorNamespace: String) {
        let named = Set(rendering.clusters.flatMap(\.spec.namedLayers))
        let objects = rendering.layerObjects.map { object in
            if object.key.namespace == operatorNamespace { return object }
            let isForAll =
                object.key.namespace.isEmpty && object.labels[APINames.layerLabel] != nil
                && !named.contains(object.key.name)
            return isForAll ? object.moved(to: operatorNamespace) : object.labelled
        }
        self.init(objects: objects, operatorNamespace: operatorNamespace)
    }
}

extension ClusterSpec {
    /// The names of the ConfigMaps and Secrets that the specification refers to.
    fileprivate var namedLayers: [String] {
        let lists =
            [patches, controlPlane.patches] + workers.map(\.patches) + machinePatches.values.map { $0 }
        return lists.joined().compactMap { source in
            switch source.content {
            case .inline: nil
            case .configMap(let name, _), .secret(let name, _): name
            }
        }
    }
}

extension LayerObject {
    /// The object with the label that marks layers.
    fileprivate var labelled: LayerObject {
        LayerObject(
            kind: kind, key: key, labels: labels.merging([APINames.layerLabel: ""]) { own, _ in own },
            files: files)
    }

    fileprivate func moved(to namespace: String) -> LayerObject {
        LayerObject(
            kind: kind, key: ObjectKey(namespace: namespace, name: key.name), labels: labels, files: files)
    }
}
