// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ControllerRuntime
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport

/// The operator, put together as in production but for the network: reflectors, queue, one worker, manifests.
///
/// It takes one step at a time and each step ends before the next begins, so that every run does the same work.
final class SampleOperator: Sendable {
    let server: SampleServer
    let machines: (store: Store<Machine>, writers: [StoreWriter<Machine>])
    let registry = MetricRegistry()
    private let clusters: (store: Store<KubernetesCluster>, writers: [StoreWriter<KubernetesCluster>])
    private let queue: WorkQueue
    private let reconciler: KubernetesClusterReconciler
    private let events: EventRecorder
    private let client: KubernetesClient
    private let logger = Logger(sink: SilentSink(), clock: SystemClock())
    private let seen = Tally()
    private let reconciled = Tally()

    /// An operator of a server with so many clusters; manifests go below `results`.
    init(clusters count: Int, results: String) throws {
        server = SampleServer(clusters: count)
        client = KubernetesClient(
            transport: server, endpoint: Endpoint(scheme: .https, host: "sample", port: 443),
            fieldManager: APINames.fieldManager)
        clusters = Store.make()
        machines = Store.make()
        queue = WorkQueue(clock: SystemClock())
        events = EventRecorder(
            client: client, source: EventSource(component: "sample", instance: "sample"),
            clock: SystemClock(),
            random: { 0.5 }, logger: logger)
        let metrics = ClusterMetrics(registry, clusters: clusters.store)
        reconciler = KubernetesClusterReconciler(
            clusters: MutationCache(clusters.store, clock: SystemClock()),
            machines: MutationCache(machines.store, clock: SystemClock()), client: client,
            manifests: try ManifestStore(path: results, observe: metrics.manifestObserver),
            events: events, metrics: metrics, logger: logger, clock: SystemClock(), interval: .seconds(86_400)
        )
    }

    /// Fills the caches, and keeps them true while `body` runs.
    func withCaches(_ body: @escaping @Sendable (SampleOperator) async throws -> Void) async throws {
        let reflectors = [
            reflector(clusters.writers, KubernetesClusterReconciler.clusterHandler(queue)),
            reflector(machines.writers, reconciler.machineHandler(queue)),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for reflector in reflectors { group.addTask { await reflector() } }
            await server.opened.wait(for: reflectors.count)
            await seen.wait(for: server.clusterCount * 9)
            try await body(self)
            group.cancelAll()
        }
    }

    /// Looks at every cluster that was listed, and works on while `body` runs.
    func withWorker(_ body: @escaping @Sendable (SampleOperator) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.controller.run() }
            group.addTask { await self.events.run() }
            await reconciled.wait(for: server.clusterCount)
            await showEvents(reconciles: 0)
            try await body(self)
            group.cancelAll()
        }
    }

    private var controller: Controller {
        Controller(
            name: "sample", reconciler: reconciler, queue: queue, clock: SystemClock(), random: { 0.5 },
            logger: logger, observer: ControllerObserver(finished: { [reconciled] _, _ in reconciled.add() }))
    }

    private func reflector<R: Resource>(
        _ writers: [StoreWriter<R>], _ handler: @escaping ChangeHandler<R>
    ) -> @Sendable () async -> Void {
        { [client, logger, seen] in
            for writer in writers {
                let reflector = Reflector(
                    client: client, into: writer, handlers: [handler, { _ in seen.add() }],
                    clock: SystemClock(), random: { 0.5 }, logger: logger)
                await reflector.run()
            }
        }
    }
}

/// What a profile does with it.
extension SampleOperator {
    /// A new cluster, from its first event to the last echo of our own writes.
    func create(_ number: Int) async {
        server.createCluster(number)
        await showEvents(reconciles: 1)
        // The echo of the finalizer makes the cluster be looked at once more.
        await showEvents(reconciles: 1)
    }

    /// A look at a cluster in which nothing has changed.
    func reconcile(_ number: Int) async {
        let before = reconciled.count
        queue.add(ObjectKey(namespace: "default", name: SampleDocuments.clusterName(number)))
        await reconciled.wait(for: before + 1)
    }

    /// A change of a Machine's status that does not matter.
    func beatHeart(of number: Int, _ beat: Int) async throws {
        try server.beatHeart(of: number, beat)
        await showEvents(reconciles: 0)
    }

    func log(_ number: Int) {
        logger.info(
            "Successfully reconciled cluster",
            [
                "cluster": .string("bench-00000"), "namespace": "default", "created": .integer(8),
                "changed": .integer(0), "deleted": .integer(Int64(number)),
            ])
    }

    func showEvents(reconciles: Int) async {
        let (events, done) = (seen.count, reconciled.count)
        let shown = server.showEvents()
        await seen.wait(for: events + shown)
        await reconciled.wait(for: done + reconciles)
    }
}

/// Counts, and lets one task wait for a count.
final class Tally: Sendable {
    private struct State {
        var count = 0
        var waiting: (count: Int, continuation: CheckedContinuation<Void, Never>)?
    }

    private let state = Locked(State())

    var count: Int { state.withLock { $0.count } }

    func add() {
        let waiter = state.withLock { state in
            state.count += 1
            guard let waiting = state.waiting, waiting.count <= state.count else {
                return nil as CheckedContinuation<Void, Never>?
            }
            state.waiting = nil
            return waiting.continuation
        }
        waiter?.resume()
    }

    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.count >= count { return true }
                state.waiting = (count, continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

private struct SilentSink: LogSink {
    func write(_ line: [UInt8]) {}
}
