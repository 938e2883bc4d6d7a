// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("The guard of etcd's quorum")
struct EtcdGuardTests {
    /// Members 1, 2 … on nodes c1, c2 …, all well, with the first one as the leader.
    private func etcd(_ count: Int) -> EtcdObservation {
        var etcd = EtcdObservation()
        let ids = (0..<count).map { UInt64($0 + 1) }
        let members = ids.map { EtcdObservation.Member(id: $0, hostname: "c\($0)") }
        for id in ids {
            etcd.views["c\(id)"] = members
            etcd.statuses["c\(id)"] = EtcdObservation.Status(
                memberID: id, leader: 1, raftIndex: 9000, raftAppliedIndex: 9000)
        }
        etcd.alarms = [:]
        return etcd
    }

    /// As if that node were dead.
    private func kill(_ id: UInt64, in etcd: inout EtcdObservation) {
        etcd.views["c\(id)"] = nil
        etcd.statuses["c\(id)"] = nil
    }

    @Test(
        "Of one, three and five members any may be down for a while, of two and none that would be missed",
        arguments: [(1, true), (2, false), (3, true), (4, true), (5, true)])
    func down(_ count: Int, _ isAllowed: Bool) {
        for id in 1...count {
            let verdict = EtcdGuard(etcd(count)).mayBeDown(node: "c\(id)", memberID: nil)
            #expect(verdict.isAllowed == isAllowed, "\(verdict)")
        }
    }

    @Test("Any of several members may leave, and the last one may not", arguments: 1...5)
    func leave(_ count: Int) {
        let verdict = EtcdGuard(etcd(count)).mayLeave(1)
        #expect(verdict == (count == 1 ? .refused([.lastMember]) : .allowed))
    }

    @Test("With one of three members dead the others stay up, and the dead one may go")
    func deadMember() {
        var etcd = etcd(3)
        kill(3, in: &etcd)
        let etcdGuard = EtcdGuard(etcd)
        #expect(etcdGuard.health.isAllowed)
        #expect(etcdGuard.mayBeDown(node: "c2", memberID: nil) == .refused([.quorumLost(1, of: 3, 2)]))
        #expect(etcdGuard.mayLeave(3).isAllowed)
        // Of the two that remain then, one alone would be no quorum.
        #expect(etcdGuard.mayLeave(2) == .refused([.quorumLost(1, of: 2, 2)]))
    }

    @Test("With two of three members dead nothing may be done")
    func lostQuorum() {
        var etcd = etcd(3)
        kill(2, in: &etcd)
        kill(3, in: &etcd)
        let etcdGuard = EtcdGuard(etcd)
        #expect(etcdGuard.health == .refused([.noQuorum(1, of: 3, 2)]))
        #expect(etcdGuard.mayLeave(3) == .refused([.noQuorum(1, of: 3, 2)]))
        #expect(etcdGuard.health.reasons.first?.isAboutQuorum == true)
    }

    @Test("What is not known is a reason to refuse")
    func unknown() {
        #expect(EtcdGuard(EtcdObservation()).health == .refused([.unseen]))
        var unasked = etcd(3)
        unasked.alarms = nil
        #expect(EtcdGuard(unasked).health == .refused([.alarmsUnknown]))
        var empty = etcd(1)
        empty.views["c1"] = []
        #expect(EtcdGuard(empty).health == .refused([.listUnusable("c1")]))
        #expect(EtcdGuard(etcd(3)).mayBeDown(node: "c9", memberID: nil) == .refused([.memberUnknown("c9")]))
        #expect(EtcdGuard(etcd(3)).mayLeave(9) == .refused([.notAMember(9)]))
    }

    @Test("Nodes that list different members are named")
    func disagreement() {
        var etcd = etcd(3)
        etcd.views["c3"]?.removeFirst()
        let verdict = EtcdGuard(etcd).mayBeDown(node: "c2", memberID: nil)
        #expect(verdict == .refused([.viewsDiffer(["c1", "c2"], ["c3"])]))
        #expect(verdict.message == "c3 and c1, c2 list different members of etcd")
    }

