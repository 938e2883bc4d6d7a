// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

/// A reconciler with everything it works with: a server in memory, caches that a test refreshes, a directory.
struct ReconcilerBench {
    static let cluster = ObjectKey(namespace: "default", name: "simple")
    static let path = "kubernetesclusters/default/simple"

    let api = FakeAPI()
    let clock = ManualClock()
    let log = RecordingLogSink()
    let registry = MetricRegistry()
    let directory: TemporaryDirectory
    let reconciler: KubernetesClusterReconciler
    private let clusters: StoreWriter<KubernetesCluster>
    private let machines: StoreWriter<Machine>
    private let secrets: StoreWriter<ClusterSecret>
    private let layerSecrets: StoreWriter<LayerSecret>
    private let layerConfigMaps: StoreWriter<LayerConfigMap>
    /// What makes keys, and the clusters that it has called for; layers for all clusters are in namespace `operator`.
    let generator: KeyGenerator
    let called = Journal<ObjectKey>()
    let queue: WorkQueue

    init(
        results: String? = nil, managesConfig: Bool = false, nodes: FakeNodes? = nil,
        fleet: FleetPolicy = FleetPolicy()
    ) throws {
        directory = try TemporaryDirectory()
        let (clusterStore, clusterWriters) = Store<KubernetesCluster>.make()
        let (machineStore, machineWriters) = Store<Machine>.make()
        clusters = try #require(clusterWriters.first)
        machines = try #require(machineWriters.first)
        let (secretStore, secretWriters) = Store<ClusterSecret>.make()
        let (layerSecretStore, layerSecretWriters) = Store<LayerSecret>.make()
        let (layerStore, layerWriters) = Store<LayerConfigMap>.make()
        secrets = try #require(secretWriters.first)
        layerSecrets = try #require(layerSecretWriters.first)
        layerConfigMaps = try #require(layerWriters.first)
        generator = KeyGenerator(clock: clock) { [called] in called.append($0) }
        queue = WorkQueue(clock: clock)
        let config = ConfigManagement(
            secrets: MutationCache(secretStore, clock: clock),
            layers: LayerStores(configMaps: layerStore, secrets: layerSecretStore, namespace: "operator"),
            generator: generator)
        let metrics = ClusterMetrics(registry, clusters: clusterStore, secrets: secretStore)
        let logger = Logger(sink: log, clock: clock)
        let client = api.client(clock: clock)
        let (clock, isManaging) = (clock, managesConfig)
        let lifecycle = nodes.flatMap { nodes in
            isManaging
                ? LifecycleManagement(
                    engine: LifecycleEngine(
                        looking: nodes, performing: nodes, rules: nodes.rules, logger: logger, clock: clock),
                    fleet: fleet) : nil
        }
        reconciler = KubernetesClusterReconciler(
            clusters: MutationCache(clusterStore, clock: clock),
            machines: MutationCache(machineStore, clock: clock),
            client: client,
            manifests: try ManifestStore(path: results ?? directory.path, observe: metrics.manifestObserver),
            events: EventRecorder(
                client: client, source: EventSource(component: "test", instance: "test"), clock: clock,
                random: { 0.5 }, logger: logger),
            metrics: metrics, logger: logger, clock: clock, interval: .seconds(30),
            config: managesConfig ? config : nil, lifecycle: lifecycle)
    }

    /// Applies a cluster as kubectl would, and lets the caches see it.
    func apply(_ spec: JSONValue, name: String = "simple", namespace: String = "default") throws {
        api.put(
            "kubernetesclusters/\(namespace)/\(name)",
            [
                "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster",
                "metadata": ["name": .string(name), "namespace": .string(namespace), "generation": 1],
                "spec": spec,
            ])
        try refresh()
    }

    /// Lets the caches see what the server has, as the watches would.
    func refresh() throws {
        let version = api.resourceVersion
        clusters.replace(
            with: try api.objects("kubernetesclusters").map(KubernetesCluster.init), version: version)
        machines.replace(with: try api.objects("machines").map(Machine.init), version: version)
        try refreshConfiguration(version)
    }

    /// The handlers hear of it too, as they do of watch events.
    private func refreshConfiguration(_ version: ResourceVersion) throws {
        let all = try api.objects("secrets").map { ($0, try ObjectMeta(of: $0).labels) }
        let layers = all.filter { $0.1[APINames.layerLabel] != nil }.map(\.0)
        let own = all.filter { $0.1[APINames.clusterNameLabel] != nil }.map(\.0)
        for change in secrets.replace(with: try own.map(ClusterSecret.init), version: version) {
            reconciler.secretHandler(queue)(change)
        }
        for change in layerSecrets.replace(with: try layers.map(LayerSecret.init), version: version) {
            reconciler.layerSecretHandler(queue)(change)
        }
        let maps = try api.objects("configmaps").map(LayerConfigMap.init)
        for change in layerConfigMaps.replace(with: maps, version: version) {
            reconciler.layerConfigMapHandler(queue)(change)
        }
    }

    /// The clusters that changes of Secrets and ConfigMaps make be looked at, since the last call.
    func takeQueued() async -> [String] {
        var keys: [String] = []
        while queue.snapshot.depth > 0, let item = await queue.next() {
            keys.append(item.name)
            queue.done(item)
        }
        return keys.sorted()
    }

    /// Reconciles; what it throws is returned.
    @discardableResult
    func reconcile(_ key: ObjectKey = cluster) async -> ReconcileError? {
        do throws(ReconcileError) {
            let result = try await reconciler.reconcile(key)
            switch result {
            case .done: break
            case .requeue(let delay), .requeueExactly(let delay):
                #expect(delay > .zero && delay <= .seconds(30))
            }
            return nil
        } catch {
            return error
        }
    }

    /// Refreshes and reconciles until that costs no request any more.
    func settle(_ key: ObjectKey = cluster) async throws {
        for _ in 0..<20 {
            try refresh()
            _ = api.takeRequests()
            await reconcile(key)
            await generator.workOff()
            if api.takeRequests().isEmpty, called.entries.isEmpty { return try refresh() }
            called.forget()
        }
        Issue.record("the cluster does not settle")
    }

    func status(_ path: String = Self.path) -> ClusterStatus {
        ClusterStatus(api.object(path)?["status"] ?? .null)
    }

    var machineNames: [String] {
        api.objects("machines").compactMap { $0["metadata"]?["name"]?.string }
    }

    /// The events so far, as in `Warning ValidationFailed message`; after this none can be recorded any more.
    func takeEvents() async -> [String] {
        reconciler.events.close()
        await reconciler.events.run()
        return api.events
    }

    /// A line of the metrics text.
    func metric(_ series: String) -> String? {
        String(decoding: registry.render(), as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix("\(series) ") }.map { String($0.dropFirst(series.count + 1)) }
    }
}
