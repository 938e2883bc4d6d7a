// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("Bringing changed configurations to nodes that run")
struct ConfigureFlowTests {
    private static func changed(_ nodes: [String], reboot: Bool? = false, workers: Int = 2) -> Cluster {
        var cluster = Cluster(workers: workers)
        cluster.decide()
        for node in nodes { cluster.differ(node, reboot: reboot) }
        return cluster
    }

    @Test(
        "Nothing is done where nothing differs, or where it is not known",
        arguments: [ConfigState.unknown, .matches])
    func nothing(_ state: ConfigState) {
        var cluster = Self.changed([])
        for node in ["c0", "w0"] { cluster.observed.nodes[node]?.config = state }
        let decision = cluster.decide()
        #expect(decision.actions.isEmpty && decision.record.operations.isEmpty)
        #expect(RolloutPlan(cluster.context).items.isEmpty)
    }

    @Test(
        "Without a reboot: applied, seen, watched, over; one control-plane node at a time, then the workers")
    func live() throws {
        var cluster = Self.changed(["c0", "c1", "w0", "w1"])
        var decision = cluster.decide()
        for node in ["c0", "c1", "w0", "w1"] {
            #expect(decision.requests == ["\(node) apply"])
            let action = try #require(decision.actions.first)
            #expect(action.kind == .apply(.noReboot))
            cluster.answer(.done, action)
            #expect(cluster.decide().actions.isEmpty && cluster.record.operations[node]?.step == .verifying)
            cluster.observed.nodes[node]?.config = .matches
            #expect(cluster.decide().actions.isEmpty && cluster.record.operations[node]?.step == .settling)
            #expect(cluster.record.nodes[node]?.appliedDigest == nil)
            cluster.pass(.seconds(30))
            decision = cluster.decide()
            #expect(cluster.record.operations[node] == nil)
            #expect(cluster.record.nodes[node]?.appliedDigest == "digest-\(node)")
        }
        #expect(decision.actions.isEmpty && cluster.decide().actions.isEmpty)
    }

    @Test(
        "What only the desired release of Talos understands comes after the upgrade, and what none takes halts"
    )
    func tooNew() {
        func cluster(upgrades: Bool, isTooNew: Bool = true) -> Cluster {
            var cluster = Self.changed(["c0", "c1", "c2", "w0"])
            for node in ["c0", "c1"] {
                cluster.differ(node, refusal: "not registered")
                guard case .differs(var change)? = cluster.observed.nodes[node]?.config else { continue }
                change.isTooNew = isTooNew
                cluster.observed.nodes[node]?.config = .differs(change)
            }
            if upgrades { cluster.desired.talos = Release(minor: 12, patch: 9) }
            return cluster
        }
        var waiting = cluster(upgrades: true)
        let decision = waiting.decide()
        #expect(decision.record.halt == nil && decision.says("wait for the upgrade of Talos"))
        #expect(decision.requests == ["c0 pull"], "\(decision.requests)")
        // Nodes that are through wait for those that are not.
        for node in ["c0", "w0", "w1"] {
            waiting.observed.nodes[node]?.talos = waiting.desired.talos
        }
        waiting.differ("c0")
        waiting.record.operations = [:]
        #expect(waiting.decide().requests == ["c1 pull"])
        var neverBegun = cluster(upgrades: false)
        #expect(neverBegun.decide().record.halt?.reason == .configRejected)
        var invalid = cluster(upgrades: true, isTooNew: false)
        #expect(invalid.decide().record.halt?.reason == .configRejected)
        var withoutUpgrades = cluster(upgrades: true)
        withoutUpgrades.desired.policy.scope.remove(.upgradeTalos)
        #expect(withoutUpgrades.decide().record.halt?.reason == .configRejected)
    }

    @Test(
        "A node that we made unschedulable and that nothing is done to takes pods again; that of others does not"
    )
    func leftCordoned() {
        var cluster = Self.changed([])
        for name in ["w0", "w1"] { cluster.observed.kubernetes.nodes[name]?.isUnschedulable = true }
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = true
        var paused = cluster
        paused.desired.isPaused = true
        #expect(paused.decide().actions.isEmpty)
        #expect(cluster.decide().requests == ["w0 uncordon"])
        #expect(cluster.record.operations["w0"]?.step == .uncordoning)
        cluster.observed.kubernetes.nodes["w0"]?.isUnschedulable = false
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = false
        #expect(cluster.decide().actions.isEmpty && cluster.record.operations.isEmpty)
    }

