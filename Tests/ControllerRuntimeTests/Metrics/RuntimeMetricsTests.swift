// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Observability
import Platform
import TestSupport
import Testing

@testable import Kubernetes

@Suite("Runtime metrics")
struct RuntimeMetricsTests {
    private let clock = ManualClock()
    private let registry = MetricRegistry()
    private let metrics: RuntimeMetrics

    init() {
        metrics = RuntimeMetrics(registry, clock: clock)
    }

    private var text: String { String(decoding: registry.render(), as: UTF8.self) }

    private func has(_ line: String) -> Bool { text.split(separator: "\n").contains { $0 == line } }

    @Test("every family is declared without fault, once")
    func table() {
        #expect(registry.problems.isEmpty)
        #expect(registry.definitions.count == RuntimeMetricTable.all.count)
        for definition in RuntimeMetricTable.all {
            #expect(text.contains("# TYPE \(definition.name) \(definition.kind.rawValue)\n"))
        }
    }

    @Test("series are there at zero as soon as their observer is made")
    func zeros() {
        _ = metrics.controllerObserver(name: "kc", workers: 8)
        _ = metrics.workQueueObserver(name: "kc")
        _ = metrics.reflectorObserver(name: "machines")
        _ = metrics.electorObserver(name: "op")
        for line in [
            "controller_runtime_reconcile_total{controller=\"kc\",result=\"success\"} 0",
            "controller_runtime_reconcile_total{controller=\"kc\",result=\"requeue_after\"} 0",
            "controller_runtime_reconcile_panics_total{controller=\"kc\"} 0",
            "controller_runtime_max_concurrent_reconciles{controller=\"kc\"} 8",
            "workqueue_adds_total{name=\"kc\",controller=\"kc\"} 0",
            "reflector_relists_total{name=\"machines\",reason=\"rv_regression\"} 0",
            "leader_election_master_status{name=\"op\"} 0", "event_recorder_dropped_total 0",
            "controller_runtime_reconcile_time_seconds_bucket{controller=\"kc\",le=\"60\"} 0",
        ] {
            #expect(has(line), "\(line)")
        }
    }

    @Test("outcomes of reconciles are counted")
    func outcomes() {
        let observer = metrics.controllerObserver(name: "kc", workers: 1)
        func finish(_ outcome: ReconcileOutcome) {
            observer.started()
            observer.finished(outcome, .seconds(2))
        }
        observer.started()
        finish(.success(.done))
        finish(.success(.requeue(after: .seconds(1))))
        finish(.failure(ReconcileError(errorType: "E", message: "m")))
        finish(.failure(ReconcileError(errorType: "E", message: "m", disposition: .terminal)))
        finish(.failure(ReconcileError(errorType: "E", message: "m", disposition: .conflict)))
        finish(.timedOut)
        finish(.cancelled)
        for line in [
            "controller_runtime_active_workers{controller=\"kc\"} 1",
            "controller_runtime_reconcile_total{controller=\"kc\",result=\"success\"} 1",
            "controller_runtime_reconcile_total{controller=\"kc\",result=\"requeue\"} 1",
            "controller_runtime_reconcile_total{controller=\"kc\",result=\"error\"} 3",
            "controller_runtime_reconcile_errors_total{controller=\"kc\"} 3",
            "controller_runtime_terminal_reconcile_errors_total{controller=\"kc\"} 1",
            "controller_runtime_reconcile_timeouts_total{controller=\"kc\"} 1",
            "controller_runtime_reconcile_time_seconds_count{controller=\"kc\"} 7",
        ] {
            #expect(has(line), "\(line)")
        }
    }

    @Test("a queue shows its depth and a worker that is stuck")
    func queue() async {
        let queue = WorkQueue(clock: clock, observer: metrics.workQueueObserver(name: "kc"))
        metrics.track(queue, name: "kc")
        queue.add(ObjectKey("a"))
        queue.add(ObjectKey("b"))
        #expect(has("workqueue_depth{name=\"kc\",controller=\"kc\",priority=\"\"} 2"))
        let key = await queue.next()
        clock.advance(by: .seconds(7))
        #expect(has("workqueue_depth{name=\"kc\",controller=\"kc\",priority=\"\"} 1"))
        #expect(has("workqueue_unfinished_work_seconds{name=\"kc\",controller=\"kc\"} 7"))
        #expect(has("workqueue_longest_running_processor_seconds{name=\"kc\",controller=\"kc\"} 7"))
        if let key { queue.done(key) }
        #expect(has("workqueue_unfinished_work_seconds{name=\"kc\",controller=\"kc\"} 0"))
        #expect(has("workqueue_work_duration_seconds_sum{name=\"kc\",controller=\"kc\"} 7"))
        #expect(has("workqueue_adds_total{name=\"kc\",controller=\"kc\"} 2"))
    }

    @Test("requests are counted by code, method and host, those without a response too")
    func requests() {
        for code in [200, 200, nil] as [Int?] {
            metrics.requestObserver(
                RequestObservation(
                    verb: .list, method: "GET", host: "api:6443", resource: "machines", statusCode: code,
                    duration: .seconds(1)))
        }
        #expect(has("rest_client_requests_total{code=\"200\",method=\"GET\",host=\"api:6443\"} 2"))
        #expect(has("rest_client_requests_total{code=\"<error>\",method=\"GET\",host=\"api:6443\"} 1"))
        #expect(has("rest_client_request_duration_seconds_count{verb=\"list\",host=\"api:6443\"} 3"))
    }

    @Test("what a reflector does is counted")
    func reflector() throws {
        let observer = metrics.reflectorObserver(name: "machines")
        observer.event(.listed(items: 3, duration: .seconds(1)))
        observer.event(.watched(events: 0, duration: .milliseconds(5)))
        observer.event(.watched(events: 9, duration: .seconds(250)))
        observer.event(.relisting(.expired))
        observer.event(.undecodable)
        observer.event(.stale)
        for line in [
            "reflector_lists_total{name=\"machines\"} 1", "reflector_items_per_list_sum{name=\"machines\"} 3",
            "reflector_watches_total{name=\"machines\"} 2",
            "reflector_short_watches_total{name=\"machines\"} 1",
            "reflector_items_per_watch_sum{name=\"machines\"} 9",
            "reflector_relists_total{name=\"machines\",reason=\"expired\"} 1",
            "reflector_undecodable_total{name=\"machines\"} 1",
            "reflector_stale_events_total{name=\"machines\"} 1",
        ] {
            #expect(has(line), "\(line)")
        }
        let writer = try #require(Store<Widget>.make().writers.first)
        metrics.track(
            Reflector(
                client: KubernetesClient(ScriptedTransport(), clock: clock), into: writer, handlers: [],
                clock: clock, random: { 0 }, logger: .silent(clock)))
        #expect(has("reflector_last_event_age_seconds{name=\"widgets\"} 0"))
    }
}