    @Test("A learner or a member that has not started holds everything but its own departure")
    func inFlight() {
        for change: (inout EtcdObservation.Member) -> Void in [{ $0.isLearner = true }, { $0.hostname = "" }]
        {
            var etcd = etcd(3)
            var added = EtcdObservation.Member(id: 4, hostname: "c4")
            change(&added)
            for node in etcd.views.keys { etcd.views[node]?.append(added) }
            #expect(!EtcdGuard(etcd).mayBeDown(node: "c1", memberID: nil).isAllowed)
            #expect(!EtcdGuard(etcd).mayLeave(1).isAllowed)
            #expect(EtcdGuard(etcd).mayLeave(4).isAllowed)
            // Known to be dead by its identity it holds nobody up, but a voter still counts.
            let exempting = EtcdGuard(etcd, leaving: [4])
            #expect(exempting.mayBeDown(node: "c1", memberID: nil).isAllowed == added.isLearner)
        }
    }

    @Test("An alarm holds everything; that of a broken member does not keep it from leaving")
    func alarms() {
        var etcd = etcd(3)
        etcd.alarms = [2: ["CORRUPT"]]
        #expect(EtcdGuard(etcd).mayBeDown(node: "c1", memberID: nil) == .refused([.alarm(2, ["CORRUPT"])]))
        #expect(EtcdGuard(etcd).mayLeave(1) == .refused([.alarm(2, ["CORRUPT"])]))
        #expect(EtcdGuard(etcd).mayLeave(2).isAllowed)
        etcd.alarms = [2: ["NOSPACE"]]
        #expect(EtcdGuard(etcd).mayLeave(2) == .refused([.alarm(2, ["NOSPACE"])]))
        etcd.alarms = [2: ["NONE"]]
        #expect(EtcdGuard(etcd).health.isAllowed)
    }

    @Test("A member that has not caught up does not count, nor does one with errors or without a leader")
    func unwell() {
        let changes: [(inout EtcdObservation.Status) -> Void] = [
            { $0.raftAppliedIndex -= EtcdGuard.maximumLag + 1 }, { $0.errors = ["disk is slow"] },
            { $0.leader = 0 },
        ]
        for change in changes {
            var etcd = etcd(3)
            if var status = etcd.statuses["c2"] {
                change(&status)
                etcd.statuses["c2"] = status
            }
            let etcdGuard = EtcdGuard(etcd)
            #expect(etcdGuard.problem(ofMemberOn: "c2") != nil)
            #expect(etcdGuard.problem(ofMemberOn: "c3") == nil)
            #expect(etcdGuard.mayBeDown(node: "c2", memberID: nil).isAllowed)
            let verdict = etcdGuard.mayBeDown(node: "c3", memberID: nil)
            #expect(verdict.reasons.first == .quorumLost(1, of: 3, 2))
            #expect(verdict.reasons.count == 2, "the reason for it is told as well")
        }
        var slow = etcd(3)
        slow.statuses["c2"]?.raftAppliedIndex -= EtcdGuard.maximumLag
        #expect(EtcdGuard(slow).mayBeDown(node: "c3", memberID: nil).isAllowed)
    }

    @Test("There has to be one leader, and it has to be a voter")
    func leaders() {
        var none = etcd(3)
        for node in none.statuses.keys { none.statuses[node]?.leader = 0 }
        #expect(EtcdGuard(none).health.reasons.first == .noLeader)
        var two = etcd(3)
        two.statuses["c3"]?.leader = 3
        #expect(EtcdGuard(two).health == .refused([.leadersDiffer]))
        var stranger = etcd(3)
        for node in stranger.statuses.keys { stranger.statuses[node]?.leader = 77 }
        #expect(EtcdGuard(stranger).health == .refused([.leaderUnknown(77)]))
    }