    @Test(
        "Whoever cordons a node by hand that we had cordoned, and was made schedulable, keeps it so",
        arguments: ["paused", "halted", "stopped", "verifying"])
    func cordonedByHand(_ cause: String) {
        var cluster = Self.changed([])
        switch cause {
        case "paused": cluster.desired.isPaused = true
        case "verifying":
            cluster.begin(.configure(digest: "digest-w0"), .verifying, on: "w0")
            cluster.record.operations["w0"]?.bootID = "before"
            cluster.observed.nodes["w0"]?.isReady = false
        default:
            if cause == "stopped" {
                cluster.begin(.configure(digest: "digest-w0"), .draining, on: "w0")
                cluster.record.operations["w0"]?.isHalted = true
            }
            cluster.record.halt(.drainTimedOut, "m", node: "w0", cluster.context)
        }
        // It was made schedulable, and the mark was left there.
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = true
        #expect(cluster.step().map(\.kind) == [.uncordon])
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = false
        cluster.observed.kubernetes.nodes["w0"]?.isUnschedulable = true
        cluster.desired.isPaused = false
        cluster.desired.resumeToken = "on"
        cluster.observed.nodes["w0"]?.isReady = true
        #expect(!cluster.settle().contains { $0.hasPrefix("uncordon") })
        #expect(cluster.record.operations.isEmpty)
    }

    @Test("What we have changed ourselves and is to be changed back is no drift")
    func changedBack() {
        var cluster = Self.changed([])
        for digest in ["other", "digest-w0"] {
            cluster.change("w0") { $0.configDigest = digest }
            cluster.observed.nodes["w0"]?.config = .differs(
                ConfigChange(hash: digest, summary: "", needsReboot: false, configDigest: digest))
            #expect(cluster.step().map(\.kind) == [.apply(.noReboot)], "before the last one was watched")
        }
    }

    @Test("With a reboot: emptied first, then staged and rebooted, then well, then schedulable again")
    func reboot() {
        var cluster = Self.changed(["w0"], reboot: true)
        #expect(cluster.step().map(\.kind) == [.cordon])
        cluster.observed.kubernetes.nodes["w0"]?.isUnschedulable = true
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = true
        cluster.observed.kubernetes.nodes["w0"]?.evictablePods = 1
        #expect(cluster.step().map(\.kind) == [.drain(force: false)])
        cluster.observed.kubernetes.nodes["w0"]?.evictablePods = 0
        #expect(cluster.step().map(\.kind) == [.apply(.staged)])
        #expect(cluster.record.operations["w0"]?.step == .rebooting)
        #expect(cluster.step().map(\.kind) == [.reboot(.default)])
        #expect(cluster.step().isEmpty)
        cluster.observed.nodes["w0"]?.bootID = "another"
        #expect(cluster.step().isEmpty && cluster.record.operations["w0"]?.step == .verifying)
        cluster.observed.nodes["w0"]?.config = .matches
        #expect(cluster.step().isEmpty && cluster.record.operations["w0"]?.step == .settling)
        cluster.pass(.seconds(30))
        #expect(cluster.step().map(\.kind) == [.uncordon])
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = false
        #expect(cluster.step().isEmpty && cluster.record.operations.isEmpty)
        #expect(cluster.record.nodes["w0"]?.appliedDigest == "digest-w0")
    }

    @Test("A staged configuration whose reply was lost is looked for, and staged again if it is not there")
    func lostStage() {
        var cluster = Self.changed(["w0"], reboot: true)
        cluster.desired.policy.drain.isEnabled = false
        cluster.step(.unknown("timed out"))
        #expect(cluster.decide().actions.isEmpty)
        cluster.pass(.seconds(15))
        let again = cluster.decide()
        #expect(again.actions.map(\.kind) == [.apply(.staged)])
        for action in again.actions { cluster.answer(.unknown("timed out"), action) }
        cluster.observed.nodes["w0"]?.config = .staged
        #expect(cluster.decide().actions.map(\.kind) == [.reboot(.default)])
    }

