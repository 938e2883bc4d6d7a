// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import PKI
import Platform
import StructuredData
import Talos

/// One run of the step that makes the configurations of one cluster.
struct ConfigStep: Sendable {
    private let reconciler: KubernetesClusterReconciler
    private let config: ConfigManagement
    private let spec: ClusterSpec
    private let names: SecretNames
    private let nodes: [TopologyNode]
    private let talosEndpoints: [String]?

    /// `talosEndpoints` are where the Talos API answers; nil for the host of the cluster's endpoint.
    init(
        _ reconciler: KubernetesClusterReconciler, _ config: ConfigManagement, _ spec: ClusterSpec,
        _ names: SecretNames, talosEndpoints: [String]? = nil
    ) {
        self.talosEndpoints = talosEndpoints
        self.reconciler = reconciler
        self.config = config
        self.spec = spec
        self.names = names
        nodes = Topology(spec).nodes
    }

    /// Makes what is missing or has changed; costs neither a request nor a rendering if nothing has.
    func run(
        _ cluster: inout KubernetesCluster, _ owned: [Machine]
    ) async throws(ConfigFailure) -> ConfigResult {
        if let known = knownRendering(of: cluster) { return ConfigResult(known, names, nodes) }
        guard let bundle = try await BundleKeeper(reconciler, config, spec, names).bundle(of: &cluster, owned)
        else { return .pending }
        let effective = spec.secrets(from: bundle)
        // Whatever a layer says, who has a certificate shall not lose it.
        let configs = render(cluster, bundle)
        try await keepCredentials(of: cluster, effective, mayCreate: configs.isSuccess)
        let rendered = try configs.get()
        try await writer(for: cluster).write(
            rendered.filter { !$0.secret.face.isMatched(by: config.secrets.get($0.secret.key)) }
                .map(\.secret))
        let memo = ConfigMemory.Rendered(
            inputs: inputs(of: cluster), faces: rendered.map(\.secret.face),
            installers: Dictionary(
                rendered.compactMap { node in node.installer.map { (node.name, $0) } },
                uniquingKeysWith: { first, _ in first }), purposes: purposes(effective),
            message: Self.message(rendered))
        config.memory.note(memo, of: cluster.key)
        let uids = config.secrets.list(ownedBy: cluster.metadata.uid).map(\.metadata.uid)
        config.memory.keepWritten(of: cluster.key, existing: Set(uids))
        return ConfigResult(memo, names, nodes)
    }

    /// What was rendered before, if that still holds, every Secret is as it should be and no certificate is due.
    private func knownRendering(of cluster: KubernetesCluster) -> ConfigMemory.Rendered? {
        guard let known = config.memory.rendered(cluster.key, from: inputs(of: cluster)),
            known.faces.allSatisfy({ $0.isMatched(by: config.secrets.get($0.key)) })
        else { return nil }
        let now = reconciler.clock.timestamp
        let areGood = ClientCredential.allCases.allSatisfy { credential in
            let face = face(of: credential, cluster)
            let secret = config.secrets.get(face.key)
            let purpose = known.purposes[credential] ?? ""
            let renewal = ClientCredential.renewal(of: secret, face, purpose: purpose, at: now)
            return renewal.map { now < $0 } ?? false
        }
        return areGood ? known : nil
    }

    private func inputs(of cluster: KubernetesCluster) -> ConfigMemory.Inputs {
        let references = spec.layerReferences(namespace: names.namespace)
        return ConfigMemory.Inputs(
            uid: cluster.metadata.uid, generation: cluster.metadata.generation,
            labels: cluster.metadata.labels,
            layers: config.layers.version(references, cluster.metadata.labels),
            bundle: config.secrets.get(names.bundle)?.metadata.versionHash ?? 0,
            talosEndpoints: talosEndpoints)
    }

    private func writer(for cluster: KubernetesCluster) -> SecretWriter {
        SecretWriter(client: reconciler.client, config, of: cluster.key)
    }

    // MARK: Configurations

    private struct RenderedNode: Sendable {
        var name: String
        var installer: String?
        var secret: DesiredSecret
        var layers: [String]
        var warnings: [String]
    }

    /// The configurations of all Machines, or why there is not one of them.
    private func render(
        _ cluster: KubernetesCluster, _ bundle: SecretsBundle
    ) -> Result<[RenderedNode], ConfigFailure> {
        do throws(ConfigProblems) {
            let references = spec.layerReferences(namespace: names.namespace)
            let objects = config.layers.objects(references, cluster.metadata.labels)
            let layers = try LayerCatalog(objects: objects, operatorNamespace: config.layers.namespace)
                .resolve(spec, for: cluster.metadata)
            let renderer = try MachineConfigRenderer(spec: spec, secrets: bundle, layers: layers)
            return collect(renderer.renderAll(), cluster)
        } catch {
            return .failure(.invalid(error))
        }
    }

