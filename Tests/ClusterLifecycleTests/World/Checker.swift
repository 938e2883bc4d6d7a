// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import TestSupport

/// Runs operators against a world, one step after the other, and sees to it that every rule holds.
///
/// It is a value, like its world: a copy goes on from the same point in another way.
struct Checker: Sendable {
    var planner: Planner
    var world: World
    var operators: [OperatorInstance]
    /// What the schedule is made from; the world has a generator of its own.
    var random: SeededGenerator
    /// What the user does one after the other, each when the goal of the one before is reached.
    var edits: [Edit]
    /// What befalls the next requests and writes, counted from the first one of this schedule.
    var mishaps: [Int: Mishap] = [:]
    /// Requests that are still on their way.
    var late: [Late] = []
    /// Until when looks miss things.
    var blurredUntil = 0
    /// When everything that is wrong ends; nil if that is somebody else's affair.
    var healsAt: Int?
    /// Whether something went wrong that may end in a halt.
    var mayHalt = false
    /// How many times somebody has asked to go on after a halt.
    var resumptions = 0

    var passes = 0
    var requests = 0
    var writes = 0
    var steps = 0
    /// Requests and writes so far.
    var boundaries = 0
    var lastWaits: [String] = []
    private var haltedSince: Int?
    private var unapproved: Int?
    private var quietPasses = 0
    /// Passes that found something to do although the goal is reached.
    private var restlessPasses = 0

    init(_ planner: Planner, _ scenario: Scenario, seed: UInt64) {
        self.planner = planner
        world = scenario.world(seed)
        operators = [OperatorInstance(number: 0)]
        random = SeededGenerator(seed: seed &+ 0x5EED)
        edits = scenario.edits
        mayHalt = scenario.mayHalt
    }

    /// Goes on with `edits` from where this one has come to.
    func going(_ edits: [Edit], seed: UInt64, mayHalt: Bool = false) -> Checker {
        var next = self
        next.edits = edits
        next.mayHalt = mayHalt
        next.random = SeededGenerator(seed: seed &+ 0x5EED)
        next.world.random = SeededGenerator(seed: seed &+ 0xB0A7)
        next.resetCounters()
        return next
    }

    private mutating func resetCounters() {
        (passes, requests, writes, steps, boundaries) = (0, 0, 0, 0, 0)
        (quietPasses, restlessPasses, haltedSince) = (0, 0, nil)
    }

    var isBroken: Bool { !world.violations.isEmpty }

    // MARK: Runs

    /// Runs until the user has nothing more to do and everything rests, or a rule is broken.
    ///
    /// It calls `visit` before every request and write.
    mutating func run(within hours: Int = 30, visiting visit: (Checker) -> Void = { _ in }) {
        var deadline = world.now + hours * 3600
        while !isBroken {
            if isAtRest, healsAt == nil {
                guard !edits.isEmpty else { return }
                takeEdit()
                deadline = world.now + hours * 3600
            }
            if let index = due, isAtBoundary(index) { visit(self) }
            stepOn()
            if world.now > deadline { return giveUp() }
        }
    }

    /// Notes that the goal is not reached.
    mutating func giveUp() {
        let halt = world.management.record.halt.map { "halted: \($0.reason.rawValue) \($0.message)" }
        world.violate(
            .convergence,
            "\(world.unmetGoal ?? "it does not rest"); \(halt ?? "no halt"); waits: \(lastWaits.prefix(3))")
    }

    /// The operator whose turn it is; nil if all of them sleep.
    private var due: Int? {
        for index in operators.indices where !operators[index].isIdle || operators[index].wakesAt <= world.now
        {
            return index
        }
        return nil
    }

    /// Takes the next step there is.
    mutating func stepOn() {
        if let time = healsAt, world.now >= time { endFaults() }
        endOperators()
        guard let index = due else {
            let wake = operators.map(\.wakesAt).min() ?? world.now + 30
            elapse(max(1, wake - world.now))
            return
        }
        take(index)
    }

    /// Takes an operator a step on, with what befalls it.
    mutating func take(_ index: Int) {
        steps += 1
        let wasIdle = operators[index].isIdle
        var mishap = Mishap.none
        if isAtBoundary(index) {
            mishap = mishaps[boundaries] ?? .none
            boundaries += 1
        }
        let number = operators[index].number
        _ = step(index, mishap)
        if mishap.kills {
            world.trace.note("op\(number) is killed", at: world.now)
            operators[index] = OperatorInstance(number: number + 1)
            operators[index].wakesAt = world.now + 5
        }
        if wasIdle { noteRest(index) }
        watchHalt()
    }

    // MARK: Rest

    mutating func takeEdit() {
        let edit = edits.removeFirst()
        world.trace.note("user: \(edit.name)", at: world.now)
        edit.change(&world)
        (quietPasses, restlessPasses) = (0, 0)
    }

    /// Whether the goal is reached and passes have nothing to do.
    private var isAtRest: Bool { quietPasses >= 3 }

    private mutating func noteRest(_ index: Int) {
        guard case .decided(let pass) = operators[index].stage else { return }
        let isQuiet = pass.decision.actions.isEmpty && pass.decision.record == pass.context.record
        guard world.unmetGoal == nil, world.isKubernetesReachable || world.isDeleted else {
            (quietPasses, restlessPasses) = (0, 0)
            return
        }
        quietPasses = isQuiet ? quietPasses + 1 : 0
        restlessPasses = quietPasses >= 3 ? 0 : restlessPasses + 1
        if restlessPasses > 60 {
            world.violate(
                .rest, "\(pass.decision.actions), \(pass.context.record) to \(pass.decision.record)")
        }
    }

    // MARK: People