    @Test("A node that rebooted by itself before its change was staged is rebooted all the same")
    func rebootedBefore() {
        var cluster = Self.changed(["w0"], reboot: true)
        cluster.desired.policy.drain.isEnabled = false
        cluster.step(.notNow("connection refused"))
        cluster.observed.nodes["w0"]?.bootID = "by itself"
        #expect(cluster.step().map(\.kind) == [.apply(.staged)])
        #expect(cluster.step().map(\.kind) == [.reboot(.default)])
    }

    @Test("A node on which the change stays staged for ever is not rebooted for ever")
    func staysStaged() {
        var cluster = Self.changed(["w0"], reboot: true)
        cluster.desired.policy.drain.isEnabled = false
        cluster.observed.nodes["w0"]?.config = .staged
        cluster.record.nodes["w0"]?.appliedDigest = "before"
        var reboots = 0
        for _ in 0..<1000 {
            if cluster.step().contains(where: { $0.kind == .reboot(.default) }) {
                reboots += 1
                cluster.observed.nodes["w0"]?.bootID = "boot \(reboots)"
            }
            cluster.pass(.seconds(60))
        }
        #expect(reboots <= 31 && cluster.record.halt?.reason == .rebootTimedOut)
    }

    @Test("A node that came back without its change gets it again only when somebody says to go on")
    func cameBackWithout() {
        var cluster = Self.changed(["w0"], reboot: true)
        cluster.desired.policy.drain.isEnabled = false
        cluster.step()
        cluster.step()
        cluster.observed.nodes["w0"]?.bootID = "another"
        for _ in 0..<10 {
            cluster.pass(.seconds(300))
            #expect(cluster.step().isEmpty)
        }
        #expect(cluster.record.halt?.reason == .rebootTimedOut)
        cluster.desired.resumeToken = "go on"
        #expect(cluster.step().map(\.kind) == [.apply(.staged)])
        #expect(cluster.step().map(\.kind) == [.reboot(.default)])
    }

    @Test(
        "A lost reply is made up for by looking",
        arguments: [ActionResult.unknown("timed out"), .notNow("another apply is in progress")])
    func lostReply(_ result: ActionResult) {
        var cluster = Self.changed(["c1"])
        cluster.step(result)
        cluster.pass(.seconds(15))
        let again = cluster.decide()
        #expect(again.requests == ["c1 apply"])
        for action in again.actions { cluster.answer(result, action) }
        cluster.observed.nodes["c1"]?.config = .matches
        #expect(cluster.decide().actions.isEmpty && cluster.record.operations["c1"]?.step == .settling)
    }

    @Test("A configuration that would be refused halts before anything is done")
    func wouldBeRefused() {
        var cluster = Self.changed(["c0", "w0"])
        cluster.differ("w0", refusal: "no disk matches")
        let decision = cluster.decide()
        #expect(decision.actions.isEmpty && decision.record.operations.isEmpty)
        #expect(decision.record.halt?.reason == .configRejected && decision.record.halt?.node == "w0")
    }

    @Test("A refusal halts, and another configuration begins anew")
    func refused() {
        var cluster = Self.changed(["c0"])
        cluster.step(.refused("invalid"))
        #expect(cluster.record.halt?.reason == .configRejected)
        cluster.pass(.seconds(1000))
        #expect(cluster.decide().actions.isEmpty)
        cluster.change("c0") { $0.configDigest = "another" }
        cluster.differ("c0", hash: "h2")
        cluster.decide()
        #expect(cluster.decide().requests == ["c0 apply"] || cluster.record.operations["c0"]?.attempts == 1)
        #expect(cluster.record.operations["c0"]?.kind == .configure(digest: "another"))
    }

