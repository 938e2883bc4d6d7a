// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ControllerRuntime

@Suite("Event recorder")
struct EventRecorderTests {
    private let clock = ManualClock()
    private let lines = RecordingLogSink()
    private let dropped = Recorder<Int>()

    private static let created = ScriptedTransport.Answer.json(
        201, ["kind": "Event", "metadata": ["name": "e", "namespace": "ns"]])

    private func recorder(_ transport: ScriptedTransport) -> EventRecorder {
        let dropped = dropped
        return EventRecorder(
            client: KubernetesClient(transport, clock: clock),
            source: EventSource(component: "op", instance: "host"), clock: clock, random: { 0.5 },
            logger: .recording(lines, clock), dropped: { dropped.append($0) })
    }

    private func record(_ recorder: EventRecorder, _ message: String = "m", object: String = "a") {
        recorder.record(
            .normal, reason: "R", message: message,
            about: ObjectReference(
                apiVersion: "v1", kind: "Box", namespace: "ns", name: object, uid: "u-\(object)"))
    }

    private func methods(_ transport: ScriptedTransport) -> [String] {
        transport.requests.map(\.method.rawValue)
    }

    @Test("the same event twice is created once and patched once")
    func repetition() async {
        let transport = ScriptedTransport { _ in Self.created }
        let recorder = recorder(transport)
        record(recorder)
        record(recorder)
        recorder.close()
        await recorder.run()
        #expect(methods(transport) == ["POST", "PATCH"])
        #expect(transport.requests[0].path == "/api/v1/namespaces/ns/events")
        #expect(transport.requests[1].path.hasPrefix("/api/v1/namespaces/ns/events/a."))
        #expect(dropped.values.isEmpty)
    }

    @Test("an event object that has vanished is created anew")
    func vanished() async {
        let transport = ScriptedTransport(Self.created, .failure(404, reason: "NotFound"), Self.created)
        let recorder = recorder(transport)
        record(recorder)
        record(recorder)
        recorder.close()
        await recorder.run()
        #expect(methods(transport) == ["POST", "PATCH", "POST"])
    }

    @Test("without a connection it tries again, and gives up after twelve times")
    func retries() async {
        let transport = ScriptedTransport { _ in .failure(.connectFailed("no")) }
        let recorder = recorder(transport)
        record(recorder)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await recorder.run() }
            for attempt in 1...11 {
                await transport.waitForRequests(attempt)
                await clock.waitForSleepers()
                clock.advance(by: .seconds(10))
            }
            await dropped.wait(for: 1)
            group.cancelAll()
        }
        #expect(transport.requests.count == 12)
        #expect(dropped.values == [1])
    }

    @Test("a refusal is not tried again, and the lack of permission is logged once an hour")
    func forbidden() async {
        let transport = ScriptedTransport { _ in .failure(403, reason: "Forbidden") }
        let recorder = recorder(transport)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await recorder.run() }
            for number in 1...3 {
                record(recorder, object: "o\(number)")
                await dropped.wait(for: number)
            }
            #expect(lines.lines.count == 1)
            clock.advance(by: .seconds(3601))
            record(recorder, object: "o4")
            await dropped.wait(for: 4)
            group.cancelAll()
        }
        #expect(lines.lines.count == 2)
        #expect(transport.requests.count == 4)
    }

    @Test("of very many events about one object a burst is sent, the rest is dropped and counted")
    func spam() async {
        let transport = ScriptedTransport { _ in Self.created }
        let recorder = recorder(transport)
        for _ in 0..<40 { record(recorder) }
        record(recorder, object: "b")
        recorder.close()
        await recorder.run()
        #expect(transport.requests.count == 25 + 1)
        #expect(dropped.values.reduce(0, +) == 15)
    }

    @Test("a queue that is full drops and counts, and never waits")
    func bounded() {
        let recorder = recorder(ScriptedTransport())
        for number in 0..<1500 { record(recorder, "m\(number)") }
        #expect(dropped.values.reduce(0, +) == 500)
    }

    @Test("after closing, what waits is sent, but no longer than two seconds")
    func flush() async {
        let transport = ScriptedTransport { _ in .silence }
        let recorder = recorder(transport)
        for number in 0..<3 { record(recorder, object: "o\(number)") }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await recorder.run() }
            await transport.waitForRequests(1)
            recorder.close()
            await clock.waitForSleepers()
            clock.advance(by: .seconds(2))
        }
        #expect(transport.requests.count == 1)
        #expect(dropped.values.reduce(0, +) == 3)
    }

    @Test("after closing nothing is accepted")
    func closed() {
        let recorder = recorder(ScriptedTransport())
        recorder.close()
        record(recorder)
        #expect(dropped.values == [1])
    }
}
