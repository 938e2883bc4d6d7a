// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Observability
import PKI
import Platform
import StructuredData
import Talos

/// Finds the bundle of secrets of a cluster, or makes it, once and never again.
///
/// It is created and read, and what it holds is never written: there is no way from here to other keys for machines that run.
struct BundleKeeper: Sendable {
    private let reconciler: KubernetesClusterReconciler
    private let config: ConfigManagement
    private let spec: ClusterSpec
    private let names: SecretNames

    init(
        _ reconciler: KubernetesClusterReconciler, _ config: ConfigManagement, _ spec: ClusterSpec,
        _ names: SecretNames
    ) {
        self.reconciler = reconciler
        self.config = config
        self.spec = spec
        self.names = names
    }

    /// The bundle as the server has it now; nil while it is being made.
    func bundle(
        of cluster: inout KubernetesCluster, _ owned: [Machine]
    ) async throws(ConfigFailure) -> SecretsBundle? {
        if let opened = try await open() { return try await accept(opened, &cluster) }
        try refuseIfLost(cluster, owned)
        // A cache may be behind; what the server says about the cluster's past counts.
        let current: KubernetesCluster
        do throws(ReconcileError) {
            current = try await reconciler.confirm(cluster)
        } catch {
            throw .conflict(error)
        }
        try refuseIfLost(current, owned)
        switch config.generator.take(for: cluster.key, spec.talosContract) {
        case .pending: return nil
        case .failed(let error): throw .keys(error)
        case .ready(let made): return try await store(made, &cluster)
        }
    }

    private func open() async throws(ConfigFailure) -> OpenedSecret? {
        do throws(APIError) {
            let opened = try await reconciler.client.get(OpenedSecret.self, names.bundle)
            if isSeen(opened.secret) { config.secrets.record(written: opened.secret) }
            return opened
        } catch {
            if error.isNotFound { return nil }
            throw .api(error, "Reading Secret \(names.bundle)")
        }
    }

    /// Whether the cache shows the Secret too.
    private func isSeen(_ secret: ClusterSecret) -> Bool {
        secret.metadata.labels[APINames.clusterNameLabel] != nil
    }

    /// New keys are for a cluster that never had any: its machines would not know others.
    private func refuseIfLost(_ cluster: KubernetesCluster, _ owned: [Machine]) throws(ConfigFailure) {
        let condition = cluster.status.conditions[.configGenerated]
        let evidence: String?
        if !owned.isEmpty {
            evidence = owned.count == 1 ? "a Machine exists" : "\(owned.count) Machines exist"
        } else if cluster.metadata.annotations[APINames.secretsIdentityAnnotation] != nil {
            evidence = "the cluster has the annotation \(APINames.secretsIdentityAnnotation)"
        } else if condition?.isTrue == true || condition?.reason == ConditionReason.secretsLost
            || !config.secrets.list(ownedBy: cluster.metadata.uid).isEmpty
        {
            evidence = "there were some"
        } else {
            evidence = nil
        }
        guard let evidence else { return }
        throw .lost(
            "Secret \(names.bundle) is not there, and no new keys are made since \(evidence): restore it")
    }

    // MARK: A bundle that is there

    private func accept(
        _ opened: OpenedSecret, _ cluster: inout KubernetesCluster
    ) async throws(ConfigFailure) -> SecretsBundle {
        let source = "Secret \(names.bundle)"
        let metadata = opened.metadata
        if let owner = metadata.controller, owner.uid != cluster.metadata.uid { throw .taken(names.bundle) }
        guard metadata.labels[APINames.clusterNameLabel] == names.clusterName else {
            throw .invalid(
                "\(source): metadata.labels: must have \(APINames.clusterNameLabel)=\(names.clusterName)")
        }
        guard let value = opened.value, let text = String(validating: value, as: UTF8.self) else {
            throw .invalid("\(source): data.\(ClusterSecret.valueKey): must be a bundle of secrets, as text")
        }
        let bundle: SecretsBundle
        do throws(ConfigProblems) {
            bundle = try SecretsBundle(yaml: text, source: source)
            let problems = bundle.problems(for: spec.talosContract)
            if !problems.isEmpty { throw ConfigProblems(problems) }
        } catch {
            throw .invalid(error)
        }
        try await identify(bundle, &cluster)
        return bundle
    }

    /// Notes in the cluster whose authorities its machines are going to trust, and refuses others.
    private func identify(
        _ bundle: SecretsBundle, _ cluster: inout KubernetesCluster
    ) async throws(ConfigFailure) {
        let identity = bundle.identity
        if let known = cluster.metadata.annotations[APINames.secretsIdentityAnnotation] {
            guard known != identity else { return }
            throw .lost(
                "Secret \(names.bundle) holds other certificate authorities than those that the cluster was made with: "
                    + "restore it, or take the annotation \(APINames.secretsIdentityAnnotation) away from the cluster to use them"
            )
        }
        do throws(APIError) {
            cluster = try await reconciler.client.mergePatch(
                KubernetesCluster.self, cluster.key,
                [
                    "metadata": [
                        "resourceVersion": .string(cluster.metadata.resourceVersion.text),
                        "annotations": [APINames.secretsIdentityAnnotation: .string(identity)],
                    ]
                ])
            reconciler.clusters.record(written: cluster)
        } catch {
            throw .api(error, "Noting the secrets' identity")
        }
    }

    // MARK: A new bundle

    /// Stores a bundle that nobody has seen yet; the server will refuse every change of it.
    private func store(
        _ made: SecretsBundle, _ cluster: inout KubernetesCluster
    ) async throws(ConfigFailure) -> SecretsBundle {
        let secret = DesiredSecret(
            names.bundle, of: cluster, labels: names.labels(.bundle), value: made.yaml, isImmutable: true)
        let writer = SecretWriter(client: reconciler.client, config, of: cluster.key)
        guard try await writer.create(secret) else {
            // Another bundle was there first, and that one counts.
            throw .conflict(.conflict("Secret \(names.bundle) was made by somebody else"))
        }
        reconciler.logger.info(
            "Made the secrets of a cluster",
            ["cluster": .string(cluster.key.name), "namespace": .string(cluster.key.namespace)])
        try await identify(made, &cluster)
        return made
    }
}

extension SecretsBundle {
    /// A digest of the authorities that machines trust, and of nothing secret.
    var identity: String {
        let parts = [Array(cluster.id.utf8), os.crt, kubernetes.crt, etcd.crt, aggregator.crt]
        return SHA256.hexadecimal(of: Array(parts.joined(separator: [0])))
    }
}
