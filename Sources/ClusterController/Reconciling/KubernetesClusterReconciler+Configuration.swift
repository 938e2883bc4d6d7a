// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import Kubernetes
import PKI
import Platform
import StructuredData
import Talos

/// Configurations: the bundle of secrets first, then a configuration for every Machine, then the client certificates.
///
/// All of it comes before the Machines, so that none boots without its configuration.
extension KubernetesClusterReconciler {
    /// Brings the Secrets of a cluster up to date, or says why that cannot be.
    ///
    /// - Throws: only what makes everything else pointless now: somebody else was faster.
    func configure(
        _ cluster: inout KubernetesCluster, _ spec: inout ClusterSpec, _ owned: [Machine]
    ) async throws(ReconcileError) -> ConfigResult {
        let key = cluster.key
        guard spec.management != .machines else {
            config?.memory.forget(key)
            return .unmanaged
        }
        let names = SecretNames(spec, namespace: key.namespace)
        do throws(ConfigFailure) {
            guard let config else { throw .disabled }
            config.memory.know(
                key, bundle: names.bundle, spec.layerReferences(namespace: key.namespace))
            try await pinContract(of: &cluster, &spec)
            let endpoints = talosEndpoints(of: cluster, spec, owned)
            return try await ConfigStep(self, config, spec, names, talosEndpoints: endpoints)
                .run(&cluster, owned)
        } catch {
            if error.error.disposition == .conflict { throw error.error }
            return ConfigResult(
                error, names, Topology(spec).nodes, owned: owned, find: { config?.secrets.get($0) })
        }
    }

    /// Notes in a cluster whose life is managed which version of Talos its configurations are generated for, once.
    private func pinContract(
        of cluster: inout KubernetesCluster, _ spec: inout ClusterSpec
    ) async throws(ConfigFailure) {
        guard spec.management == .full else { return }
        let annotation = APINames.configContractAnnotation
        if let text = cluster.metadata.annotations[annotation] {
            guard let version = TalosVersion(text), TalosVersion.supported.contains(version) else {
                let range = "\(TalosVersion.supported.lowerBound) to \(TalosVersion.supported.upperBound)"
                throw .invalid(
                    "metadata.annotations[\"\(annotation)\"]: must be \(range), not \(Field.quote(text))")
            }
            spec.pinnedContract = version
            return
        }
        do throws(APIError) {
            cluster = try await client.mergePatch(
                KubernetesCluster.self, cluster.key,
                [
                    "metadata": [
                        "resourceVersion": .string(cluster.metadata.resourceVersion.text),
                        "annotations": [annotation: .string(spec.talosContract.description)],
                    ]
                ])
            clusters.record(written: cluster)
        } catch {
            throw .api(error, "Noting the version of the configurations")
        }
        spec.pinnedContract = spec.talosContract
    }

    /// Where the Talos API of a cluster whose life is managed answers; nil if that is not known, or not managed.
    private func talosEndpoints(
        of cluster: KubernetesCluster, _ spec: ClusterSpec, _ owned: [Machine]
    ) -> [String]? {
        guard spec.management == .full else { return nil }
        let record: LifecycleRecord
        do throws(LifecycleRecordError) {
            record = try cluster.lifecycleRecord(at: clock.timestamp)
        } catch {
            // It is told where the record counts; addresses come from the Machines too.
            record = LifecycleRecord()
        }
        return NodeRoster(spec, owned: owned, record).talosEndpoints
    }

    /// A number for the state of everything that configurations depend on and consist of; 0 for a cluster without.
    ///
    /// It changes when a certificate is due.
    func configState(of cluster: KubernetesCluster) -> Int {
        guard let config, let sources = config.memory.sources(of: cluster.key) else { return 0 }
        let isDue = sources.renewal.map { $0 <= clock.timestamp } ?? false
        let own = config.secrets.list(ownedBy: cluster.metadata.uid).map(\.metadata.versionHash)
        let bundle = config.secrets.get(sources.bundle)?.metadata.versionHash ?? 0
        let layers = config.layers.version(sources.references, cluster.metadata.labels)
        let state = own.reduce(layers &+ 31 &* bundle, &+)
        return isDue ? ~state : state
    }

    /// How long after this look at a cluster comes the next, event or not.
    func nextLook(at cluster: ObjectKey) -> ReconcileResult {
        .requeue(after: min(interval, untilRenewal(of: cluster)))
    }

    /// How long until a certificate of a cluster is due, a second at least; the interval if none is.
    func untilRenewal(of cluster: ObjectKey) -> Duration {
        guard let renewal = config?.memory.sources(of: cluster)?.renewal else { return interval }
        return max(renewal.since(clock.timestamp), .seconds(1))
    }

    /// Deletes the configurations of Machines that are gone for good; that this fails stops nothing else.
    func removeLeftConfigs(of cluster: KubernetesCluster, _ spec: ClusterSpec) async -> ReconcileError? {
        guard let config, spec.management != .machines else { return nil }
        let names = SecretNames(spec, namespace: cluster.key.namespace)
        let wanted = Set(Topology(spec).nodes.map { names.machineConfig(of: $0.name) })
        let left = config.secrets.list(ownedBy: cluster.metadata.uid).filter { secret in
            guard !wanted.contains(secret.key), !secret.metadata.isBeingDeleted,
                let machine = secret.machine
            else { return false }
            return machines.get(machine) == nil
        }
        do throws(ReconcileError) {
            for secret in left { try await delete(secret, config, of: cluster.key) }
            return nil
        } catch {
            return error
        }
    }

    /// Deletes every Secret of a cluster whose last Machine is gone; true once none is left.
    func removeSecrets(of cluster: KubernetesCluster) async throws(ReconcileError) -> Bool {
        guard let config else { return true }
        for secret in config.secrets.list(ownedBy: cluster.metadata.uid)
        where !secret.metadata.isBeingDeleted {
            if secret.kind == .bundle, cluster.retainsSecrets {
                try await release(secret, config, from: cluster)
                continue
            }
            try await delete(secret, config, of: cluster.key)
        }
        return config.secrets.list(ownedBy: cluster.metadata.uid).isEmpty
    }

    private func release(
        _ secret: ClusterSecret, _ config: ConfigManagement, from cluster: KubernetesCluster
    ) async throws(ReconcileError) {
        do throws(ConfigFailure) {
            try await SecretWriter(client: client, config, of: cluster.key)
                .release(secret, from: cluster.metadata.uid)
        } catch {
            throw error.error
        }
    }

    private func delete(
        _ secret: ClusterSecret, _ config: ConfigManagement, of cluster: ObjectKey
    ) async throws(ReconcileError) {
        do throws(ConfigFailure) {
            try await SecretWriter(client: client, config, of: cluster).delete(secret)
        } catch {
            throw error.error
        }
    }
}

extension SecretWriter {
    /// A writer that remembers what it wrote for `cluster`.
    init(client: KubernetesClient, _ config: ConfigManagement, of cluster: ObjectKey) {
        self.init(client: client, secrets: config.secrets) { config.memory.note($0, of: cluster) }
    }
}

extension ClusterSecret {
    /// What its label says it holds.
    var kind: SecretKind? { metadata.labels[APINames.secretTypeLabel].flatMap(SecretKind.init) }

    /// The Machine whose configuration it holds, if it holds one.
    fileprivate var machine: ObjectKey? {
        let suffix = "-\(SecretKind.machineConfig.rawValue)"
        guard kind == .machineConfig, metadata.name.hasSuffix(suffix) else { return nil }
        return ObjectKey(namespace: key.namespace, name: String(metadata.name.dropLast(suffix.count)))
    }
}
