// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import Kubernetes
import PKI
import Platform
import Talos

/// One pass over the life of one cluster, on behalf of a reconcile.
struct LifecycleStep: Sendable {
    private let reconciler: KubernetesClusterReconciler
    private let config: ConfigManagement
    private let lifecycle: LifecycleManagement
    private let subject: LifecycleSubject

    /// Nil if the operator was not started to manage lives.
    init?(_ reconciler: KubernetesClusterReconciler, _ subject: LifecycleSubject) {
        guard let config = reconciler.config, let lifecycle = reconciler.lifecycle else { return nil }
        self.reconciler = reconciler
        self.config = config
        self.lifecycle = lifecycle
        self.subject = subject
    }

    /// Makes the pass; `cluster` is as the last write has left it afterwards.
    ///
    /// - Throws: only what makes everything else pointless now: somebody else was faster.
    func run(
        _ cluster: inout KubernetesCluster, _ owned: [Machine]
    ) async throws(ReconcileError) -> LifecycleResult {
        let record: LifecycleRecord
        do throws(LifecycleRecordError) {
            record = try cluster.lifecycleRecord(at: reconciler.clock.timestamp)
        } catch {
            return LifecycleResult(problem: error.description)
        }
        let credentials: ClusterCredentials
        do throws(ConfigFailure) {
            guard let found = try await self.credentials(&cluster, owned) else { return .pending }
            credentials = found
        } catch {
            if error.error.disposition == .conflict { throw error.error }
            return LifecycleResult(problem: error.message, error: error.error)
        }
        if let problem = try await leaveMark(of: record.bootstrap, cluster) {
            return LifecycleResult(problem: problem)
        }
        let managed = managed(cluster, owned, record, credentials)
        let store = ClusterRecordStore(reconciler, cluster, mark(cluster))
        let pass = await self.pass(managed, record, store)
        cluster = store.cluster
        return try result(of: pass, managed, before: record, cluster.status.lifecycle?.standing)
    }

    private func names(_ cluster: KubernetesCluster) -> SecretNames {
        SecretNames(subject.spec, namespace: cluster.key.namespace)
    }

    private func mark(_ cluster: KubernetesCluster) -> BundleMark {
        BundleMark(client: reconciler.client, secrets: config.secrets, bundle: names(cluster).bundle)
    }

    /// Marks the secrets of a cluster that was made, or is being made, before anything more is done with it; returns
    /// why that cannot be.
    private func leaveMark(
        of bootstrap: BootstrapRecord?, _ cluster: KubernetesCluster
    ) async throws(ReconcileError) -> String? {
        guard let bootstrap else { return nil }
        do throws(LifecycleStoreError) {
            try await mark(cluster).leave(bootstrap)
            return nil
        } catch .conflict {
            throw .conflict(
                "The Secret with the bundle of cluster \(cluster.key) was changed by somebody else")
        } catch {
            return "the bootstrap cannot be noted: \(error)"
        }
    }

    private func managed(
        _ cluster: KubernetesCluster, _ owned: [Machine], _ record: LifecycleRecord,
        _ credentials: ClusterCredentials
    ) -> ManagedCluster {
        let roster = subject.roster(owned: owned, record)
        // Without rules nobody has to look through all clusters.
        let obstacle =
            lifecycle.fleet.isEmpty
            ? nil
            : lifecycle.fleet.obstacle(
                to: cluster.key.description,
                among: reconciler.clusters.store.list().compactMap(\.fleetMember),
                at: reconciler.clock.timestamp)
        let nodes = cluster.metadata.isBeingDeleted ? roster.remainingNodes : roster.nodes
        let (renderer, digests) = (self.renderer(cluster), subject.configs)
        let machines = reconciler.machines.store
        var desired = subject.desired(cluster, nodes, fleetObstacle: obstacle)
        desired.earlierBootstrap = mark(cluster).text
        return ManagedCluster(
            key: cluster.key, desired: desired,
            addresses: roster.addresses, endpoint: subject.spec.endpoint.description,
            credentials: credentials,
            configuration: { (node: String) async throws(RenderingFailure) -> DesiredConfiguration in
                try await renderer.configuration(of: node, digest: digests[node]?.digest)
            }, fingerprints: roster.fingerprints,
            doubt: { roster.doubt(about: $0, at: $1) { machines.list() } })
    }

    private func renderer(_ cluster: KubernetesCluster) -> NodeRenderer {
        NodeRenderer(
            client: reconciler.client, layers: config.layers, spec: subject.spec, cluster: cluster.metadata)
    }

    /// The pass itself, cut off when it takes too long: what was begun shows in the next look.
    private func pass(
        _ managed: ManagedCluster, _ record: LifecycleRecord, _ store: ClusterRecordStore
    ) async -> Result<LifecyclePass, LifecycleError>? {
        let engine = lifecycle.engine
        let deadline = reconciler.clock.now + lifecycle.passLimit
        // Nodes that hang must not keep other clusters waiting.
        return await ReconcileContext.aside {
            await withDeadline(deadline, on: reconciler.clock) {
                do throws(LifecycleError) {
                    return .success(try await engine.pass(managed, record, store))
                } catch {
                    return .failure(error)
                }
            }
        }
    }

