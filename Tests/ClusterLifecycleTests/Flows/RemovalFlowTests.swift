// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("Removing nodes")
struct RemovalFlowTests {
    @Test("A worker is emptied, taken from Kubernetes, and then its Machine is deleted")
    func worker() {
        var cluster = Cluster()
        cluster.observed.kubernetes.nodes["w1"]?.evictablePods = 3
        cluster.change("w1") { $0.isSurplus = true }
        #expect(cluster.settle() == ["cordon w1", "drain w1", "deleteNode w1", "deleteMachine w1"])
        #expect(cluster.record.operations.isEmpty && cluster.record.halt == nil)
    }

    @Test("All workers that are to go are emptied side by side")
    func workers() {
        var cluster = Cluster(workers: 4)
        for name in ["w1", "w2", "w3"] { cluster.change(name) { $0.isSurplus = true } }
        let decision = cluster.decide()
        #expect(decision.actions.map(Cluster.words).sorted() == ["cordon w1", "cordon w2", "cordon w3"])
    }

    @Test("A control-plane node gives its leadership up and leaves etcd before anything of it is deleted")
    func controlPlane() {
        var cluster = Cluster()
        cluster.lead(Cluster.member("c2"))
        cluster.change("c2") { $0.isSurplus = true }
        #expect(
            cluster.settle() == [
                "cordon c2", "forfeitLeadership c2", "leaveEtcd c2", "deleteNode c2", "deleteMachine c2",
            ])
        #expect(cluster.observed.etcd.views["c0"]?.count == 2 && cluster.record.halt == nil)
    }

    @Test("Workers go before the control plane, and of that one after the other, down to one")
    func order() {
        var cluster = Cluster(controlPlane: 5, workers: 2)
        for name in ["c1", "c2", "c3", "c4", "w1"] { cluster.change(name) { $0.isSurplus = true } }
        let log = cluster.settle(passes: 200)
        let order = log.filter { $0.hasPrefix("deleteMachine") || $0.hasPrefix("leaveEtcd") }
        #expect(
            order == [
                "deleteMachine w1", "leaveEtcd c4", "deleteMachine c4", "leaveEtcd c3", "deleteMachine c3",
                "leaveEtcd c2", "deleteMachine c2", "leaveEtcd c1", "deleteMachine c1",
            ])
    }

    @Test("The last member never leaves, whatever is asked for")
    func last() {
        var cluster = Cluster(controlPlane: 2, workers: 0)
        for name in ["c0", "c1"] { cluster.change(name) { $0.isSurplus = true } }
        let log = cluster.settle(passes: 500)
        #expect(log.contains("deleteMachine c1") && !log.contains { $0.hasSuffix("c0") })
        #expect(cluster.record.operations.isEmpty)
        let waits = cluster.decide().waits.map(\.message)
        #expect(waits.contains { $0.contains("last member of etcd") }, "\(waits)")
    }

    /// How a node is reset under a policy.
    struct Reset: Sendable {
        var policy: DeletionPolicy.Reset
        var wipe: DeletionPolicy.Wipe
        var node: String
        var expected: String?
    }

    @Test(
        "A node is reset as the policy says, a control-plane node never gracefully, since it has left etcd already",
        arguments: [
            Reset(policy: .none, wipe: .all, node: "w1", expected: nil),
            Reset(policy: .graceful, wipe: .ephemeral, node: "w1", expected: "reset gracefully Ephemeral w1"),
            Reset(policy: .force, wipe: .systemDisk, node: "w1", expected: "reset SystemDisk w1"),
            Reset(policy: .graceful, wipe: .all, node: "c2", expected: "reset All c2"),
            Reset(policy: .force, wipe: .systemDisk, node: "c2", expected: "reset SystemDisk c2"),
        ])
    func reset(_ reset: Reset) {
        var cluster = Cluster()
        cluster.desired.policy.deletion.reset = reset.policy
        cluster.desired.policy.deletion.wipe = reset.wipe
        cluster.change(reset.node) { $0.isSurplus = true }
        let log = cluster.settle(passes: 200)
        #expect(log.first { $0.hasPrefix("reset") } == reset.expected)
        #expect(log.last == "deleteMachine \(reset.node)")
        if reset.expected != nil, let leave = log.firstIndex(of: "leaveEtcd c2") {
            #expect(leave < (log.firstIndex { $0.hasPrefix("reset") } ?? 0))
        }
    }

    @Test(
        "A node in maintenance mode is never reset, and neither is one that shows another certificate",
        arguments: [NodeObservation.Contact.maintenance(fingerprint: "f"), .refused("unknown authority")])
    func neverReset(_ contact: NodeObservation.Contact) {
        var cluster = Cluster()
        cluster.desired.policy.deletion.reset = .force
        cluster.silence("w1")
        cluster.observed.nodes["w1"] = NodeObservation(contact: contact)
        cluster.change("w1") { $0.isSurplus = true }
        var log = cluster.settle(passes: 200)
        cluster.pass(.seconds(301))
        log += cluster.settle(passes: 200)
        #expect(log == ["deleteNode w1", "deleteMachine w1"])
    }

    @Test("A reset that is not accepted stops the removal, and the Machine stays")
    func resetRefused() {
        var cluster = Cluster()
        cluster.desired.policy.deletion.reset = .force
        cluster.change("w1") { $0.isSurplus = true }
        let log = cluster.settle { cluster, action in
            if case .reset = action.kind { return .refused("not authorized") }
            return cluster.perform(action)
        }
        #expect(cluster.record.halt?.reason == .resetFailed)
        #expect(cluster.record.halt?.message.contains("not authorized") == true)
        #expect(!log.contains("deleteMachine w1"))
    }

    @Test(
        "A node that does not leave etcd is never deleted",
        arguments: [
            ActionResult.refused("etcdserver: unhealthy cluster"), .unknown("timed out"), .notNow("busy"),
            .done,
        ])
    func leaveFails(_ result: ActionResult) {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        var log: [String] = []
        for _ in 0..<20 {
            log += cluster.settle(passes: 200) { cluster, action in
                action.kind == .leaveEtcd ? result : cluster.perform(action)
            }
            cluster.pass(.seconds(60))
        }
        #expect(cluster.record.halt?.reason == .removalFailed)
        #expect(!log.contains { $0.hasPrefix("deleteNode") || $0.hasPrefix("deleteMachine") })
        #expect(cluster.desired.nodes.count == 5)
    }

    @Test("A lost answer to a node's leave is found out by looking, and no second leave is asked for")
    func lostReply() {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        let log = cluster.settle { cluster, action in
            let result = cluster.perform(action)
            return action.kind == .leaveEtcd ? .unknown("connection closed") : result
        }
        #expect(log.count { $0 == "leaveEtcd c2" } == 1)
        #expect(log.last == "deleteMachine c2" && cluster.record.operations.isEmpty)
    }

    @Test("A halted removal goes on where it stood when somebody asks for it")
    func resumed() {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        _ = cluster.settle { cluster, action in
            action.kind == .leaveEtcd ? .refused("no") : cluster.perform(action)
        }
        #expect(cluster.record.halt?.reason == .removalFailed)
        cluster.desired.resumeToken = "again"
        #expect(cluster.settle() == ["leaveEtcd c2", "deleteNode c2", "deleteMachine c2"])
    }

    @Test(
        "A dead control-plane node is taken out by its identity, through another one, although it has no address"
    )
    func dead() {
        var cluster = Cluster()
        cluster.silence("c2")
        cluster.observed.nodes["c2"] = NodeObservation(contact: .noAddress)
        cluster.change("c2") { ($0.isSurplus, $0.hasMachine) = (true, false) }
        cluster.observed.kubernetes.nodes["c2"]?.evictablePods = 9
        #expect(cluster.settle().isEmpty && cluster.record.operations.isEmpty)
        cluster.pass(.seconds(301))
        #expect(
            cluster.settle() == [
                "removeMember f000000000000003 through c0", "deleteNode c2", "deleteMachine c2",
            ])
    }

    @Test("A node that stops answering in the middle of its leave is taken out by another one")
    func diesLeaving() {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        var log = cluster.settle(passes: 200) { cluster, action in
            guard action.kind == .leaveEtcd else { return cluster.perform(action) }
            cluster.silence("c2")
            return .unknown("connection closed")
        }
        #expect(log == ["cordon c2", "leaveEtcd c2"])
        cluster.pass(.seconds(300))
        log = cluster.settle()
        #expect(log == ["removeMember f000000000000003 through c0", "deleteNode c2", "deleteMachine c2"])
    }

    @Test("A node that was taken for dead and answers again is emptied, and leaves by itself")
    func backAgain() {
        var cluster = Cluster(controlPlane: 2, workers: 0)
        cluster.change("c1") { $0.isSurplus = true }
        cluster.begin(.remove, .removingMember, on: "c1")
        cluster.record.operations["c1"]?.memberID = Cluster.member("c1")
        cluster.observed.kubernetes.nodes["c1"]?.evictablePods = 2
        let log = cluster.settle()
        #expect(log.prefix(3) == ["cordon c1", "drain c1", "leaveEtcd c1"], "\(log)")
        #expect(log.last == "deleteMachine c1")
    }

    @Test("A node that answers again just before it is reset is emptied first")
    func backBeforeReset() {
        var cluster = Cluster()
        cluster.desired.policy.deletion.reset = .force
        cluster.change("w1") { $0.isSurplus = true }
        cluster.begin(.remove, .resetting, on: "w1")
        cluster.observed.kubernetes.nodes["w1"]?.evictablePods = 2
        let log = cluster.settle()
        #expect(log.prefix(3) == ["cordon w1", "drain w1", "reset SystemDisk w1"], "\(log)")
    }

    @Test("The Node of a kubelet that registers when its Machine is deleted is deleted after it")
    func registeredLate() {
        var cluster = Cluster()
        cluster.change("w1") { $0.isSurplus = true }
        cluster.begin(.remove, .deletingMachine, on: "w1")
        let node = cluster.observed.kubernetes.nodes.removeValue(forKey: "w1")
        let actions = cluster.decide().actions
        #expect(actions.map(Cluster.words) == ["deleteMachine w1"])
        for action in actions { cluster.answer(.done, action) }
        cluster.desired.nodes.removeAll { $0.name == "w1" }
        cluster.observed.nodes["w1"] = nil
        cluster.observed.kubernetes.nodes["w1"] = node
        #expect(cluster.decide().actions.map(Cluster.words) == ["deleteNode w1"])
        cluster.observed.kubernetes.nodes["w1"] = nil
        #expect(cluster.decide().actions.isEmpty && cluster.record.operations.isEmpty)
    }

    @Test(
        "A node that joins etcd in the moment in which its Machine is deleted is taken out of it after that")
    func joinedLate() {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        cluster.begin(.remove, .deletingMachine, on: "c2")
        cluster.dropMember(Cluster.member("c2"))
        cluster.observed.etcd.views["c2"] = nil
        cluster.observed.etcd.statuses["c2"] = nil
        cluster.observed.nodes["c2"] = NodeObservation(contact: .unreachable("no route to host"))
        cluster.observed.kubernetes.nodes["c2"] = nil
        let actions = cluster.decide().actions
        #expect(actions.map(Cluster.words) == ["deleteMachine c2"])
        for action in actions { cluster.answer(.done, action) }
        cluster.change("c2") { ($0.isMachineLeaving, $0.hasMachine) = (true, false) }
        let late = EtcdObservation.Member(id: Cluster.member("c2"), hostname: "c2", isLearner: true)
        for name in cluster.observed.etcd.views.keys { cluster.observed.etcd.views[name]?.append(late) }
        #expect(cluster.settle().contains { $0.hasPrefix("removeMember f000000000000003") })
    }

    @Test("A node that has only just gone silent is waited for, and not taken for dead")
    func silent() {
        var cluster = Cluster()
        cluster.silence("c2")
        cluster.change("c2") { $0.isSurplus = true }
        #expect(cluster.settle().isEmpty)
        let wait = cluster.decide().waits.first { $0.node == "c2" }
        #expect(wait?.until != nil)
        cluster.pass(.seconds(300))
        #expect(cluster.settle().first == "removeMember f000000000000003 through c0")
    }

    /// A way in which etcd is not to be touched.
    struct Danger: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var make: @Sendable (inout Cluster) -> Void

        init(_ description: String, _ make: @escaping @Sendable (inout Cluster) -> Void) {
            testDescription = description
            self.make = make
        }
    }

    @Test(
        "While etcd or something else is not in order no node leaves it",
        arguments: [
            Danger("another member does not answer") { $0.silence("c1") },
            Danger("an alarm") { $0.observed.etcd.alarms = [Cluster.member("c0"): ["NOSPACE"]] },
            Danger("alarms unknown") { $0.observed.etcd.alarms = nil },
            Danger("nothing known of etcd") { $0.observed.etcd = EtcdObservation() },
            Danger("lists differ") { $0.observed.etcd.views["c0"]?.removeLast() },
            Danger("a learner") { cluster in
                for name in cluster.observed.etcd.views.keys {
                    cluster.observed.etcd.views[name]?[1].isLearner = true
                }
            },
            Danger("an upgrade of another node") {
                $0.begin(.upgrade(image: "i", to: Cluster.talos), .rebooting, on: "c1")
            },
            Danger("halted") { cluster in
                let context = cluster.context
                cluster.record.halt(.upgradeFailed, "it broke", node: "c0", context)
            },
            Danger("paused") { $0.desired.isPaused = true },
        ])
    func dangers(_ danger: Danger) {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        danger.make(&cluster)
        let decision = cluster.decide()
        #expect(!decision.actions.contains { $0.node == "c2" })
        #expect(decision.record.operations["c2"] == nil)
        #expect(!decision.waits.isEmpty)
    }

    @Test(
        "When etcd gets into danger after the node was emptied it waits, and halts in the end with nothing deleted"
    )
    func dangerLater() {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        cluster.begin(.remove, .leavingEtcd, on: "c2")
        cluster.record.operations["c2"]?.memberID = Cluster.member("c2")
        cluster.silence("c1")
        #expect(cluster.decide().actions.isEmpty && cluster.record.halt == nil)
        cluster.pass(.seconds(901))
        #expect(cluster.decide().actions.isEmpty)
        #expect(cluster.record.halt?.reason == .quorumAtRisk)
    }

    @Test("A budget that keeps the pods of a worker from going ends in a halt, with the node not deleted")
    func budget() {
        var cluster = Cluster()
        cluster.change("w1") { $0.isSurplus = true }
        cluster.observed.kubernetes.nodes["w1"]?.evictablePods = 1
        let log = cluster.settle(passes: 200) { cluster, action in
            if case .drain = action.kind { return .partly("one pod is kept by budget web") }
            return cluster.perform(action)
        }
        #expect(cluster.record.halt?.reason == .drainTimedOut)
        #expect(!log.contains { $0.hasPrefix("delete") })
    }

    @Test("A node that is wanted again before it has left stays, and takes pods again")
    func takenBack() {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        for action in cluster.decide().actions { cluster.answer(cluster.perform(action), action) }
        #expect(cluster.record.operations["c2"]?.step == .cordoning)
        cluster.change("c2") { $0.isSurplus = false }
        #expect(cluster.settle() == ["uncordon c2"])
        #expect(cluster.record.operations.isEmpty)
    }

    @Test(
        "A machine that is wanted again and holds nothing is not deleted, however far its removal was",
        arguments: [OperationStep.resetting, .deletingNode, .deletingMachine])
    func nothingToLose(_ step: OperationStep) {
        var cluster = Cluster()
        cluster.begin(.remove, step, on: "w1")
        cluster.observed.nodes["w1"] = NodeObservation(contact: .maintenance(fingerprint: "new"))
        #expect(cluster.decide().actions.allSatisfy { $0.kind != .deleteMachine })
        #expect(cluster.record.operations["w1"]?.kind != .remove)
        cluster = Cluster()
        cluster.begin(.remove, step, on: "w1")
        cluster.silence("w1")
        cluster.record.nodes["w1"] = NodeRecord()
        #expect(cluster.decide().actions.isEmpty && cluster.record.operations.isEmpty)
    }

    @Test(
        "A control-plane node that was asked to leave etcd and is wanted again is rebooted, not wiped, and joins again",
        arguments: [OperationStep.leavingEtcd, .resetting, .deletingNode], [true, false])
    func joinsAgain(_ step: OperationStep, _ hasLeft: Bool) {
        var cluster = Cluster()
        cluster.desired.policy.deletion.reset = .force
        cluster.begin(.remove, step, on: "c2")
        cluster.record.operations["c2"]?.memberID = Cluster.member("c2")
        cluster.record.operations["c2"]?.attempts = step == .leavingEtcd ? 1 : 0
        cluster.observed.kubernetes.nodes["c2"]?.isUnschedulable = true
        cluster.observed.kubernetes.nodes["c2"]?.isCordonedByUs = true
        if hasLeft { cluster.leave("c2") }
        let log = cluster.settle { cluster, action in
            guard case .reboot = action.kind else { return cluster.perform(action) }
            cluster.observed.nodes["c2"]?.bootID = "after"
            if hasLeft { cluster.addMember("c2") }
            return .done
        }
        #expect(log == ["reboot(ClusterLifecycle.UpgradePolicy.RebootMode.default) c2", "uncordon c2"])
        #expect(cluster.record.operations.isEmpty && cluster.record.halt == nil)
    }

    @Test(
        "A worker that is wanted again before it was wiped stays",
        arguments: [OperationStep.resetting, .deletingNode])
    func workerStays(_ step: OperationStep) {
        var cluster = Cluster()
        cluster.desired.policy.deletion.reset = .force
        cluster.begin(.remove, step, on: "w1")
        cluster.observed.kubernetes.nodes["w1"]?.isCordonedByUs = true
        #expect(cluster.settle() == ["uncordon w1"])
    }

    @Test("A node that has left etcd and is wanted again makes room for a new machine")
    func tooLate() {
        var cluster = Cluster()
        cluster.begin(.remove, .deletingMachine, on: "c2")
        cluster.record.operations["c2"]?.memberID = Cluster.member("c2")
        cluster.leave("c2")
        cluster.observed.kubernetes.nodes["c2"] = nil
        #expect(cluster.decide().actions.map(Cluster.words) == ["deleteMachine c2"])
    }

    @Test("A node whose Machine somebody has deleted leaves in good order while it still answers")
    func machineDeleted() {
        var cluster = Cluster()
        cluster.change("c2") { $0.isMachineLeaving = true }
        #expect(cluster.settle() == ["cordon c2", "leaveEtcd c2", "deleteNode c2"])
        #expect(cluster.record.operations.isEmpty)
    }

    @Test("A Machine that is already on its way out is not deleted again, and nobody waits for it")
    func leaving() {
        var cluster = Cluster()
        cluster.change("w1") { ($0.isSurplus, $0.isMachineLeaving) = (true, true) }
        cluster.loseNode("w1")
        #expect(cluster.settle().isEmpty && cluster.record.operations.isEmpty)
    }

    @Test("What is remembered of a node is kept as long as something is left of it, and no longer")
    func forgotten() {
        var cluster = Cluster()
        cluster.silence("c2")
        cluster.change("c2") { ($0.isSurplus, $0.isMachineLeaving, $0.hasMachine) = (true, true, false) }
        cluster.observed.etcd.alarms = nil
        _ = cluster.settle()
        #expect(cluster.record.nodes["c2"]?.wasConfigured == true)
        cluster.observed.etcd.alarms = [:]
        #expect(cluster.settle() == ["removeMember f000000000000003 through c0", "deleteNode c2"])
        #expect(cluster.record.nodes["c2"] == nil && cluster.record.operations.isEmpty)
    }

    @Test("However long nobody has looked, a request is not repeated in every pass")
    func pacing() {
        var cluster = Cluster()
        cluster.change("w1") { $0.isSurplus = true }
        cluster.begin(.remove, .deletingNode, on: "w1")
        _ = cluster.decide()
        cluster.pass(.seconds(800))
        #expect(cluster.decide().actions.count == 1)
        cluster.pass(.seconds(5))
        #expect(cluster.decide().actions.isEmpty)
    }

    @Test("A Machine that vanishes under a removal does not end it: the member is taken out all the same")
    func vanishes() {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        cluster.begin(.remove, .draining, on: "c2")
        cluster.record.operations["c2"]?.memberID = Cluster.member("c2")
        cluster.loseMachine("c2")
        #expect(cluster.settle() == ["removeMember f000000000000003 through c0", "deleteNode c2"])
        #expect(cluster.record.operations.isEmpty)
    }

    @Test("A node that rebooted and joined etcd again is not deleted with its member")
    func rejoined() {
        var cluster = Cluster()
        cluster.change("c2") { $0.isSurplus = true }
        cluster.begin(.remove, .deletingMachine, on: "c2")
        cluster.record.operations["c2"]?.memberID = 77
        cluster.observed.kubernetes.nodes["c2"] = nil
        #expect(cluster.settle() == ["leaveEtcd c2", "deleteMachine c2"])
    }

    @Test("A machine that never became part of the cluster is deleted as it is")
    func neverInstalled() {
        var cluster = Cluster()
        for (name, role) in [("c3", NodeRole.controlPlane), ("w2", .worker)] {
            var node = Cluster.node(name, role)
            node.isSurplus = true
            cluster.desired.nodes.append(node)
            cluster.observed.nodes[name] = NodeObservation(contact: .maintenance(fingerprint: "f"))
        }
        #expect(cluster.settle() == ["deleteMachine w2", "deleteMachine c3"])
    }

    @Test("A member that has not started and may be the node's is reason enough to wait")
    func unstarted() {
        var cluster = Cluster()
        cluster.silence("c2")
        cluster.dropMember(Cluster.member("c2"))
        for name in cluster.observed.etcd.views.keys {
            cluster.observed.etcd.views[name]?.append(
                EtcdObservation.Member(id: 99, hostname: "", peerURLs: ["https://10.0.0.7:2380"]))
        }
        cluster.change("c2") { ($0.isSurplus, $0.hasMachine) = (true, false) }
        cluster.pass(.seconds(301))
        #expect(cluster.settle().isEmpty)
        cluster.record.nodes["c2"]?.address = "10.0.0.7:50000"
        #expect(cluster.settle().first == "removeMember 63 through c0")
    }

    @Test("A node that has joined etcd again since it left is not wiped as a voter")
    func joinedAgain() {
        var cluster = Cluster()
        cluster.desired.policy.deletion.reset = .force
        cluster.change("c2") { $0.isSurplus = true }
        var log = cluster.settle { cluster, action in
            let result = cluster.perform(action)
            guard action.kind == .leaveEtcd else { return result }
            // It reboots at once, and comes up as a member of another identity.
            let member = EtcdObservation.Member(id: 77, hostname: "c2")
            for name in ["c0", "c1"] { cluster.observed.etcd.views[name]?.append(member) }
            cluster.observed.etcd.views["c2"] = cluster.observed.etcd.views["c0"]
            cluster.observed.etcd.statuses["c2"] = EtcdObservation.Status(
                memberID: 77, leader: Cluster.member("c0"), raftIndex: 100, raftAppliedIndex: 100)
            cluster.observed.nodes["c2"]?.etcdService = ServiceState(state: "Running", isHealthy: true)
            cluster.observed.nodes["c2"]?.memberID = 77
            // The other one is down by now: etcd cannot do without this voter.
            cluster.silence("c1")
            return result
        }
        #expect(!log.contains { $0.hasPrefix("reset") }, "\(log)")
        cluster.bringUp(Cluster.node("c1", .controlPlane))
        for name in ["c0", "c1", "c2"] {
            cluster.observed.etcd.views[name] =
                ["c0", "c1"].map {
                    EtcdObservation.Member(id: Cluster.member($0), hostname: $0)
                } + [EtcdObservation.Member(id: 77, hostname: "c2")]
        }
        cluster.record.halt = nil
        log = cluster.settle { cluster, action in
            if action.kind == .leaveEtcd { cluster.dropMember(77) }
            return cluster.perform(action)
        }
        let leave = log.firstIndex(of: "leaveEtcd c2") ?? .max
        #expect(leave < (log.firstIndex { $0.hasPrefix("reset") } ?? 0), "\(log)")
    }

    @Test(
        "Where nothing is recorded of a cluster, and a control-plane node may have one, no worker goes unemptied",
        arguments: [nil, "Preparing"])
    func unknownCluster(_ etcd: String?) {
        var cluster = Cluster()
        cluster.record = LifecycleRecord()
        cluster.observed.kubernetes = KubernetesObservation()
        cluster.observed.etcd = EtcdObservation()
        for name in ["c0", "c1", "c2"] { cluster.lose(name) }
        cluster.desired.policy.scope = [.remove]
        // One that has just booted looks as if it had none.
        if let etcd { cluster.boot("c0", etcd: etcd) }
        cluster.change("w1") { $0.isSurplus = true }
        for _ in 0..<100 {
            #expect(cluster.decide().actions.isEmpty)
            cluster.pass(.seconds(60))
        }
        let silent = etcd == nil ? "c0" : "c1"
        #expect(cluster.decide().says("there may be one it has to leave: \(silent) does not answer"))
        var deleted = cluster
        deleted.change("w1") { $0.isMachineLeaving = true }
        #expect(deleted.settle().allSatisfy { $0.hasSuffix(" w1") })
        #expect(deleted.record.operations.isEmpty)
        cluster.observed.kubernetes = Cluster().observed.kubernetes
        #expect(cluster.settle() == ["cordon w1", "deleteNode w1", "deleteMachine w1"])
    }

    @Test("Where every control-plane node was seen to have no etcd there is no cluster to leave")
    func noCluster() {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 2)
        cluster.desired.policy.scope = [.remove]
        for name in ["c0", "c1", "w1"] { cluster.boot(name) }
        cluster.change("w1") { $0.isSurplus = true }
        #expect(cluster.decide().says("c0 may have etcd"))
        cluster.pass(.seconds(61))
        #expect(cluster.settle() == ["deleteMachine w1"])
    }
}