    @Test("A node that is not well with its changed configuration halts the others")
    func notWell() {
        var cluster = Self.changed(["c0", "c1"])
        cluster.step()
        cluster.observed.nodes["c0"]?.config = .matches
        cluster.observed.nodes["c0"]?.isReady = false
        cluster.pass(.seconds(299))
        #expect(cluster.step().isEmpty && cluster.record.halt == nil)
        cluster.pass(.seconds(302))
        #expect(cluster.step().isEmpty)
        #expect(cluster.record.halt?.reason == .configFailed && cluster.record.halt?.node == "c0")
        cluster.change("c0") { $0.configDigest = "mended" }
        cluster.differ("c0", hash: "h2")
        cluster.decide()
        let decision = cluster.decide()
        #expect(cluster.record.operations["c0"]?.kind == .configure(digest: "mended"))
        #expect(decision.record.halt == nil)
    }

    @Test("Workers change as many at a time as may be unavailable", arguments: [1, 2, 3])
    func workers(_ count: Int) {
        var cluster = Self.changed(["w0", "w1", "w2", "w3"], workers: 4)
        cluster.desired.policy.rollout.maxUnavailable = .count(count)
        #expect(cluster.decide().actions.count == count)
        #expect(cluster.decide().record.operations.count == count)
    }

    @Test(
        "No control-plane node is changed while another one is not well, or etcd is not",
        arguments: ["silent", "not ready", "learner", "alarm"])
    func guarded(_ reason: String) {
        var cluster = Self.changed(["c0"])
        switch reason {
        case "silent": cluster.silence("c2")
        case "not ready": cluster.observed.nodes["c2"]?.isReady = false
        case "learner":
            for view in cluster.observed.etcd.views.keys {
                cluster.observed.etcd.views[view]?[2].isLearner = true
            }
        default: cluster.observed.etcd.alarms = [Cluster.member("c1"): ["NOSPACE"]]
        }
        let decision = cluster.decide()
        #expect(decision.actions.isEmpty && decision.record.operations.isEmpty && decision.record.halt == nil)
        #expect(decision.waits.contains { $0.node == "c0" })
    }

    @Test("A control-plane node that is not well may be mended by another configuration")
    func mended() {
        var cluster = Self.changed(["c1"])
        cluster.observed.nodes["c1"]?.isReady = false
        #expect(cluster.decide().requests == ["c1 apply"])
    }

    @Test(
        "Before there is a cluster a change that takes effect at once is made, and one that needs a reboot waits"
    )
    func withoutCluster() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.step()
        cluster.boot("c0")
        cluster.step()
        cluster.differ("c0", reboot: true)
        #expect(cluster.decide().says("for which the cluster has to be up"))
        cluster.differ("c0")
        #expect(cluster.decide().requests == ["c0 apply"])
    }

    @Test("Pausing keeps from beginning, and what is under way goes on")
    func paused() {
        var cluster = Self.changed(["w0"])
        cluster.desired.isPaused = true
        #expect(cluster.decide().actions.isEmpty && cluster.record.operations.isEmpty)
        cluster.desired.isPaused = false
        cluster.step()
        cluster.desired.isPaused = true
        cluster.observed.nodes["w0"]?.config = .matches
        cluster.decide()
        cluster.pass(.seconds(30))
        cluster.decide()
        #expect(cluster.record.operations.isEmpty)
    }

    @Test("Nothing is begun outside of the maintenance windows, and what is under way goes on")
    func windows() {
        var cluster = Self.changed(["w0", "w1"])
        cluster.step()
        // It is eight o'clock in the morning.
        cluster.desired.policy.windows = [
            MaintenanceWindow(days: [], opensAt: 600, duration: .seconds(3600))
        ]
        cluster.observed.nodes["w0"]?.config = .matches
        cluster.step()
        cluster.pass(.seconds(30))
        #expect(cluster.decide().says("wait for the maintenance window, which opens at 2027-01-15T10:00:00Z"))
        #expect(cluster.record.operations.isEmpty)
        cluster.pass(.seconds(7200))
        #expect(cluster.decide().requests == ["w1 apply"])
    }

    @Test("A comparison with another configuration than the desired one is not acted on")
    func stale() {
        var cluster = Self.changed(["w0"])
        cluster.change("w0") { $0.configDigest = "newer" }
        #expect(cluster.decide().actions.isEmpty)
    }
}

@Suite("How and why configurations are changed")
struct ConfigChangePlanTests {
    typealias Mode = RolloutPolicy.Mode