    private func result(
        of pass: Result<LifecyclePass, LifecycleError>?, _ managed: ManagedCluster,
        before record: LifecycleRecord, _ standing: FleetStanding?
    ) throws(ReconcileError) -> LifecycleResult {
        switch pass {
        case .success(let pass):
            reconciler.tell(pass, of: managed, before: record)
            return LifecycleResult(pass, managed, before: record, standing)
        case .failure(.conflict):
            throw .conflict("The record of cluster \(managed.key) was changed by somebody else")
        case .failure(.cancelled):
            if Task.isCancelled { throw .conflict("The look at cluster \(managed.key) was cancelled") }
            return LifecycleResult(problem: tooSlow)
        case .failure(.store(let reason)):
            let message = "Keeping the record of cluster \(managed.key): \(reason)"
            return LifecycleResult(
                problem: message, error: ReconcileError(errorType: "APIError", message: message))
        case nil:
            return LifecycleResult(problem: tooSlow)
        }
    }

    private var tooSlow: String {
        "the last look at the nodes took longer than \(lifecycle.passLimit.components.seconds) s and was cut off"
    }

    // MARK: Credentials

    /// Who we are to the cluster; nil while its keys are being made.
    private func credentials(
        _ cluster: inout KubernetesCluster, _ owned: [Machine]
    ) async throws(ConfigFailure) -> ClusterCredentials? {
        let (spec, key) = (subject.spec, cluster.key)
        let names = names(cluster)
        let purpose = purpose(cluster, names)
        let now = reconciler.clock.timestamp
        if let known = lifecycle.memory.credentials(of: key, for: purpose, at: now) { return known }
        let keeper = BundleKeeper(reconciler, config, spec, names)
        guard let bundle = try await keeper.bundle(of: &cluster, owned) else { return nil }
        let secrets = spec.secrets(from: bundle)
        let made: ClusterCredentials
        do throws(PKIError) {
            // An authority that somebody brought may have an RSA key.
            made = try await KeyThread.run { () throws(PKIError) in
                try ClusterCredentials.issue(secrets, clusterName: spec.clusterName.description, at: now)
            }
        } catch {
            throw .keys(error)
        }
        let life = made.expiry.since(now)
        lifecycle.memory.note(
            LifecycleMemory.Issued(
                purpose: purpose, credentials: made, issued: now, renewal: now + life / 2),
            of: key)
        return made
    }

    /// Changes with all that credentials are made from.
    private func purpose(_ cluster: KubernetesCluster, _ names: SecretNames) -> String {
        let bundle = config.secrets.get(names.bundle)
        let parts = [
            Array(cluster.metadata.uid.utf8),
            Array("\(bundle?.metadata.uid ?? "")/\(bundle?.digest ?? "")".utf8),
            Array(subject.spec.clusterName.description.utf8), subject.spec.talosAuthority?.crt ?? [],
        ]
        return SHA256.hexadecimal(of: Array(parts.joined(separator: [0])))
    }
}

/// Makes the configuration of a node when it is asked for, of what the API has at that time.
struct NodeRenderer: Sendable {
    let client: KubernetesClient
    let layers: LayerStores
    let spec: ClusterSpec
    let cluster: ObjectMeta

    /// The configuration of a node, if it is still the one with that digest.
    func configuration(
        of name: String, digest: String?
    ) async throws(RenderingFailure) -> DesiredConfiguration {
        guard let digest, let node = Topology(spec).nodes.first(where: { $0.name == name }) else {
            throw RenderingFailure("there is no configuration for \(name) now")
        }
        let bundle = try await bundle()
        let rendered: RenderedConfig
        do throws(ConfigProblems) {
            let objects = layers.objects(spec.layerReferences(namespace: cluster.namespace), cluster.labels)
            let resolved = try LayerCatalog(objects: objects, operatorNamespace: layers.namespace)
                .resolve(spec, for: cluster)
            rendered = try MachineConfigRenderer(spec: spec, secrets: bundle, layers: resolved)
                .render(node: node)
        } catch {
            throw RenderingFailure(ConfigFailure.summary(of: error.problems.map(\.description)))
        }
        guard rendered.digest == digest else {
            throw RenderingFailure("the configuration of \(name) has just changed")
        }
        return DesiredConfiguration(rendered.configuration, secretLayers: rendered.secretLayers)
    }

    private func bundle() async throws(RenderingFailure) -> SecretsBundle {
        let key = SecretNames(spec, namespace: cluster.namespace).bundle
        do throws(APIError) {
            let opened = try await client.get(OpenedSecret.self, key)
            guard let bundle = opened.bundle else {
                throw APIError.undecodable("Secret \(key) holds no bundle of secrets")
            }
            return bundle
        } catch {
            throw RenderingFailure("Secret \(key): \(error.withoutContent.explanation)")
        }
    }
}

extension OpenedSecret {
    /// The bundle in it; nil if it holds none that can be read.
    fileprivate var bundle: SecretsBundle? {
        guard let value, let text = String(validating: value, as: UTF8.self) else { return nil }
        do throws(ConfigProblems) {
            return try SecretsBundle(yaml: text, source: "the bundle")
        } catch {
            // What is wrong with it has been told when the configurations were made.
            return nil
        }
    }
}
