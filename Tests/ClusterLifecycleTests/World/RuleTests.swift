// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

/// A planner that does one thing wrong, and what shows that.
struct Spoiled: Sendable, CustomTestStringConvertible {
    let rule: Rule
    /// Whether it begins without a cluster.
    var isFromNothing = false
    var prepare: @Sendable (inout Checker) -> Void = { _ in }
    let spoil: @Sendable (FlowContext, inout LifecycleDecision) -> Void

    var testDescription: String { rule.rawValue }

    init(_ rule: Rule, _ spoil: @escaping @Sendable (FlowContext, inout LifecycleDecision) -> Void) {
        self.rule = rule
        self.spoil = spoil
    }

    func fromNothing() -> Spoiled {
        var next = self
        next.isFromNothing = true
        return next
    }

    func preparing(_ prepare: @escaping @Sendable (inout Checker) -> Void) -> Spoiled {
        var next = self
        next.prepare = prepare
        return next
    }

    func after(_ edit: @escaping @Sendable (inout Specification) -> Void) -> Spoiled {
        preparing { edit(&$0.world.management.specification) }
    }
}

extension LifecycleDecision {
    /// Asks for something, and notes that it is done.
    fileprivate mutating func act(
        _ kind: LifecycleAction.Kind, _ node: String, _ operation: NodeOperation.Kind?, _ context: FlowContext
    ) {
        actions.append(LifecycleAction(kind, on: node))
        guard let operation, record.operations[node] == nil else { return }
        record.operations[node] = NodeOperation(operation, .rebooting, at: context.now)
    }
}

@Suite("Checker: every rule can be broken")
struct RuleTests {
    static let upgrade = NodeOperation.Kind.upgrade(image: "i/plain:v1.13.0", to: Release(minor: 13))
    static let reset = LifecycleAction.ResetCall(isGraceful: false, reboots: false, wipe: .all)

    static let nothing = Checker(.real, Scenario("create", 3, 2), seed: 2)
    static let cluster = Scenario("there", 3, 2).start(seed: 2)

    static let cases: [Spoiled] = etcd + nodes + record + rest

    private static let etcd = [
        Spoiled(.bootstrapOnce) { context, decision in
            decision.actions.removeAll { $0.kind == .bootstrap }
            let idle = context.observed.nodes.filter { $0.value.etcdService?.state == "Preparing" }.keys
                .sorted()
            guard idle.count == 3 else { return }
            for name in idle { decision.act(.bootstrap, name, nil, context) }
        }.fromNothing(),
        Spoiled(.bootstrapRemembered) { $1.record.bootstrap = nil },
        Spoiled(.quorum) { context, decision in
            for name in ["cp-0", "cp-1"] { decision.act(.reboot(.default), name, upgrade, context) }
        },
        Spoiled(.quorum) { context, decision in
            guard let id = context.observed.etcd.statuses["cp-1"]?.memberID else { return }
            decision.act(.removeMember(id), "cp-0", .replace, context)
        }.preparing { $0.world.disturb("cp-2") { node, _ in node.isDead = true } },
        Spoiled(.quorum) { $1.act(.leaveEtcd, "cp-0", .remove, $0) }
            .preparing { $0.world.disturb("cp-2") { node, _ in node.isDead = true } },
        Spoiled(.rightMember) { context, decision in
            guard let id = context.observed.etcd.statuses["cp-1"]?.memberID else { return }
            decision.act(.removeMember(id), "cp-0", .replace, context)
        },
        Spoiled(.memberLeftBehind) { $1.act(.deleteMachine, "cp-2", .remove, $0) }.after {
            $0.controlPlane = 1
        },
        Spoiled(.preserve) {
            $1.act(
                .upgrade(image: "i/plain:v1.13.0", .legacy(preserve: true, stage: false, reboot: .default)),
                "cp-0",
                upgrade, $0)
        },
    ]

