// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("Plans and their approval")
struct ApprovalTests {
    private static func manual(_ nodes: [String]) -> Cluster {
        var cluster = Cluster()
        cluster.desired.policy.rollout.approval = .manual
        for node in nodes { cluster.differ(node) }
        return cluster
    }

    @Test("Nothing is begun without an approval, and the plan is told")
    func unapproved() throws {
        var cluster = Self.manual(["c0", "w0"])
        let decision = cluster.decide()
        let plan = RolloutPlan(cluster.context)
        #expect(
            decision.actions.isEmpty && decision.says("2 changes wait for the approval of plan \(plan.hash)"))
        #expect(
            plan.items.map(\.node) == ["c0", "w0"] && plan.items.allSatisfy { $0.difference == "- a\n+ b\n" })
        let told = try #require(LifecycleReport.Plan(plan, cluster.context))
        #expect(told.hash == plan.hash && told.items.count == 2 && !told.isApproved)
    }

    @Test("An approved plan is carried out to its end though it shrinks")
    func shrinking() {
        var cluster = Self.manual(["c0", "c1"])
        cluster.desired.approvedPlan = RolloutPlan(cluster.context).hash
        var asked = cluster.step()
        for node in ["c0", "c1"] {
            #expect(asked.map(\.node) == [node])
            cluster.observed.nodes[node]?.config = .matches
            cluster.step()
            cluster.pass(.seconds(30))
            asked = cluster.step()
        }
        cluster.step()
        #expect(cluster.record.approvedItems.isEmpty)
    }

    @Test("The approval of another plan approves nothing", arguments: ["", "0123456789ab"])
    func other(_ hash: String) {
        var cluster = Self.manual(["c0"])
        cluster.desired.approvedPlan = hash
        #expect(cluster.decide().actions.isEmpty)
    }

    @Test("What is new in a plan, or has changed, waits; what was approved goes on")
    func changed() {
        var cluster = Self.manual(["w0"])
        cluster.desired.approvedPlan = RolloutPlan(cluster.context).hash
        cluster.differ("c0")
        #expect(cluster.decide().actions.isEmpty)
        cluster.observed.nodes["c0"]?.config = .matches
        cluster.differ("w1")
        cluster.desired.approvedPlan = RolloutPlan(cluster.context).hash
        cluster.desired.policy.rollout.maxUnavailable = .count(2)
        cluster.differ("c0")
        #expect(cluster.decide().actions.isEmpty)
        cluster.observed.nodes["c0"]?.config = .matches
        cluster.decide()
        cluster.differ("c0", hash: "h2")
        cluster.differ("w1", hash: "h3")
        #expect(cluster.record.operations.keys.sorted() == ["w0", "w1"])
    }

    @Test("A changed difference, or another way to make it, makes another plan")
    func hashes() {
        var cluster = Self.manual(["w0"])
        let first = RolloutPlan(cluster.context).hash
        cluster.differ("w0", hash: "h2")
        let second = RolloutPlan(cluster.context).hash
        cluster.differ("w0", reboot: true, hash: "h2")
        let third = RolloutPlan(cluster.context).hash
        #expect(Set([first, second, third]).count == 3)
        cluster.differ("w0")
        #expect(RolloutPlan(cluster.context).hash == first)
    }

    @Test("An item that cannot be seen for a while stays approved")
    func unseen() {
        var cluster = Self.manual(["w0", "w1"])
        cluster.desired.approvedPlan = RolloutPlan(cluster.context).hash
        cluster.desired.isPaused = true
        cluster.decide()
        cluster.lose("w1")
        cluster.decide()
        #expect(cluster.record.approvedItems.count == 2)
        cluster.boot("w1")
        cluster.observed.nodes["w1"]?.talos = Cluster.talos
        cluster.decide()
        #expect(cluster.record.approvedItems.count == 1)
    }

    /// What becomes of a change between its approval and the moment in which the node is given it.
    static let changes: [@Sendable (inout Cluster) -> Void] = [
        // Another configuration is desired, and the present one cannot be read.
        { cluster in
            cluster.change("w0") { $0.configDigest = "other" }
            cluster.observed.nodes["w0"]?.config = .unknown
        },
        // Another configuration is desired.
        { cluster in
            cluster.change("w0") { $0.configDigest = "other" }
            cluster.differ("w0", reboot: true, hash: "h2")
        },
        // Somebody has changed the node: more would be taken back than was agreed to.
        { $0.differ("w0", reboot: true, hash: "h2") },
    ]

    @Test("A node that is emptied for a change gets no other one than what was approved", arguments: changes)
    func emptied(_ change: @Sendable (inout Cluster) -> Void) {
        var cluster = Cluster()
        cluster.desired.policy.rollout.approval = .manual
        cluster.differ("w0", reboot: true)
        cluster.desired.approvedPlan = RolloutPlan(cluster.context).hash
        #expect(cluster.decide().requests == ["w0 cordon"])
        cluster.observed.kubernetes.nodes["w0"]?.isUnschedulable = true
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = true
        var same = cluster
        #expect(same.decide().requests == ["w0 apply"])
        change(&cluster)
        let log = cluster.settle()
        #expect(log == ["uncordon w0"] && cluster.record.operations.isEmpty)
    }

    @Test(
        "A request that came to nothing is not repeated for what has changed meanwhile",
        arguments: [RolloutPolicy.Mode.auto, .staged, .try], [0, 1, 2])
    func repeated(_ mode: RolloutPolicy.Mode, _ change: Int) {
        var cluster = Cluster()
        cluster.desired.policy.rollout.approval = .manual
        cluster.desired.policy.rollout.mode = mode
        cluster.differ("w0")
        cluster.desired.approvedPlan = RolloutPlan(cluster.context).hash
        #expect(cluster.step(.unknown("timed out")).count == 1)
        cluster.pass(.seconds(60))
        var same = cluster
        #expect(same.decide().requests == ["w0 apply"])
        switch change {
        case 0:
            cluster.change("w0") { $0.configDigest = "other" }
            cluster.observed.nodes["w0"]?.config = .unknown
        case 1:
            cluster.change("w0") { $0.configDigest = "other" }
            cluster.differ("w0", hash: "h2")
        default: cluster.differ("w0", hash: "h2")
        }
        #expect(cluster.decide().requests.isEmpty)
    }
}
