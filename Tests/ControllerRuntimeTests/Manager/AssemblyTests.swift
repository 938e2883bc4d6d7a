// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ControllerRuntime

/// Announces what it is told to reconcile.
private struct AnnouncingReconciler: Reconciler {
    let store: Store<Widget>
    let recorder: EventRecorder
    let seen: Recorder<Int64>

    func reconcile(_ key: ObjectKey) async throws(ReconcileError) -> ReconcileResult {
        guard let widget = store.get(key) else { return .done }
        seen.append(widget.size)
        recorder.record(
            .normal, reason: "Seen", message: "size \(widget.size)",
            about: ObjectReference(
                apiVersion: "test.example/v1", kind: "Widget", namespace: key.namespace, name: key.name,
                uid: widget.metadata.uid))
        return .done
    }
}

@Suite("All parts of the runtime together")
struct AssemblyTests {
    private let clock = ManualClock()
    private let lines = RecordingLogSink()
    private let registry = MetricRegistry()
    private let shutdown = Gate()
    private let body = ScriptedBody()
    private let seen = Recorder<Int64>()
    private let outcomes = Recorder<ReconcileOutcome>()

    private func server(isListable: Bool = true) -> ScriptedTransport {
        let body = body
        return ScriptedTransport { request in
            if request.method == .post {
                return .json(201, ["kind": "Event", "metadata": ["name": "e", "namespace": "ns"]])
            }
            guard isListable else { return .failure(403, reason: "Forbidden", message: "no widgets") }
            return request.query("watch") != nil
                ? .watch(body) : listAnswer([Widget("a", version: 3, size: 1)], version: 10)
        }
    }

    private func manager(_ transport: ScriptedTransport) throws -> Manager {
        let metrics = RuntimeMetrics(registry, clock: clock)
        let client = KubernetesClient(transport, clock: clock)
        let logger = Logger.recording(lines, clock)
        let (store, writers) = Store<Widget>.make()
        let queue = WorkQueue(clock: clock, observer: metrics.workQueueObserver(name: "widgets"))
        let reflector = Reflector(
            client: client, into: try #require(writers.first),
            handlers: [EventHandlers.enqueueObject(queue)], clock: clock, random: { 0 }, logger: logger,
            observer: metrics.reflectorObserver(name: "widgets"))
        let recorder = EventRecorder(
            client: client, source: EventSource(component: "op", instance: "host"), clock: clock,
            random: { 0.5 }, logger: logger, dropped: metrics.eventsDropped)
        metrics.track(reflector)
        metrics.track(queue, name: "widgets")
        let outcomes = outcomes
        var parts = Manager.Parts()
        parts.caches = [CacheRunnable(reflector)]
        parts.background = [Runnable(recorder)]
        parts.controllers = [
            Runnable(
                Controller(
                    name: "widgets",
                    reconciler: AnnouncingReconciler(store: store, recorder: recorder, seen: seen),
                    queue: queue, clock: clock, random: { 0.5 }, logger: logger,
                    observer: metrics.controllerObserver(name: "widgets", workers: 1)
                        .and(ControllerObserver(finished: { outcome, _ in outcomes.append(outcome) }))))
        ]
        return Manager(parts, clock: clock, logger: logger, abandon: { _ in })
    }

    private func run(_ manager: Manager, _ body: () async -> Void) async -> ManagerOutcome {
        await withTaskGroup(of: ManagerOutcome.self) { group in
            group.addTask { [shutdown] in await manager.run { await shutdown.wait() } }
            await body()
            shutdown.open()
            return await group.next() ?? ManagerOutcome()
        }
    }

    private func has(_ line: String) -> Bool {
        String(decoding: registry.render(), as: UTF8.self).split(separator: "\n").contains { $0 == line }
    }

    @Test("what the API tells is reconciled, announced and counted, and a stop loses nothing")
    func fromWatchToEvent() async throws {
        let transport = server()
        let manager = try manager(transport)
        let outcome = await run(manager) {
            await outcomes.wait(for: 1)
            #expect(manager.cachesSynced == .healthy)
            body.yield(event: "MODIFIED", Widget("a", version: 11, size: 2).json)
            await outcomes.wait(for: 2)
        }
        #expect(outcome.isClean, "\(outcome)")
        #expect(seen.values == [1, 2])
        // The recorder was stopped after the controller, and sent what waited.
        #expect(transport.requests.count { $0.method == .post } == 2)
        for line in [
            "controller_runtime_reconcile_total{controller=\"widgets\",result=\"success\"} 2",
            "controller_runtime_active_workers{controller=\"widgets\"} 0",
            "workqueue_adds_total{name=\"widgets\",controller=\"widgets\"} 2",
            "workqueue_depth{name=\"widgets\",controller=\"widgets\",priority=\"\"} 0",
            "reflector_lists_total{name=\"widgets\"} 1",
            "reflector_last_resource_version{name=\"widgets\"} 11", "event_recorder_dropped_total 0",
        ] {
            #expect(has(line), "\(line)")
        }
    }

    @Test("without the right to list nothing is reconciled, and readiness says why")
    func forbidden() async throws {
        let manager = try manager(server(isListable: false))
        let outcome = await run(manager) {
            await clock.waitForSleepers(2)
            guard case .unhealthy(let reason) = manager.cachesSynced else {
                Issue.record("ready without its objects")
                return
            }
            #expect(reason.contains("widgets"), "\(reason)")
        }
        #expect(outcome.isClean, "\(outcome)")
        #expect(seen.values == [])
        #expect(lines.lines.contains { $0.contains("no widgets") })
    }
}