    /// Somebody reads what is planned, and approves of it some time later.
    mutating func approve(_ context: FlowContext) {
        guard context.desired.policy.rollout.approval == .manual else { return }
        let plan = RolloutPlan(context)
        guard !plan.items.isEmpty, !plan.isApproved(context), context.desired.approvedPlan != plan.hash else {
            return unapproved = nil
        }
        let since = unapproved ?? world.now
        unapproved = since
        guard world.now > since + 120 else { return }
        world.management.specification.approvedPlan = plan.hash
        world.noteApproval()
        world.trace.note("user: approves of \(plan.hash)", at: world.now)
    }

    /// Somebody looks after a while at a cluster that stands still, and asks to go on.
    private mutating func watchHalt() {
        guard let halt = world.management.record.halt else {
            haltedSince = nil
            return
        }
        if !mayHalt { world.violate(.needlessHalt, "\(halt.reason.rawValue): \(halt.message)") }
        let since = haltedSince ?? world.now
        haltedSince = since
        guard world.now > since + 600, resumptions < 20 else { return }
        resumptions += 1
        haltedSince = nil
        world.resume("r\(resumptions)")
        if resumptions > 3 { world.removeLostMembers() }
    }
}

extension World {
    /// Somebody mends what is broken for good, and asks to go on.
    mutating func resume(_ token: String) {
        trace.note("user: resume \(token)", at: now)
        heal()
        for name in cordonedByUser where kubernetes.nodes[name]?.isCordonedByUs == false {
            kubernetes.nodes[name]?.isUnschedulable = false
        }
        cordonedByUser = []
        management.specification.resumeToken = token
    }

    /// Takes the members out of etcd by hand whose data is gone, if that can be done.
    mutating func removeLostMembers() {
        for cluster in etcds.indices {
            for (id, member) in etcds[cluster].members.sorted(by: { $0.key < $1.key })
            where node(member.node)?.etcd?.member != id && hasQuorum(cluster) {
                etcds[cluster].members[id] = nil
                trace.note("user: removes the member \(id) of \(member.node)", at: now)
            }
        }
    }

    /// Ends every fault: what is dead is powered on again, and what fails does not any more.
    mutating func heal() {
        for index in nodes.indices {
            nodes[index].hungUntil = 0
            nodes[index].cutUntil = 0
            nodes[index].strangerUntil = 0
            nodes[index].failingUpgrades = 0
            nodes[index].failsToStart = false
            let isLeaving = management.machines.contains { $0.name == nodes[index].name && $0.goneAt != nil }
            if nodes[index].isDead, !isLeaving {
                nodes[index].isDead = false
                nodes[index].reboot(at: now, taking: 30)
            }
        }
        kubernetes.cutUntil = 0
        kubernetes.apps.removeAll { $0.name == "blocked" }
        kubernetes.pods.removeAll { $0.app == "blocked" }
        for index in etcds.indices { etcds[index].alarms = [:] }
        noteRecoveries()
    }

    /// Whether the cluster is to go, so that nobody is to be reached in the end.
    var isDeleted: Bool { management.specification.isDeleted }

    /// What is not as the user wants it; nil if everything is.
    var unmetGoal: String? {
        let specification = management.specification
        guard !specification.isDeleted else {
            return management.machines.isEmpty ? nil : "machines are left: \(management.machines.map(\.name))"
        }
        let wanted = specification.names
        if let extra = management.machines.first(where: { machine in
            !wanted.contains { $0.name == machine.name }
        }) {
            return "\(extra.name) is left"
        }
        for (name, role) in wanted {
            guard let node = node(name) else { return "\(name) is not there" }
            if let problem = problem(node, role, specification) { return "\(name): \(problem)" }
        }
        return etcdProblem(specification) ?? kubernetesProblem(wanted.map(\.name), specification)
    }

    private func problem(_ node: SimulatedNode, _ role: NodeRole, _ specification: Specification) -> String? {
        guard isWell(node) else { return "it is not well: \(node.activity)" }
        guard node.running == specification.image else { return "it runs \(node.running.text)" }
        guard let config = node.config, config.matches(specification.config(role)) else {
            return "its configuration is another one"
        }
        for (component, image) in config.images.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard image == specification.kubernetes else { return "\(component.rawValue) is to be \(image)" }
            if component != .proxy, node.components[component] != image {
                return "\(component.rawValue) is not there"
            }
        }
        return nil
    }

    private func etcdProblem(_ specification: Specification) -> String? {
        guard let main = mainEtcd else { return "there is no etcd" }
        let hosts = etcds[main].members.values.filter { !$0.isLearner }.map(\.node).sorted()
        let wanted = specification.names.filter { $0.role == .controlPlane }.map(\.name).sorted()
        return hosts == wanted && etcds[main].members.count == hosts.count ? nil : "etcd has \(hosts)"
    }

    private func kubernetesProblem(_ names: [String], _ specification: Specification) -> String? {
        if let extra = kubernetes.nodes.keys.sorted().first(where: { !names.contains($0) }) {
            return "the Node of \(extra) is left"
        }
        for name in names {
            guard let node = kubernetes.nodes[name], node.isReady else {
                return "the Node of \(name) is not ready"
            }
            if node.isUnschedulable != cordonedByUser.contains(name) {
                return "the Node of \(name): unschedulable"
            }
            if node.kubelet != specification.kubernetes {
                return "the kubelet of \(name) is \(String(describing: node.kubelet))"
            }
        }
        // That the manifests are yet to be brought up to date is known from the record alone.
        if recordLostAt > 0 { return nil }
        return kubernetes.proxy == specification.kubernetes
            ? nil : "kube-proxy is \(String(describing: kubernetes.proxy))"
    }
}
