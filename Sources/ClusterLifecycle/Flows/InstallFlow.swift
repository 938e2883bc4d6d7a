// SPDX-License-Identifier: Apache-2.0
import Platform

/// Gives machines in maintenance mode their configuration and follows them until they have come up.
///
/// ```
/// (maintenance) → Applying → Installing → Uncordoning → over
///                     ↑___________| in maintenance again
/// ```
/// All machines are installed side by side; workers wait for a control-plane node that has its configuration, for without
/// the certificates that its trustd gives them they would be out of reach. Applying in maintenance mode may be repeated:
/// it is the same configuration for a machine that has none.
package enum InstallFlow: Flow {
    /// How long a machine may stay in maintenance mode after it has been given its configuration.
    private static let leaveGrace: Duration = .seconds(60)

    package static func decide(_ context: FlowContext, _ decision: inout LifecycleDecision) -> FlowVerdict {
        for node in context.desired.nodes where !node.isSurplus && node.hasMachine && !node.isMachineLeaving {
            if let operation = decision.record.operations[node.name] {
                if operation.kind == .install { follow(node, operation, context, &decision) }
            } else {
                begin(node, context, &decision)
            }
        }
        return .clear
    }

    package static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        guard var operation = record.operations[action.node], operation.kind == .install else { return }
        switch (action.kind, result) {
        case (.apply, .done), (.apply, .running), (.apply, .alreadyDone):
            if operation.step == .applying {
                // The number of tries stays, so that a machine that falls back is asked ever more rarely.
                operation.step = .installing
                operation.since = context.now
                operation.lastError = nil
            }
        case (.apply, .refused(let message)):
            operation.lastError = message
            record.halt(
                .configRejected, "\(action.node) refuses its configuration: \(message)", node: action.node,
                context)
        case (.apply, .notNow(let message)):
            // Nothing was done: the next look decides.
            operation.attempts = max(0, operation.attempts - 1)
            operation.lastError = message
        case (_, .unknown(let message)), (_, .notNow(let message)), (_, .refused(let message)),
            (_, .partly(let message)):
            operation.lastError = message
        default: break
        }
        record.operations[action.node] = operation
    }

    /// Whether a node has come up from its installation: with the cluster around it has to be well, and without one it
    /// cannot be.
    static func isInstalled(_ node: DesiredNode, _ seen: NodeObservation, _ record: LifecycleRecord) -> Bool {
        guard seen.isConfigured else { return false }
        if record.bootstrap?.isConfirmed == true { return seen.isWell }
        let isUp = seen.stage == .running || seen.stage == .booting
        return isUp && (node.role == .worker || seen.etcdService != nil)
    }
}

extension InstallFlow {
    private static func begin(
        _ node: DesiredNode, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard case .maintenance(let fingerprint) = context.observation(of: node.name).contact else {
            return expect(node, context, &decision)
        }
        let present = context.with(decision.record)
        if let obstacle = present.comingUpObstacle ?? obstacle(to: node, fingerprint, present) {
            decision.waits.append(Wait("\(node.name) is not installed yet: \(obstacle)", node: node.name))
            return
        }
        var operation = NodeOperation(.install, .applying, at: context.now)
        operation.attempts = 1
        decision.record.operations[node.name] = operation
        decision.actions.append(LifecycleAction(.apply(.install(fingerprint: fingerprint)), on: node.name))
        decision.wake(within: .seconds(5))
    }

    /// Waits for a machine that has never been seen; one that has been is no longer this flow's matter.
    private static func expect(
        _ node: DesiredNode, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        let known = decision.record.nodes[node.name]
        guard known?.wasConfigured != true, let since = known?.readySince else { return }
        let limit = context.desired.policy.timeouts.contact
        let contact = context.observation(of: node.name).contact.words
        guard since + limit < context.now else {
            let message = "\(node.name) \(contact)"
            decision.waits.append(Wait(message, node: node.name, until: since + limit))
            return
        }
        fail(
            .contactTimedOut, "\(node.name) \(contact), \(limit) after its machine was ready", node, context,
            &decision)
    }

    /// Why a machine in maintenance mode is not given its configuration now; nil if it is.
    private static func obstacle(
        to node: DesiredNode, _ fingerprint: String, _ context: FlowContext
    ) -> String? {
        guard node.configDigest != nil else { return "there is no configuration for it yet" }
        guard context.record.nodes[node.name]?.fingerprint == fingerprint else {
            return "it shows another key than before"
        }
        if let stranger = strangeness(of: node, fingerprint, context) { return stranger }
        switch node.role {
        case .controlPlane: return staleMember(of: node, context)
        case .worker:
            return context.nodes(.controlPlane).contains { hasConfiguration($0, context) }
                ? nil : "a worker needs a control-plane node that is configured"
        }
    }

    /// Why the machine that answers for a node is not the node's own; nil if nothing speaks against it.
    private static func strangeness(
        of node: DesiredNode, _ fingerprint: String, _ context: FlowContext
    ) -> String? {
        let contact = NodeObservation.Contact.maintenance(fingerprint: fingerprint)
        let twin = context.desired.nodes.first {
            $0.name != node.name && context.observation(of: $0.name).contact == contact
        }
        if let twin { return "\(twin.name) shows the same key, and one machine cannot be both" }
        guard context.observed.kubernetes.nodes[node.name]?.isReady == true else { return nil }
        return "Kubernetes finds a node of its name ready, so that another machine may answer at its address"
    }

