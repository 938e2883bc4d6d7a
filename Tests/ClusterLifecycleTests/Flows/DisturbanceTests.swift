// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("Taking a node down and bringing it back")
struct DisturbanceTests {
    /// An operation on one node that reboots it and does nothing else.
    private struct Case {
        var cluster: Cluster
        var disturbance: Disturbance

        init(_ cluster: Cluster = Cluster(), node: String = "c1", step: OperationStep = .checking) {
            self.cluster = cluster
            let found = cluster.desired.nodes.first { $0.name == node }
            disturbance = Disturbance(found ?? Cluster.node(node, .worker), middle: .rebooting)
            self.cluster.begin(.configure(digest: "new"), step, on: node)
            if [.rebooting, .verifying, .settling, .uncordoning].contains(step) {
                self.cluster.record.operations[node]?.bootID = "boot-\(node)"
            }
            if step == .rebooting {
                kubernetes { ($0.isUnschedulable, $0.isCordonedByUs, $0.evictablePods) = (true, true, 0) }
            }
        }

        var name: String { disturbance.node.name }
        var step: OperationStep? { cluster.record.operations[name]?.step }

        @discardableResult
        mutating func advance() -> (phase: Disturbance.Phase, decision: LifecycleDecision) {
            var decision = LifecycleDecision(record: cluster.record)
            let phase = disturbance.advance(cluster.context, &decision)
            cluster.record = decision.record
            return (phase, decision)
        }

        mutating func actions() -> [LifecycleAction.Kind] { advance().decision.actions.map(\.kind) }

        mutating func absorb(_ result: ActionResult, _ kind: LifecycleAction.Kind) {
            let action = LifecycleAction(kind, on: name)
            _ = Disturbance.absorb(result, of: action, cluster.context, &cluster.record)
        }

        mutating func kubernetes(_ change: (inout KubernetesNode) -> Void) {
            guard var node = cluster.observed.kubernetes.nodes[name] else { return }
            change(&node)
            cluster.observed.kubernetes.nodes[name] = node
        }

        mutating func seen(_ change: (inout NodeObservation) -> Void) {
            guard var node = cluster.observed.nodes[name] else { return }
            change(&node)
            cluster.observed.nodes[name] = node
        }
    }

    @Test("A node goes down only when it is cordoned and empty, and comes back usable")
    func wholeWay() {
        var one = Case()
        one.kubernetes { $0.evictablePods = 4 }
        #expect(one.actions() == [.cordon])
        #expect(one.actions() == [.cordon], "a lost reply is asked for again")
        one.kubernetes { ($0.isUnschedulable, $0.isCordonedByUs) = (true, true) }
        #expect(one.actions() == [.drain(force: false)])
        one.kubernetes { $0.evictablePods = 0 }
        #expect(one.actions() == [.reboot(.default)])
        #expect(one.cluster.record.operations["c1"]?.bootID == "boot-c1")
        one.absorb(.done, .reboot(.default))
        #expect(one.actions().isEmpty && one.step == .rebooting)
        one.seen { $0.bootID = "second" }
        #expect(one.actions().isEmpty && one.step == .settling)
        one.cluster.pass(.seconds(30))
        #expect(one.actions() == [.uncordon])
        one.kubernetes { ($0.isUnschedulable, $0.isCordonedByUs) = (false, false) }
        #expect(one.advance().phase == .finished)
        #expect(one.cluster.record.operations.isEmpty)
    }

    @Test("A node that a user has cordoned stays cordoned afterwards")
    func userCordon() {
        var one = Case(node: "w0")
        one.kubernetes { $0.isUnschedulable = true }
        #expect(one.actions() == [.reboot(.default)])
        one.seen { $0.bootID = "second" }
        one.advance()
        one.cluster.pass(.seconds(30))
        #expect(one.advance().phase == .finished)
        #expect(one.cluster.observed.kubernetes.nodes["w0"]?.isUnschedulable == true)
    }

    @Test("With something in the way nothing is begun, and the operation is forgotten")
    func withdrawn() {
        var one = Case()
        one.cluster.silence("c2")
        let (phase, decision) = one.advance()
        #expect(phase == .withdrawn && decision.actions.isEmpty && one.cluster.record.operations.isEmpty)
        #expect(decision.waits.map(\.message).contains { $0.hasPrefix("c2 does not answer") })
    }

    @Test("Two nodes of the control plane are never down at once by our doing")
    func oneAtATime() {
        var one = Case()
        one.cluster.begin(.upgrade(image: "x", to: Cluster.talos), .draining, on: "c0")
        #expect(one.advance().decision.waits.map(\.message).contains("c0 is disturbed already"))
    }

