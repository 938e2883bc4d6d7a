// SPDX-License-Identifier: Apache-2.0
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

    init(results: String? = nil) throws {
        directory = try TemporaryDirectory()
        let (clusterStore, clusterWriters) = Store<KubernetesCluster>.make()
        let (machineStore, machineWriters) = Store<Machine>.make()
        clusters = try #require(clusterWriters.first)
        machines = try #require(machineWriters.first)
        let metrics = ClusterMetrics(registry, clusters: clusterStore)
        let logger = Logger(sink: log, clock: clock)
        let client = api.client(clock: clock)
        reconciler = KubernetesClusterReconciler(
            clusters: MutationCache(clusterStore, clock: clock),
            machines: MutationCache(machineStore, clock: clock),
            client: client,
            manifests: try ManifestStore(path: results ?? directory.path, observe: metrics.manifestObserver),
            events: EventRecorder(
                client: client, source: EventSource(component: "test", instance: "test"), clock: clock,
                random: { 0.5 }, logger: logger),
            metrics: metrics, logger: logger, clock: clock, interval: .seconds(30))
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
    }

    /// Reconciles; what it throws is returned.
    @discardableResult
    func reconcile(_ key: ObjectKey = cluster) async -> ReconcileError? {
        do throws(ReconcileError) {
            let result = try await reconciler.reconcile(key)
            #expect(result == .done || result == .requeue(after: .seconds(30)))
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
            if api.takeRequests().isEmpty { return try refresh() }
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
