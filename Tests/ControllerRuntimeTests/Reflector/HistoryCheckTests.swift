// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Testing

@testable import ControllerRuntime

@Suite("History check")
struct HistoryCheckTests {
    /// A check that expects three objects at version 50.
    private func check(isComplete: Bool = true) -> HistoryCheck {
        var check = HistoryCheck()
        check.listed(isComplete: isComplete)
        check.opened()
        check.expect(3, at: "50")
        return check
    }

    private func isContradicted(
        _ check: inout HistoryCheck, by count: Int, at version: ResourceVersion, isTaken: Bool
    ) -> Bool {
        check.isContradicted(by: count, at: version, isTaken: isTaken)
    }

    @Test(
        "the number of objects counts as soon as the watch has reached the version it is of, and not before",
        arguments: [
            ("49", 4, false, false), ("49", 4, true, false), ("50", 4, false, false), ("50", 4, true, true),
            ("50", 3, true, false), ("51", 4, false, true), ("51", 3, false, false), ("", 4, true, false),
        ])
    func counts(version: ResourceVersion, count: Int, isTaken: Bool, expected: Bool) {
        var check = check()
        #expect(isContradicted(&check, by: count, at: version, isTaken: isTaken) == expected)
    }

    @Test("it is compared once")
    func once() {
        var check = check()
        #expect(!isContradicted(&check, by: 3, at: "50", isTaken: true))
        #expect(!isContradicted(&check, by: 4, at: "51", isTaken: false))
    }

    @Test("a store that lacks what could not be read is not compared")
    func inexact() {
        var (incomplete, missed, silent) = (check(isComplete: false), check(), check())
        missed.missed()
        silent.expect(nil, at: "50")
        #expect(!isContradicted(&incomplete, by: 4, at: "51", isTaken: false))
        #expect(!isContradicted(&missed, by: 4, at: "51", isTaken: false))
        #expect(!isContradicted(&silent, by: 4, at: "51", isTaken: false))
    }

    @Test("what was expected of a watch is not expected of the next one")
    func reopened() {
        var (opened, listed) = (check(), check())
        opened.opened()
        listed.listed(isComplete: true)
        #expect(!isContradicted(&opened, by: 4, at: "51", isTaken: false))
        #expect(!isContradicted(&listed, by: 4, at: "51", isTaken: false))
    }

    @Test(
        "an object is of another past if it changed at a version that was passed without seeing it",
        arguments: [
            ("40", false), ("41", true), ("39", true), ("50", true), ("51", false), ("opaque", false),
        ])
    func foreign(shown: ResourceVersion, isForeign: Bool) {
        let known = ObjectMeta(name: "a", uid: "1", resourceVersion: "40")
        let shown = ObjectMeta(name: "a", uid: "1", resourceVersion: shown)
        #expect(HistoryCheck.isForeign(shown, known: known, seen: "50") == isForeign)
    }

    @Test("an object that is not there may have been deleted since")
    func absent() {
        let known = ObjectMeta(name: "a", uid: "1", resourceVersion: "40")
        #expect(!HistoryCheck.isForeign(nil, known: known, seen: "50"))
    }
}