    @Test(
        "A drain that does not end halts with the node up and cordoned, or is forced, as the policy says",
        arguments: DrainPolicy.OnTimeout.allCases)
    func drainTimeout(_ onTimeout: DrainPolicy.OnTimeout) {
        var one = Case(node: "w0", step: .draining)
        one.cluster.desired.policy.drain.onTimeout = onTimeout
        one.kubernetes {
            ($0.isUnschedulable, $0.isCordonedByUs, $0.evictablePods) = (true, true, 1)
            $0.blockers = ["budget db/db allows no disruption"]
        }
        #expect(one.actions() == [.drain(force: false)])
        one.cluster.pass(.seconds(301))
        #expect(one.actions() == (onTimeout == .halt ? [] : [.drain(force: true)]))
        if onTimeout == .force { one.cluster.pass(.seconds(300)) }
        #expect(one.actions().isEmpty && one.step == .draining)
        #expect(one.cluster.record.halt?.reason == .drainTimedOut)
        #expect(one.cluster.record.halt?.message.contains("budget db/db allows no disruption") == true)
        // Resumed it has all its time again.
        one.cluster.record.halt = nil
        #expect(one.actions() == [.drain(force: false)])
    }

    @Test("A node that somebody makes schedulable while it is emptied is cordoned again")
    func cordonedAgain() {
        var one = Case(node: "w0", step: .draining)
        one.kubernetes { $0.evictablePods = 1 }
        #expect(one.actions() == [.cordon])
        one.kubernetes { $0.evictablePods = nil }
        one.kubernetes { $0.isUnschedulable = true }
        #expect(one.actions() == [.drain(force: false)], "pods that were not counted are not none")
    }

    @Test(
        "A Kubernetes API that does not answer is waited for and never left out",
        arguments: [
            OperationStep.cordoning, .draining,
        ])
    func kubernetesAway(_ step: OperationStep) {
        var one = Case(node: "w0", step: step)
        one.cluster.observed.kubernetes.problem = "connection refused"
        #expect(one.actions().isEmpty && one.step == step)
        one.cluster.pass(.seconds(301))
        #expect(one.actions().isEmpty)
        #expect(one.cluster.record.halt?.reason == .drainTimedOut)
    }

    @Test("A node that Kubernetes does not know is not taken for an empty one")
    func unregistered() {
        var one = Case(node: "w0", step: .cordoning)
        one.cluster.observed.kubernetes.nodes["w0"] = nil
        #expect(one.actions().isEmpty && one.step == .cordoning)
        one.disturbance.mayBeUnregistered = true
        #expect(one.actions() == [.reboot(.default)])
    }

    @Test("The only node of a cluster is not drained, for its pods have nowhere to go")
    func singleNode() {
        var one = Case(Cluster(controlPlane: 1, workers: 0), node: "c0")
        one.kubernetes { $0.evictablePods = 20 }
        #expect(one.actions() == [.reboot(.default)])
        one.cluster.silence("c0")
        one.cluster.observed.kubernetes.problem = "connection refused"
        #expect(one.advance().phase == .waiting)
        one.cluster.bringUp(one.disturbance.node)
        one.cluster.observed.kubernetes.problem = nil
        one.seen { $0.bootID = "second" }
        one.advance()
        one.cluster.pass(.seconds(31))
        #expect(one.advance().phase == .finished)
    }

    @Test("Where draining is switched off the node is rebooted as it is")
    func noDrain() {
        var cluster = Cluster()
        cluster.desired.policy.drain.isEnabled = false
        var one = Case(cluster)
        one.kubernetes { $0.evictablePods = 20 }
        #expect(one.actions() == [.reboot(.default)])
    }

    @Test("A reboot is asked for again only if the node runs on with its old boot ID long after")
    func rebootAgain() {
        var one = Case(node: "w0", step: .rebooting)
        #expect(one.actions() == [.reboot(.default)])
        one.absorb(.unknown("connection reset"), .reboot(.default))
        one.cluster.pass(.seconds(60))
        #expect(one.actions().isEmpty)
        one.seen { $0.stage = .rebooting }
        one.cluster.pass(.seconds(100))
        #expect(one.actions().isEmpty, "it reboots")
        one.seen { $0.stage = .running }
        #expect(one.actions() == [.reboot(.default)])
        one.absorb(.notNow("busy"), .reboot(.default))
        #expect(one.actions() == [.reboot(.default)], "nothing was done, so there is nothing to wait for")
    }

    @Test(
        "A node that was made schedulable meanwhile, or has pods again, is emptied once more before it goes down"
    )
    func occupied() {
        var one = Case(node: "w0", step: .rebooting)
        one.kubernetes { $0.isUnschedulable = false }
        #expect(one.actions() == [.cordon] && one.step == .cordoning)
        var filled = Case(node: "w0", step: .rebooting)
        filled.kubernetes { $0.evictablePods = 1 }
        #expect(filled.actions() == [.drain(force: false)] && filled.step == .draining)
        filled.kubernetes { $0.evictablePods = 0 }
        #expect(filled.actions() == [.reboot(.default)])
    }

    @Test("A node whose pods were not counted again stays empty as long as it is unschedulable")
    func notCounted() {
        var one = Case(node: "w0", step: .rebooting)
        one.kubernetes { $0.evictablePods = nil }
        #expect(one.actions() == [.reboot(.default)])
    }