    @Test("An etcd that the others do not know is named, unless its node is leaving")
    func stranger() {
        var etcd = etcd(3)
        etcd.statuses["c4"] = EtcdObservation.Status(memberID: 255, leader: 1)
        #expect(EtcdGuard(etcd).health == .refused([.stranger("c4", 255)]))
        #expect(EtcdGuard(etcd, ignoring: ["c4"]).health.isAllowed)
        #expect(EtcdGuard.Reason.stranger("c4", 255).description.contains("member ff"))
    }

    @Test("A node that has left and still lists itself does not keep the others from going on")
    func staleView() {
        var etcd = etcd(3)
        for node in ["c1", "c2"] { etcd.views[node]?.removeLast() }
        #expect(!EtcdGuard(etcd).health.isAllowed)
        #expect(EtcdGuard(etcd, leaving: [3]).health.isAllowed)
    }

    @Test("Every reason is a sentence of its own")
    func words() {
        let member = EtcdObservation.Member(id: 5, hostname: "c5", isLearner: true)
        let reasons: [EtcdGuard.Reason] = [
            .unseen, .viewsDiffer(["a"], ["b"]), .listUnusable("a"), .memberUnknown("a"), .notAMember(1),
            .stranger("a", 1), .notAnswering("a"), .alarmsUnknown, .alarm(1, ["NOSPACE"]), .unstarted(1),
            .learner(member), .noLeader, .leadersDiffer, .leaderUnknown(1), .errors("a", ["x"]),
            .withoutLeader("a"), .behind("a"), .noQuorum(1, of: 3, 2), .quorumLost(1, of: 3, 2),
            .lastMember,
        ]
        #expect(Set(reasons.map(\.description)).count == reasons.count)
    }

    /// A state made by chance, and which of its members are voters and which of those are healthy.
    private func random(
        _ generator: inout SplitMix
    ) -> (etcd: EtcdObservation, voters: Set<UInt64>, healthy: Set<UInt64>) {
        let count = Int(generator.next() % 7) + 1
        var etcd = etcd(count)
        let voters = Set((1...count).map(UInt64.init))
        var healthy = voters
        for id in voters where generator.next() % 4 == 0 {
            healthy.remove(id)
            switch generator.next() % 4 {
            case 0: kill(id, in: &etcd)
            case 1: etcd.statuses["c\(id)"]?.errors = ["sick"]
            case 2: etcd.statuses["c\(id)"]?.leader = 0
            default: etcd.statuses["c\(id)"]?.raftAppliedIndex = 0
            }
        }
        return (etcd, voters, healthy)
    }

    /// Whether some majority of the voters is healthy, found by trying every set of them.
    private func hasQuorum(_ voters: Set<UInt64>, _ healthy: Set<UInt64>) -> Bool {
        let list = Array(voters)
        return (0..<(1 << list.count)).contains { mask in
            let chosen = list.indices.filter { mask >> $0 & 1 == 1 }.map { list[$0] }
            return 2 * chosen.count > list.count && chosen.allSatisfy { healthy.contains($0) }
        }
    }

    @Test("What it allows is what quorum by its definition allows", arguments: 0..<20)
    func agreesWithTheDefinition(_ seed: UInt64) {
        var generator = SplitMix(state: seed)
        for _ in 0..<200 {
            let (etcd, voters, healthy) = random(&generator)
            let etcdGuard = EtcdGuard(etcd)
            let isUp = hasQuorum(voters, healthy)
            #expect(etcdGuard.health.isAllowed == isUp)
            for member in voters {
                let rest = voters.subtracting([member])
                let survivors = healthy.subtracting([member])
                let isOnly = voters == [member]
                #expect(
                    etcdGuard.mayBeDown(node: "c\(member)", memberID: member).isAllowed
                        == (isUp && (isOnly || hasQuorum(voters, survivors))))
                #expect(etcdGuard.mayLeave(member).isAllowed == (isUp && hasQuorum(rest, survivors)))
            }
        }
    }
}

/// A small generator with a seed, so that a failure can be seen again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
