// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("Checker: what must never be begun again")
struct LostClusterTests {
    @Test(
        "A cluster whose machines were all replaced is not bootstrapped again, whatever is left of the record",
        arguments: [1, 3], [false, true])
    func lost(_ controlPlane: Int, _ isRecordLost: Bool) {
        var checker = Scenario("lost", controlPlane, 1).start(seed: 5).going([], seed: 6, mayHalt: true)
        for name in checker.world.nodes.map(\.name) { checker.world.replaceMachine(name) }
        if isRecordLost { checker.befall(.recordLost, "") }
        let end = checker.world.now + 20_000
        while checker.world.now < end, !checker.isBroken { checker.stepOn() }
        let isAsked = checker.world.etcds.count > 1 || checker.world.bootstraps > 1
        #expect(!checker.isBroken && !isAsked, "\(checker.report)")
        #expect(checker.world.management.record.halt != nil)
    }

    @Test(
        "A cluster of which only an empty node is seen is not bootstrapped on that one",
        arguments: [false, true])
    func empty(_ isRecordLost: Bool) {
        var checker = Scenario("hidden", 3, 1).start(seed: 5).going([], seed: 6, mayHalt: true)
        checker.world.replaceMachine("cp-1")
        for name in ["cp-0", "cp-2"] { checker.world.disturb(name) { $0.cutUntil = $1 + 8000 } }
        if isRecordLost { checker.befall(.recordLost, "") }
        let end = checker.world.now + 7000
        while checker.world.now < end, !checker.isBroken { checker.stepOn() }
        #expect(!checker.isBroken && checker.world.bootstraps == 1, "\(checker.report)")
        checker.healsAt = checker.world.now
        checker.run()
        #expect(!checker.isBroken && checker.world.etcds.count == 1, "\(checker.report)")
    }

    @Test(
        "A cluster of which nobody remembers anything is not begun again beside nodes that cannot be judged",
        arguments: [Fault.addressTaken, .nodeHangs], [false, true])
    func forgotten(_ fault: Fault, _ isMarkLost: Bool) {
        var checker = Scenario("forgotten", 3, 1).start(seed: 5).going([], seed: 6, mayHalt: true)
        checker.world.replaceMachine("cp-1")
        for name in ["cp-0", "cp-2"] {
            checker.befall(fault, name)
            checker.world.disturb(name) { node, now in
                node.hungUntil = now + 8000
                if fault == .addressTaken { node.strangerUntil = node.hungUntil }
            }
        }
        // Strangers tell that something is there; of nodes that are silent only Kubernetes can, or a mark.
        if fault == .addressTaken || !isMarkLost {
            checker.world.kubernetes.cutUntil = checker.world.now + 8000
        }
        checker.world.loseRecord(isAnnotationLost: true, isMarkLost: isMarkLost)
        for index in checker.operators.indices { checker.operators[index].cache = nil }
        let end = checker.world.now + 7000
        while checker.world.now < end, !checker.isBroken { checker.stepOn() }
        #expect(!checker.isBroken && checker.world.bootstraps == 1, "\(checker.report)")
        checker.healsAt = checker.world.now
        checker.run()
        #expect(!checker.isBroken && checker.world.etcds.count == 1, "\(checker.report)")
    }
}
