// SPDX-License-Identifier: Apache-2.0
import Platform

/// Makes room in etcd for a control-plane node whose machine was replaced or wiped: the member that is left of it is
/// taken out, and then it is installed like a new one.
///
/// ```
/// RemovingMember → DeletingNode → over
/// ```
/// It begins only when the node is seen in maintenance mode: such a machine runs no etcd. A node that merely does not
/// answer keeps its member, however long that lasts, unless its Machine is taken away, which is removal.
enum ReplaceFlow: Flow {
    static func decide(_ context: FlowContext, _ decision: inout LifecycleDecision) -> FlowVerdict {
        for (name, operation) in decision.record.operations.sorted(by: { $0.key < $1.key })
        where operation.kind == .replace {
            follow(name, context.with(decision.record), &decision)
        }
        for node in context.nodes(.controlPlane) where !node.isSurplus && !node.isMachineLeaving {
            begin(node, context.with(decision.record), &decision)
        }
        return decision.record.operations.values.contains { $0.kind == .replace } ? .busy : .clear
    }

    static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        var name = action.node
        if case .removeMember(let id) = action.kind {
            name = record.operations.first { $0.value.memberID == id }?.key ?? name
        }
        guard record.note(result, on: name), case .removeMember = action.kind else { return }
        let said = record.operations[name]?.said ?? ""
        record.stop(.removalFailed, "the old member of \(name) was not removed\(said)", on: name, context)
    }

    private static func begin(
        _ node: DesiredNode, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard context.record.bootstrap?.isConfirmed == true, context.record.operations[node.name] == nil,
            context.observation(of: node.name).isInMaintenance
        else { return }
        // Another machine may answer at its address: of a node that is wiped Kubernetes hears no more.
        if context.observed.kubernetes.nodes[node.name]?.isReady == true {
            return decision.waits.append(
                Wait("its member of etcd stays: Kubernetes finds the node ready", node: node.name))
        }
        switch MemberOfNode(node, context) {
        case .none: return
        case .unknown(let problem):
            decision.waits.append(
                Wait("its old member of etcd stays: \(problem)", node: node.name, problem: .removalFailed))
        case .member(let id):
            // Work on another node is no obstacle: it may be waiting for this one, and etcd loses nothing with a member
            // that does not run.
            if let obstacle = context.beginningObstacle {
                return decision.waits.append(
                    Wait("its old member of etcd stays: \(obstacle)", node: node.name))
            }
            var operation = NodeOperation(.replace, .removingMember, at: context.now)
            operation.memberID = id
            var record = context.record
            record.operations[node.name] = operation
            if let message = EtcdGuard(context.with(record)).mayLeave(id).message {
                return decision.waits.append(
                    Wait("its old member of etcd stays: \(message)", node: node.name, problem: .quorumAtRisk))
            }
            decision.record.operations[node.name] = operation
            follow(node.name, context.with(decision.record), &decision)
        }
    }

    private static func follow(
        _ name: String, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard let operation = decision.resumed(name, context) else { return }
        let seen = context.observation(of: name)
        guard let member = operation.memberID, !seen.isConfigured else {
            // Somebody has installed it meanwhile: what it is now is another question.
            decision.record.operations[name] = nil
            return
        }
        if operation.step == .removingMember {
            guard MemberRemoval.advance(name, member, context, &decision) else { return }
            decision.advance(name, to: .deletingNode, context)
        }
        deleteNode(name, context, &decision)
    }

    /// What Kubernetes knows of the old machine goes too; if that cannot be done the new one takes it over.
    private static func deleteNode(
        _ name: String, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard let operation = decision.record.operations[name] else { return }
        let kubernetes = context.observed.kubernetes
        let limit = context.desired.policy.timeouts.component
        if kubernetes.isReachable && kubernetes.nodes[name] == nil
            || context.record.isOverdue(operation, limit, at: context.now)
        {
            decision.record.operations[name] = nil
            return
        }
        if kubernetes.isReachable { decision.ask(.deleteNode, for: name, every: .seconds(30), context) }
        decision.await("its old Node is deleted", on: name, limit: limit)
    }
}