    @Test("A reboot that was refused or never shows halts")
    func rebootFails() {
        var refused = Case(node: "w0", step: .rebooting)
        refused.advance()
        refused.absorb(.refused("not authorized"), .reboot(.default))
        #expect(refused.cluster.record.halt?.reason == .rebootTimedOut)
        #expect(refused.actions().isEmpty)
        var lost = Case(node: "w0", step: .rebooting)
        lost.cluster.silence("w0")
        lost.cluster.pass(.seconds(1801))
        #expect(lost.actions().isEmpty)
        #expect(lost.cluster.record.halt?.reason == .rebootTimedOut)
    }

    @Test("Before a reboot of the control plane etcd is looked at again")
    func guardBeforeReboot() {
        var one = Case(step: .rebooting)
        one.cluster.observed.etcd.alarms = [Cluster.member("c0"): ["NOSPACE"]]
        #expect(one.actions().isEmpty)
        one.cluster.pass(.seconds(1801))
        #expect(one.actions().isEmpty)
        #expect(one.cluster.record.halt?.reason == .quorumAtRisk)
    }

    @Test(
        "A node is back when it runs, Kubernetes finds it ready and its member of etcd has caught up",
        arguments: ["boot", "stage", "ready", "kubernetes", "etcd", "member"])
    func verification(_ what: String) {
        var one = Case(step: .verifying)
        one.seen { $0.bootID = what == "boot" ? "boot-c1" : "second" }
        switch what {
        case "stage": one.seen { $0.stage = .booting }
        case "ready": one.seen { $0.isReady = false }
        case "kubernetes": one.kubernetes { $0.isReady = false }
        case "etcd": one.cluster.observed.etcd.statuses["c1"] = nil
        case "member": one.cluster.observed.etcd.statuses["c1"]?.memberID = 77
        default: break
        }
        #expect(one.actions().isEmpty && one.step == .verifying)
        one.cluster.pass(.seconds(1801))
        one.advance()
        #expect(one.cluster.record.halt?.reason == .rebootTimedOut && one.step == .verifying)
    }

    @Test("A node has to stay well before the next one is touched")
    func settling() {
        var one = Case(node: "w0", step: .settling)
        one.advance()
        one.cluster.pass(.seconds(20))
        one.kubernetes { $0.isReady = false }
        one.advance()
        one.kubernetes { $0.isReady = true }
        one.cluster.pass(.seconds(20))
        #expect(one.advance().phase == .waiting && one.step == .settling)
        one.cluster.pass(.seconds(29))
        #expect(one.advance().phase == .waiting)
        one.cluster.pass(.seconds(1))
        #expect(one.advance().phase == .finished)
    }

    @Test("A clock that is put back does not make it wait for ever")
    func clockBack() {
        var one = Case(node: "w0", step: .settling)
        one.advance()
        one.cluster.pass(.seconds(-100_000))
        one.advance()
        one.cluster.pass(.seconds(30))
        #expect(one.advance().phase == .finished)
    }

    @Test("A node whose boot ID is not known is not rebooted, for nobody could tell whether it was")
    func unknownBootID() {
        var one = Case(node: "w0", step: .draining)
        one.kubernetes { $0.isUnschedulable = true }
        one.seen { $0.bootID = nil }
        let (_, decision) = one.advance()
        #expect(decision.actions.isEmpty && one.step == .draining)
        #expect(decision.waits.map(\.message).contains { $0.contains("its boot ID is not known") })
    }

    @Test("A halt for another reason makes a node usable again that is still up")
    func otherHalt() {
        var one = Case(node: "w0", step: .draining)
        one.kubernetes { ($0.isUnschedulable, $0.isCordonedByUs, $0.evictablePods) = (true, true, 1) }
        one.cluster.record.halt(.etcdUnhealthy, "test", one.cluster.context)
        #expect(one.actions() == [.uncordon])
        var installed = Case(node: "w0", step: .rebooting)
        installed.cluster.record.halt(.etcdUnhealthy, "test", installed.cluster.context)
        #expect(installed.actions().isEmpty && installed.step == .rebooting)
        var back = Case(node: "w0", step: .verifying)
        back.cluster.record.halt(.etcdUnhealthy, "test", back.cluster.context)
        back.seen { $0.bootID = "second" }
        back.advance()
        #expect(back.step == .settling, "what is down is brought back")
    }

    @Test(
        "A snapshot is taken before the control plane is touched, tried three times, and an old one is renewed"
    )
    func snapshot() {
        var one = Case()
        one.disturbance.takesSnapshot = true
        one.cluster.record.snapshot = SnapshotRecord(at: one.cluster.now, location: "here")
        one.cluster.pass(.seconds(3600))
        for _ in 0..<3 {
            #expect(one.actions() == [.snapshot])
            one.seen { $0.longCall = .failed(.snapshot, "disk full") }
        }
        #expect(one.actions().isEmpty)
        #expect(one.cluster.record.halt?.reason == .snapshotFailed)
        one.cluster.record.halt = nil
        one.seen { $0.longCall = nil }
        #expect(one.actions() == [.snapshot])
        one.absorb(.done, .snapshot)
        #expect(one.actions() == [.cordon])
    }
}
