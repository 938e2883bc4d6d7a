// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Events on a real API server", .timeLimit(.minutes(15)))
struct EventTests {
    @Test("the same event again counts, many different ones become one, and a flood is cut off")
    func correlation() async throws {
        let bench = try await Bench.shared("events")
        let widget = try await bench.create("a")
        let other = try await bench.create("b")
        let dropped = Locked(0)
        try await recording(bench, dropped: dropped) { recorder in
            for _ in 0..<3 { recorder.record(.normal, "Made", "a machine was made", widget) }
            for number in 0..<12 { recorder.record(.warning, "Failed", "attempt \(number)", widget) }
            for number in 0..<100 { recorder.record(.normal, "Reason\(number)", "text", other) }
            // They are sent in their order; closing the recorder gives it two seconds and no more.
            try await bench.client.waitUntil(StoredEvent.self, in: bench.namespace) { events in
                events.count { $0.document["involvedObject"]?["name"] == "b" } >= 25
            }
        }
        let events = try await Self.events(bench)
        let about = Dictionary(grouping: events) { $0.document["involvedObject"]?["name"]?.string ?? "" }
        let counted = about["a", default: []].filter { $0.document["reason"] == "Made" }
        #expect(counted.map { $0.document["count"] } == [3])
        let failed = about["a", default: []].filter { $0.document["reason"] == "Failed" }
        #expect(failed.count == 10)
        let combined = failed.filter {
            $0.document["message"]?.string?.hasPrefix("(combined from similar events): ") == true
        }
        #expect(combined.map { $0.document["count"] } == [3])
        #expect(about["b", default: []].count == 25)
        #expect(dropped.withLock { $0 } == 75)
        let first = try #require(counted.first)
        #expect(first.document["involvedObject"]?["uid"]?.string == widget.metadata.uid)
        #expect(first.document["source"]?["component"] == "integration-tests")
        #expect(first.document["type"] == "Normal")
    }

    @Test("an event about an object without namespace is kept in the default one")
    func clusterWide() async throws {
        let bench = try await Bench.shared("cluster-wide")
        let namespace = try await bench.client.get(
            Namespace.self, ObjectKey(namespace: "", name: bench.namespace))
        let dropped = Locked(0)
        try await recording(bench, dropped: dropped) { recorder in
            recorder.record(
                .normal, reason: "Seen", message: "a namespace", about: ObjectReference(namespace))
            let stored = try await bench.client.waitUntil(
                StoredEvent.self, in: "default", fieldSelector: "involvedObject.name=\(bench.namespace)"
            ) { !$0.isEmpty }
            #expect(stored.map { $0.document["reason"] } == ["Seen"])
        }
        #expect(dropped.withLock { $0 } == 0)
    }

    @Test("an event that expired on the server is made anew with its count")
    func expiredEvent() async throws {
        let bench = try await Bench.shared("expired-event")
        let widget = try await bench.create("a")
        let dropped = Locked(0)
        try await recording(bench, dropped: dropped) { recorder in
            recorder.record(.normal, "Made", "once", widget)
            let stored = try await bench.client.waitUntil(StoredEvent.self, in: bench.namespace) {
                !$0.isEmpty
            }
            _ = try await bench.client.delete(StoredEvent.self, stored[0].key)
            recorder.record(.normal, "Made", "once", widget)
            try await bench.client.waitUntil(StoredEvent.self, in: bench.namespace) { events in
                events.map { $0.document["count"] } == [2]
            }
        }
        #expect(dropped.withLock { $0 } == 0)
    }

    @Test("without permission, and in a namespace that is going away, events are dropped and nothing waits")
    func refusals() async throws {
        let bench = try await Bench.shared("no-events")
        let widget = try await bench.create("a")
        let configuration = try await bench.controlPlane.configuration(ofUser: "mute-in-\(bench.namespace)")
        let mute = try bench.controlPlane.linkedClient(configuration).client
        let log = JournalSink()
        let dropped = Locked(0)
        try await recording(bench, client: mute, dropped: dropped, log: log) { recorder in
            for number in 0..<5 { recorder.record(.normal, "Made\(number)", "a machine", widget) }
            try await log.lines.first { $0.contains("Event could not be published") }
        }
        #expect(dropped.withLock { $0 } == 5)
        let lines = log.lines.entries.filter { $0.contains("Event could not be published") }
        #expect(lines.count == 1)
        #expect(lines.first?.contains("403 Forbidden") == true)

        let held = try await Finalizer("testing.vitistack.io/hold").add(to: widget, bench.client)
        _ = try await bench.client.delete(
            Namespace.self, ObjectKey(namespace: "", name: bench.namespace))
        dropped.withLock { $0 = 0 }
        try await recording(bench, dropped: dropped) { recorder in
            recorder.record(.normal, "TooLate", "a machine", held)
        }
        #expect(dropped.withLock { $0 } == 1)
        try await Finalizer("testing.vitistack.io/hold").remove(
            from: try await bench.client.get(Widget.self, widget.key), bench.client)
    }

    private static func events(_ bench: Bench) async throws -> [StoredEvent] {
        try await bench.client.list(StoredEvent.self, bench.selection()).items
    }
}

/// Runs `work` with a recorder, then closes that and waits until it has sent what it could.
private func recording(
    _ bench: Bench, client: KubernetesClient? = nil, dropped: Locked<Int>, log: JournalSink = JournalSink(),
    _ work: (EventRecorder) async throws -> Void
) async throws {
    let clock = SystemClock()
    let recorder = EventRecorder(
        client: client ?? bench.client,
        source: EventSource(component: "integration-tests", instance: "one"), clock: clock,
        random: { 0.5 }, logger: Logger(sink: log, clock: clock),
        dropped: { count in dropped.withLock { $0 += count } })
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await recorder.run() }
        try await work(recorder)
        recorder.close()
        try await group.waitForAll()
    }
}

extension EventRecorder {
    fileprivate func record(_ type: EventType, _ reason: String, _ message: String, _ object: Widget) {
        record(type, reason: reason, message: message, about: ObjectReference(object))
    }
}