    /// Whether a node is configured, or is being installed with the configuration that it has taken.
    private static func hasConfiguration(_ node: DesiredNode, _ context: FlowContext) -> Bool {
        let seen = context.observation(of: node.name)
        guard let operation = context.record.operations[node.name], operation.kind == .install else {
            return seen.isConfigured
        }
        return seen.isConfigured || operation.step == .installing && !seen.isInMaintenance
    }

    /// An empty machine must not come up in the place of a member that etcd still counts on.
    private static func staleMember(of node: DesiredNode, _ context: FlowContext) -> String? {
        let record = context.record
        let views = context.observed.etcd.views.filter { $0.key != node.name && !$0.value.isEmpty }
        if views.values.contains(where: { $0.contains { $0.isNamed(node.name) } }) {
            return "etcd still has a member of its name, which has to be removed first"
        }
        if case .member = MemberOfNode(node, context) {
            return "etcd still has a member at its address, which has to be removed first"
        }
        let wasMember = record.bootstrap != nil && record.nodes[node.name]?.wasConfigured == true
        guard views.isEmpty, wasMember || record.bootstrap?.isConfirmed == true else { return nil }
        return "no member of etcd tells whether its old one is still there"
    }
}

extension InstallFlow {
    private static func follow(
        _ node: DesiredNode, _ operation: NodeOperation, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) {
        var operation = operation
        let seen = context.observation(of: node.name)
        decision.wake(within: .seconds(10))
        if isInstalled(node, seen, decision.record) {
            if operation.step != .uncordoning { operation.advance(to: .uncordoning, at: context.now) }
            decision.record.operations[node.name] = operation
            return finish(node, context, &decision)
        }
        let limit = context.desired.policy.timeouts.install
        if operation.started + limit < context.now {
            fail(
                .installTimedOut,
                "\(node.name) has not come up \(limit) after it was given its configuration: it "
                    + seen.contact.words + (operation.lastError.map { "; \($0)" } ?? ""), node, context,
                &decision)
        } else {
            decision.waits.append(
                Wait(
                    "\(node.name) is being installed: it \(seen.contact.words)", node: node.name,
                    until: operation.started + limit))
        }
        if case .maintenance(let fingerprint) = seen.contact {
            repeatApply(to: node, fingerprint, operation, context, &decision)
        }
    }

    /// A machine that is still, or again, in maintenance mode is given its configuration again, ever more rarely.
    private static func repeatApply(
        to node: DesiredNode, _ fingerprint: String, _ operation: NodeOperation, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) {
        var operation = operation
        let grace: Duration = operation.step == .installing ? leaveGrace : .zero
        guard operation.since + grace + pause(after: operation.attempts) <= context.now,
            isAnotherTryOfUse(node, operation, decision.record)
        else { return }
        if let obstacle = obstacle(to: node, fingerprint, context.with(decision.record)) {
            decision.waits.append(Wait("\(node.name) is not installed yet: \(obstacle)", node: node.name))
            return
        }
        operation.step = .applying
        operation.attempts += 1
        decision.record.operations[node.name] = operation
        decision.actions.append(LifecycleAction(.apply(.install(fingerprint: fingerprint)), on: node.name))
    }

    /// A configuration that was refused is refused again; another one ends the halt.
    private static func isAnotherTryOfUse(
        _ node: DesiredNode, _ operation: NodeOperation, _ record: LifecycleRecord
    ) -> Bool {
        !(record.halt?.reason == .configRejected && record.halt?.node == node.name)
    }

    /// 15, 45, 105 … seconds after the beginning of the step, a quarter of an hour apart in the end.
    private static func pause(after attempts: Int) -> Duration {
        let doublings = max(0, min(attempts, 6))
        return .seconds(15 * ((1 << doublings) - 1)) + .seconds(900) * max(0, min(attempts, 1000) - 6)
    }

    /// The node is there: what made it unschedulable in an earlier life is taken back, and that is all.
    private static func finish(
        _ node: DesiredNode, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        if context.observed.kubernetes.nodes[node.name]?.isCordonedByUs == true {
            decision.actions.append(LifecycleAction(.uncordon, on: node.name))
        } else {
            decision.record.operations[node.name] = nil
            decision.record.nodes[node.name]?.fingerprint = nil
        }
    }

    /// A control-plane node that does not come up halts the cluster's other work; a worker is only told about, for
    /// nothing depends on it.
    private static func fail(
        _ reason: HaltReason, _ message: String, _ node: DesiredNode, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) {
        decision.waits.append(Wait(message, node: node.name, problem: reason))
        if node.role == .controlPlane { decision.record.halt(reason, message, node: node.name, context) }
    }
}

extension NodeObservation.Contact {
    /// What it looks like, to follow a node's name or `it`.
    var words: String {
        switch self {
        case .noAddress: "has no address"
        case .unreachable(let why): "does not answer: \(why)"
        case .refused(let why): "answers, but not as a node of this cluster: \(why)"
        case .maintenance: "waits for its configuration"
        case .configured: "is configured and comes up"
        }
    }
}

extension EtcdObservation.Member {
    /// Whether it is the member of that node, by the node's name without its domain.
    func isNamed(_ node: String) -> Bool {
        func short(_ name: String) -> String { String(name.lowercased().prefix { $0 != "." }) }
        return short(hostname) == short(node)
    }
}