    /// All or nothing: what is wrong with one is told of all that have it, and then none is used.
    private func collect(
        _ results: [String: Result<RenderedConfig, ConfigProblems>], _ cluster: KubernetesCluster
    ) -> Result<[RenderedNode], ConfigFailure> {
        var rendered: [RenderedNode] = []
        var problems: [(text: String, machines: [String])] = []
        for node in nodes {
            switch results[node.name] {
            case .success(let config):
                rendered.append(self.node(node, config, cluster))
            case .failure(let found):
                for text in found.problems.map(\.description) {
                    if let index = problems.firstIndex(where: { $0.text == text }) {
                        problems[index].machines.append(node.name)
                    } else {
                        problems.append((text, [node.name]))
                    }
                }
            case nil:
                problems.append(("there is no configuration", [node.name]))
            }
        }
        guard !problems.isEmpty else { return .success(rendered) }
        let lines = problems.map { "\(ConfigFailure.summary(of: $0.machines)): \($0.text)" }
        return .failure(.invalid(ConfigFailure.summary(of: lines)))
    }

    private func node(
        _ node: TopologyNode, _ config: RenderedConfig, _ cluster: KubernetesCluster
    ) -> RenderedNode {
        let secret = DesiredSecret(
            names.machineConfig(of: node.name), of: cluster, labels: names.labels(.machineConfig),
            annotations: [
                APINames.configLayersAnnotation: config.layerNames.joined(separator: ", ")
                    .truncated(toBytes: 4000),
                APINames.configProvenanceAnnotation: config.provenance.changes(toBytes: 16_000),
            ], value: config.yaml)
        return RenderedNode(
            name: node.name, installer: config.configuration.installerImage, secret: secret,
            layers: config.layerNames, warnings: config.warnings.map(\.description))
    }

    private static func message(_ rendered: [RenderedNode]) -> String {
        let layers = Set(rendered.flatMap(\.layers)).subtracting(MachineConfigRenderer.lowestLayers).count
        var warnings: [String] = []
        for warning in rendered.flatMap(\.warnings) where !warnings.contains(warning) {
            warnings.append(warning)
        }
        let counts =
            "\(rendered.count) \(rendered.count == 1 ? "configuration" : "configurations")"
            + " from \(layers) \(layers == 1 ? "layer" : "layers")"
        return ([counts] + warnings.prefix(5).map { "warning: \($0)" }).joined(separator: "; ")
    }

    // MARK: Client certificates

    private func face(of credential: ClientCredential, _ cluster: KubernetesCluster) -> SecretFace {
        SecretFace(
            key: names.credential(credential), labels: names.labels(credential.kind), digest: "",
            owner: cluster.ownerReference)
    }

    /// Issues what is missing, due, or for something else; notes when the next one is due.
    private func keepCredentials(
        of cluster: KubernetesCluster, _ bundle: SecretsBundle, mayCreate: Bool
    ) async throws(ConfigFailure) {
        let purposes = purposes(bundle)
        let now = reconciler.clock.timestamp
        var next: Timestamp?
        for credential in ClientCredential.allCases {
            let face = face(of: credential, cluster)
            let secret = config.secrets.get(face.key)
            let purpose = purposes[credential] ?? ""
            var renewal = ClientCredential.renewal(of: secret, face, purpose: purpose, at: now)
            if renewal.map({ $0 <= now }) ?? true, mayCreate || secret != nil {
                renewal = try await issue(credential, cluster, bundle, purpose)
            }
            next = [next, renewal].compactMap { $0 }.min()
        }
        config.memory.note(renewal: next, of: cluster.key)
    }

    private func purposes(_ bundle: SecretsBundle) -> [ClientCredential: String] {
        Dictionary(
            uniqueKeysWithValues: ClientCredential.allCases.map {
                ($0, $0.purpose(bundle, spec, talosEndpoints: talosEndpoints))
            })
    }

    /// Issues a credential and returns when it is due.
    private func issue(
        _ credential: ClientCredential, _ cluster: KubernetesCluster, _ bundle: SecretsBundle,
        _ purpose: String
    ) async throws(ConfigFailure) -> Timestamp {
        let made: (text: String, expiry: Timestamp)
        do throws(PKIError) {
            made = try await credential.issue(
                bundle, spec, talosEndpoints: talosEndpoints, at: reconciler.clock.timestamp)
        } catch {
            throw .keys(error)
        }
        let secret = DesiredSecret(
            names.credential(credential), of: cluster, labels: names.labels(credential.kind),
            annotations: [
                APINames.expiryAnnotation: made.expiry.rfc3339(),
                APINames.issuedForAnnotation: purpose,
                APINames.configDigestAnnotation: SHA256.hexadecimal(of: Array(made.text.utf8)),
            ], value: made.text)
        try await writer(for: cluster).write(secret)
        return made.expiry + ClientCredential.lifetime / -2
    }
}

extension Result {
    fileprivate var isSuccess: Bool {
        if case .success = self { true } else { false }
    }
}
