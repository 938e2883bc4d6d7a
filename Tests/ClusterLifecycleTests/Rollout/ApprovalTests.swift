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
}