    private static let nodes = [
        Spoiled(.oneControlPlane) { context, decision in
            for name in ["cp-0", "cp-1"] { decision.act(.reboot(.default), name, upgrade, context) }
        },
        Spoiled(.othersWell) { $1.act(.reboot(.default), "cp-0", upgrade, $0) }
            .preparing { $0.world.disturb("cp-2") { node, _ in node.isDead = true } },
        Spoiled(.rightNode) { $1.act(.reset(reset), "cp-0", .remove, $0) },
        Spoiled(.rightNode) { $1.act(.deleteMachine, "w-0", .remove, $0) },
        Spoiled(.rightNode) { $1.act(.reboot(.default), "w-1", .remove, $0) }.after { $0.workers = 1 },
        Spoiled(.disruptionBudget) { $1.act(.drain(force: true), "w-0", upgrade, $0) },
        Spoiled(.drainedFirst) { $1.act(.reboot(.default), "w-0", upgrade, $0) },
        Spoiled(.secretsToPinned) { context, decision in
            for name in context.observed.nodes.keys.sorted() {
                decision.record.nodes[name]?.fingerprint = "another"
                decision.act(.apply(.install(fingerprint: "key")), name, .install, context)
            }
        }.fromNothing(),
        Spoiled(.workersAtATime) { context, decision in
            for name in ["w-0", "w-1"] { decision.act(.reboot(.default), name, upgrade, context) }
        },
        Spoiled(.upgradePath) {
            $1.act(.upgrade(image: "i/plain:v1.14.0", .lifecycle), "w-0", upgrade, $0)
        },
        Spoiled(.skew) { context, decision in
            let release = Release(minor: 35)
            decision.act(.setImage(.kubelet, release), "w-0", .component(.kubelet, to: release), context)
        },
        Spoiled(.userCordon) { $1.act(.uncordon, "w-0", upgrade, $0) }.preparing { $0.world.cordon("w-0") },
        Spoiled(.protected) { $1.act(.reset(reset), "w-0", .teardown, $0) }.after {
            $0.isDeleted = true
            $0.policy.deletion.isProtected = true
        },
        Spoiled(.resetPolicy) { $1.act(.reset(reset), "w-0", .teardown, $0) }.after { $0.isDeleted = true },
    ]

    private static let record = [
        Spoiled(.quietWhileHalted) { context, decision in
            decision.record.halt(.etcdUnhealthy, "it is not well", context)
            if context.record.halt != nil {
                decision.act(.pull(image: "i", isSystem: true), "w-0", upgrade, context)
            }
        },
        Spoiled(.quietWhilePaused) { $1.act(.pull(image: "i", isSystem: true), "w-0", upgrade, $0) }
            .after { $0.isPaused = true },
        Spoiled(.recordFirst) { $1.act(.pull(image: "i", isSystem: true), "w-0", nil, $0) },
        Spoiled(.recordKept) { context, decision in
            decision.record.operations["w-0"] = NodeOperation(upgrade, .pulling, at: context.now)
            decision.record.operations["w-0"]?.lastError = String(repeating: "x", count: 5000)
        },
        Spoiled(.haltExplained) { $1.record.halt(.etcdUnhealthy, "", $0) },
        Spoiled(.haltExplained) { $1.record.halt(.rebootTimedOut, "it is gone", $0) },
        Spoiled(.window) { $1.act(.pull(image: "i", isSystem: true), "w-0", upgrade, $0) }.after {
            $0.policy.windows = [MaintenanceWindow(days: [0], opensAt: 0, duration: .seconds(60))]
        },
        Spoiled(.approval) { $1.act(.pull(image: "i", isSystem: true), "w-0", upgrade, $0) }
            .after { $0.policy.rollout.approval = .manual },
    ]

    private static let rest = [
        Spoiled(.needlessHalt) { $1.record.halt(.etcdUnhealthy, "it is not", $0) },
        Spoiled(.convergence) { $1 = LifecycleDecision(record: $0.record) }.fromNothing(),
        Spoiled(.rest) { $1.record.nodes["w-0"]?.address = "\($0.now.secondsSince1970)" },
    ]

    @Test("A planner that breaks a rule is found out", arguments: cases)
    func spoiled(_ spoiled: Spoiled) {
        var reports: [String] = []
        // What is wrong need not have an effect in every schedule.
        for seed in UInt64(4)...7 {
            var checker = (spoiled.isFromNothing ? Self.nothing : Self.cluster).going([], seed: seed)
            spoiled.prepare(&checker)
            checker.planner.decide = { context in
                var decision = LifecyclePlanner.decide(context)
                spoiled.spoil(context, &decision)
                return decision
            }
            let end = checker.world.now + 4000
            while checker.world.now < end, !checker.hasBroken(spoiled.rule) { checker.stepOn() }
            if spoiled.rule == .convergence { checker.giveUp() }
            if checker.hasBroken(spoiled.rule) { return }
            reports.append("\(checker.report)")
        }
        Issue.record("\(reports)")
    }

    @Test("There is such a planner for every rule")
    func complete() {
        #expect(Set(Self.cases.map(\.rule)) == Set(Rule.allCases))
    }
}

extension Checker {
    func hasBroken(_ rule: Rule) -> Bool { world.violations.contains { $0.rule == rule } }
}