    @Test(
        "The mode decides how",
        arguments: [
            (Mode.auto, false, LifecycleAction.Kind?.some(.apply(.noReboot))), (.auto, true, .apply(.staged)),
            (.reboot, false, .apply(.staged)), (.staged, true, .apply(.staged)),
            (.staged, false, .apply(.staged)), (.noReboot, false, .apply(.noReboot)),
            (.noReboot, true, nil), (.try, false, .apply(.try)), (.try, true, nil),
        ])
    func modes(_ mode: Mode, _ needsReboot: Bool, _ expected: LifecycleAction.Kind?) {
        var cluster = Cluster()
        cluster.desired.policy.rollout.mode = mode
        cluster.desired.policy.drain.isEnabled = false
        cluster.differ("w0", reboot: needsReboot)
        let decision = cluster.decide()
        #expect(decision.actions.map(\.kind) == (expected.map { [$0] } ?? []))
        #expect(RolloutPlan(cluster.context).items.count == (expected == nil ? 0 : 1))
        if expected == nil { #expect(decision.waits.contains { $0.node == "w0" }) }
    }

    @Test("A node that was not asked whether it has to reboot is rebooted")
    func unknownReboot() {
        var cluster = Cluster()
        cluster.differ("w0", reboot: nil)
        #expect(RolloutPlan(cluster.context).items.first?.reboots == true)
    }

    @Test("What was staged or tried out is not staged or tried out again", arguments: [Mode.staged, .try])
    func once(_ mode: Mode) {
        var cluster = Cluster()
        cluster.desired.policy.rollout.mode = mode
        cluster.differ("w0")
        #expect(cluster.step().count == 1)
        for _ in 0..<20 {
            cluster.pass(.seconds(20))
            #expect(cluster.step().isEmpty)
        }
        #expect(cluster.record.operations.isEmpty && cluster.record.nodes["w0"]?.appliedDigest == "before")
        cluster.differ("w0", hash: "h2")
        #expect(cluster.step().count == 1)
    }

    @Test("What is tried out does not count as applied while it lasts")
    func trial() {
        var cluster = Cluster()
        cluster.desired.policy.rollout.mode = .try
        cluster.differ("w0")
        cluster.step()
        cluster.observed.nodes["w0"]?.config = .matches
        cluster.pass(.seconds(40))
        cluster.step()
        #expect(cluster.record.nodes["w0"]?.appliedDigest == "before")
    }

    @Test(
        "What is staged is followed by a reboot when the mode is one that reboots", arguments: Mode.allCases)
    func staged(_ mode: Mode) {
        var cluster = Cluster()
        cluster.desired.policy.rollout.mode = mode
        cluster.desired.policy.drain.isEnabled = false
        cluster.record.nodes["w0"]?.appliedDigest = "before"
        cluster.observed.nodes["w0"]?.config = .staged
        let reboots = mode == .auto || mode == .reboot
        #expect(cluster.decide().actions.map(\.kind) == (reboots ? [.reboot(.default)] : []))
    }

    @Test(
        "A drift is reported, staged or put right as the policy says, and a roll-out is none",
        arguments: [
            (DriftPolicy.report, true, LifecycleAction.Kind?.none), (.stage, true, .apply(.staged)),
            (.apply, true, .apply(.noReboot)), (.report, false, .apply(.noReboot)),
            (.stage, false, .apply(.noReboot)),
        ])
    func drift(_ policy: DriftPolicy, _ isDrift: Bool, _ expected: LifecycleAction.Kind?) {
        var cluster = Cluster()
        cluster.desired.policy.drift = policy
        cluster.differ("w0", isDrift: isDrift)
        #expect(cluster.decide().actions.map(\.kind) == (expected.map { [$0] } ?? []))
    }

    @Test(
        "A drift that was staged waits for a reboot by somebody else",
        arguments: [DriftPolicy.report, .stage])
    func stagedDrift(_ policy: DriftPolicy) {
        var cluster = Cluster()
        cluster.desired.policy.drift = policy
        cluster.observed.nodes["w0"]?.config = .staged
        #expect(cluster.decide().actions.isEmpty)
    }
}
