// SPDX-License-Identifier: Apache-2.0
import Platform

/// Takes a whole cluster down: its workers, then its control plane.
///
/// ```
/// (protected: halted, nothing is touched)
/// Resetting → DeletingMachine → over        each node; the control plane follows when the workers' Machines go
///     └─ does not answer for as long as a reset may take: deleted without one, and told
/// ```
/// Whatever else was under way is dropped: a cluster can be deleted at any moment of its life, halted or not. Nothing is
/// drained, as there is nowhere to go, and no member leaves etcd, as the last one could not.
enum TeardownFlow: Flow {
    /// How often a request is repeated of which no effect was seen.
    private static let pause: Duration = .seconds(30)
    /// How long a machine must have been in maintenance mode: one that was just given its configuration shows itself
    /// like that for a moment.
    private static let maintenance: Duration = .seconds(60)

    static func decide(_ context: FlowContext, _ decision: inout LifecycleDecision) -> FlowVerdict {
        let deletion = context.desired.policy.deletion
        lift(context, &decision.record)
        guard context.desired.isBeingDeleted else { return .clear }
        if decision.record.teardownSince == nil {
            if deletion.isProtected {
                protect(context, &decision.record)
                return .busy
            }
            if context.desired.isPaused {
                decision.waits.append(Wait("is deleted when it is not paused any more"))
                return .busy
            }
            // What went wrong before does not matter any more.
            decision.record.halt = nil
            decision.record.teardownSince = context.now
        }
        decision.record.operations = decision.record.operations.filter { name, operation in
            operation.kind == .teardown && context.desired.nodes.contains { $0.name == name }
        }
        for node in next(context) { advance(node, context, &decision) }
        return .busy
    }

    /// Takes a halt away whose reason is gone; neither protection nor policy is part of what a halt is lifted by.
    private static func lift(_ context: FlowContext, _ record: inout LifecycleRecord) {
        let desired = context.desired
        switch record.halt?.reason {
        case .deletionProtected where !(desired.isBeingDeleted && desired.policy.deletion.isProtected),
            .resetFailed where desired.isBeingDeleted && desired.policy.deletion.reset == .none:
            record.halt = nil
        default: break
        }
    }

    /// Nothing is touched any more, whatever else has gone wrong.
    private static func protect(_ context: FlowContext, _ record: inout LifecycleRecord) {
        if record.halt?.reason == .deletionProtected { return }
        record.halt = nil
        record.halt(.deletionProtected, "the cluster is to be deleted and is protected from that", context)
    }

    /// The nodes whose turn it is: the control plane's only when the Machine of every worker is gone or on its way.
    private static func next(_ context: FlowContext) -> [DesiredNode] {
        let isOver = context.nodes(.worker).allSatisfy(\.isMachineLeaving)
        return context.desired.nodes.filter { $0.role == .worker || isOver }
    }

    private static func advance(
        _ node: DesiredNode, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        let name = node.name
        if decision.record.operations[name] == nil {
            decision.record.operations[name] = NodeOperation(.teardown, .resetting, at: context.now)
        }
        guard let operation = decision.resumed(name, context) else { return }
        if operation.step == .resetting {
            guard isReset(node, operation, context, &decision) else { return }
            let isGivenUp = decision.record.operations[name]?.lastError == NodeOperation.givenUp
            decision.advance(name, to: .deletingMachine, context)
            if isGivenUp { decision.record.operations[name]?.lastError = NodeOperation.givenUp }
        }
        if !node.isMachineLeaving {
            decision.ask(.deleteMachine, for: name, every: pause, context)
        }
        decision.await("its Machine is deleted", on: name)
    }

    /// Whether the node was reset as far as it is going to be.
    private static func isReset(
        _ node: DesiredNode, _ operation: NodeOperation, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) -> Bool {
        guard context.desired.policy.deletion.reset != .none else { return true }
        let seen = context.observation(of: node.name)
        if operation.attempts == 0, seen.isInMaintenance, operation.since + maintenance > context.now {
            decision.await("is looked at once more, as it may be about to be installed", on: node.name)
            return false
        }
        switch ResetStep(name: node.name, isGraceful: isGraceful(node, context)).advance(context, &decision) {
        case .waiting: return false
        case .over: return true
        case .silent: return isGivenUp(node, operation, context, &decision)
        }
    }

    /// A graceful reset of a worker asks Kubernetes; that of a control-plane node would ask an etcd that goes away.
    private static func isGraceful(_ node: DesiredNode, _ context: FlowContext) -> Bool {
        context.desired.policy.deletion.reset == .graceful && node.role == .worker
            && context.record.bootstrap?.isConfirmed == true
            && context.observed.kubernetes.nodes[node.name] != nil
    }

    /// A machine that does not answer must not keep a cluster from being deleted for ever.
    ///
    /// It has the whole time of a reset to answer, whatever its provider says: that may know nothing of it for a moment.
    /// Only where somebody has deleted its Machine nobody waits.
    private static func isGivenUp(
        _ node: DesiredNode, _ operation: NodeOperation, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) -> Bool {
        let limit = context.desired.policy.timeouts.reset
        let isOverdue = context.record.isOverdue(operation, limit, at: context.now)
        guard node.isMachineLeaving || isOverdue else {
            decision.await("is reset when it answers", on: node.name, limit: limit)
            return false
        }
        decision.record.operations[node.name]?.lastError = NodeOperation.givenUp
        return true
    }

    static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        let name = action.node
        let warning = record.operations[name]?.lastError
        let isRefused = record.note(result, on: name)
        if case .reset = action.kind, isRefused {
            let said = record.operations[name]?.said ?? ""
            record.stop(.resetFailed, "\(name) refuses to be reset\(said)", on: name, context)
        } else if !isRefused, record.operations[name]?.step == .deletingMachine {
            // That it was not reset is told to the end.
            let said = record.operations[name]?.lastError
            record.operations[name]?.lastError = said ?? warning
        }
    }
}

extension NodeOperation {
    /// What is said of a node that was to be wiped and did not answer.
    fileprivate static let givenUp = "it was not reset, as it did not answer"

    /// Whether its Machine goes although the node was to be wiped and was not.
    package var isGivenUp: Bool {
        kind == .teardown && step == .deletingMachine && lastError == Self.givenUp
    }
}
