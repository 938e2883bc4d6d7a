// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import Testing

@testable import ControllerRuntime

@Suite("Event object")
struct EventObjectTests {
    private func event(
        object: String = "box", namespace: String = "ns", reason: String = "Made", message: String = "m"
    ) -> CorrelatedEvent {
        let request = EventRequest(
            type: .normal, reason: reason, message: message,
            regarding: ObjectReference(
                apiVersion: "test.example/v1", kind: "Box", namespace: namespace, name: object, uid: "u"),
            timestamp: Timestamp(nanosecondsSince1970: 2_000_000_000))
        return CorrelatedEvent(
            request: request, published: nil, count: 3, firstTimestamp: Timestamp(nanosecondsSince1970: 0),
            key: EventCorrelator.Key(regarding: request.regarding, type: .normal, reason: reason))
    }

    @Test("the object to create says what kubectl shows")
    func object() {
        let object = event().object(
            named: "box.1f", from: EventSource(component: "op", instance: "op-host"))
        #expect(
            object == [
                "apiVersion": "v1", "kind": "Event", "metadata": ["name": "box.1f", "namespace": "ns"],
                "involvedObject": [
                    "apiVersion": "test.example/v1", "kind": "Box", "namespace": "ns", "name": "box",
                    "uid": "u",
                ],
                "type": "Normal", "reason": "Made", "message": "m", "source": ["component": "op"],
                "reportingComponent": "op", "reportingInstance": "op-host",
                "firstTimestamp": "1970-01-01T00:00:00Z", "lastTimestamp": "1970-01-01T00:00:02Z", "count": 3,
            ])
    }

    @Test("the patch counts once more")
    func patch() {
        #expect(
            event().patch == ["count": 3, "message": "m", "lastTimestamp": "1970-01-01T00:00:02Z"])
    }

    @Test("an event about a cluster-wide object lives in default")
    func namespace() {
        #expect(event(namespace: "").namespace == "default")
    }

    @Test("the name is the object's and a number, and never too long")
    func name() {
        #expect(event().name(suffix: 255) == "box.ff")
        #expect(event(object: String(repeating: "x", count: 253)).name(suffix: 255) == "event.ff")
    }

    @Test("what is too long is cut")
    func limits() throws {
        let long = event(
            reason: String(repeating: "R", count: 200), message: String(repeating: "a", count: 1023) + "é")
        let object = long.object(
            named: "n", from: EventSource(component: "op", instance: String(repeating: "h", count: 200)))
        #expect(object["message"]?.string?.utf8.count == 1023)
        #expect(object["reason"]?.string?.utf8.count == 128)
        #expect(object["reportingInstance"]?.string?.utf8.count == 128)
    }

    @Test(
        "text is cut between characters' bytes, never within",
        arguments: [
            ("abc", 5, "abc"), ("abc", 2, "ab"), ("aé", 2, "a"), ("aé", 3, "aé"), ("😀", 3, ""), ("", 0, ""),
        ])
    func truncation(text: String, limit: Int, expected: String) {
        #expect(text.truncated(toBytes: limit) == expected)
    }
}
