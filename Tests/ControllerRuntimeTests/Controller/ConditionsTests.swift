// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import Testing

@Suite("Conditions")
struct ConditionsTests {
    private let early = Timestamp(nanosecondsSince1970: 1_000_000_000)
    private let late = Timestamp(nanosecondsSince1970: 9_000_000_000)

    private func condition(_ type: String, _ status: Condition.Status, _ time: Timestamp) -> Condition {
        Condition(
            type: type, status: status, reason: "Because", message: "m", observedGeneration: 1,
            lastTransitionTime: time)
    }

    @Test("a new message keeps the transition time")
    func sameStatus() {
        let set = [condition("Ready", .true, early)].setting(
            "Ready", .true, reason: "Other", message: "new", observedGeneration: 2, at: late)
        #expect(set.condition("Ready")?.lastTransitionTime == early)
        #expect(set.condition("Ready")?.reason == "Other")
        #expect(set.condition("Ready")?.observedGeneration == 2)
    }

    @Test("a flip moves the transition time", arguments: [Condition.Status.false, .unknown])
    func flip(status: Condition.Status) {
        let set = [condition("Ready", .true, early)].setting(
            "Ready", status, reason: "Because", message: "m", observedGeneration: 1, at: late)
        #expect(set.condition("Ready")?.lastTransitionTime == late)
    }

    @Test("others' conditions and the order stay")
    func order() {
        let conditions = [
            condition("Foreign", .unknown, early), condition("Ready", .true, early),
            condition("X", .false, early),
        ]
        let set = conditions.setting(
            "Ready", .false, reason: "R", message: "", observedGeneration: 1, at: late)
        #expect(set.map(\.type) == ["Foreign", "Ready", "X"])
        #expect(set[0] == conditions[0])
        #expect(set[2] == conditions[2])
    }

    @Test("a new condition comes last")
    func append() {
        let set = [condition("Ready", .true, early)].setting(
            "Valid", .true, reason: "R", message: "", observedGeneration: 1, at: late)
        #expect(set.map(\.type) == ["Ready", "Valid"])
        #expect(set.condition("Valid")?.lastTransitionTime == late)
    }

    @Test("setting what is there already changes nothing")
    func idempotent() {
        let conditions = [condition("Ready", .true, early)]
        let set = conditions.setting(
            "Ready", .true, reason: "Because", message: "m", observedGeneration: 1, at: late)
        #expect(set == conditions)
    }

    @Test("a message beyond the API's limit is cut")
    func limit() {
        let set = [Condition]().setting(
            "Ready", .true, reason: "R", message: String(repeating: "x", count: 40_000),
            observedGeneration: 1, at: late)
        #expect(set.condition("Ready")?.message.utf8.count == 32_768)
    }
}
