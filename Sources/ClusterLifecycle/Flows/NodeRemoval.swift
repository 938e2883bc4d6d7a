// SPDX-License-Identifier: Apache-2.0
import Platform

/// One node's way out of the cluster.
struct NodeRemoval {
    /// How often a request is repeated of which no effect was seen.
    private static let pause: Duration = .seconds(30)
    /// How often it is tried to give the leadership away before the node leaves with it.
    private static let forfeits = 3

    private let name: String
    private let leaving: LeavingNode
    private let context: FlowContext

    init(_ name: String, _ context: FlowContext) {
        self.name = name
        self.context = context
        leaving = LeavingNode(name, context)
    }

    /// Goes through as many steps as there is nothing to wait for in.
    func advance(_ decision: inout LifecycleDecision) {
        for _ in OperationStep.allCases {
            guard let operation = decision.resumed(name, context) else { return }
            takeBack(operation, &decision)
            guard let step = decision.record.operations[name]?.step else { return }
            let (actions, waits) = (decision.actions.count, decision.waits.count)
            perform(step, &decision)
            // A step that has asked or waits for something ends the pass.
            guard decision.actions.count == actions, decision.waits.count == waits,
                let next = decision.record.operations[name]?.step, next != step
            else { return }
        }
    }

    /// A node that is wanted again after all stays, as long as it was neither wiped nor deleted.
    ///
    /// One that is empty, or never was part of the cluster, has nothing to lose and can be installed. One of the control
    /// plane that was asked to leave etcd joins it again when it starts anew.
    private func takeBack(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        guard !leaving.isLeaving, leaving.hasMachineObject else { return }
        if context.observation(of: name).isInMaintenance || context.record.nodes[name]?.wasConfigured != true
        {
            decision.record.operations[name] = nil
            return
        }
        switch operation.step {
        case .checking, .cordoning, .draining, .forfeiting: break
        case .leavingEtcd where operation.attempts == 0: break
        case .leavingEtcd, .resetting, .deletingNode:
            guard operation.step == .leavingEtcd || operation.attempts == 0, leaving.condition == .alive
            else { return }
            if operation.memberID != nil { return startAnew(operation, &decision) }
        default: return
        }
        disturbance(operation).withdraw(context, &decision)
    }

    /// Reboots a node whose etcd has left, or may yet leave: whatever it is after that, it is a member.
    private func startAnew(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        guard let bootID = context.observation(of: name).bootID else { return }
        var operation = operation
        operation.bootID = bootID
        operation.advance(to: .rebooting, at: context.now)
        decision.record.operations[name] = operation
    }

    private func perform(_ step: OperationStep, _ decision: inout LifecycleDecision) {
        guard let operation = decision.record.operations[name] else { return }
        switch step {
        case .forfeiting: forfeit(operation, &decision)
        case .leavingEtcd: leaveEtcd(operation, &decision)
        case .removingMember: removeMember(operation, &decision)
        case .resetting: reset(operation, &decision)
        case .deletingNode: deleteNode(operation, &decision)
        case .deletingMachine: deleteMachine(operation, &decision)
        case .rebooting, .verifying, .settling, .uncordoning:
            _ = disturbance(operation).advance(context.with(decision.record), &decision)
        default: empty(operation, &decision)
        }
    }

    /// The way to an empty node, which is the same as before a reboot.
    ///
    /// A control-plane node without a member is a worker as far as etcd is concerned.
    private func disturbance(_ operation: NodeOperation) -> Disturbance {
        var node = leaving.node
        let isMember = operation.memberID.map { !context.isGone($0, of: name) } ?? false
        if !isMember { node.role = .worker }
        var disturbance = Disturbance(node, middle: isMember ? .forfeiting : .resetting)
        disturbance.mayBeUnregistered = true
        disturbance.leavesEtcd = true
        disturbance.tolerated = [name]
        disturbance.failure = .removalFailed
        return disturbance
    }

    private func empty(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        if context.record.bootstrap == nil {
            return decision.advance(name, to: .resetting, context)
        }
        switch leaving.condition {
        case .dead:
            decision.advance(name, to: operation.memberID == nil ? .resetting : .removingMember, context)
        case .silent(let until):
            decision.waits.append(
                Wait("does not answer; taken for dead if that lasts", node: name, until: until))
            decision.wake(within: .seconds(10))
        case .alive:
            _ = disturbance(operation).advance(context.with(decision.record), &decision)
        }
    }
}

extension NodeRemoval {
    /// Another member is to lead before this one goes; a failure to bring that about does not keep it.
    private func forfeit(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        let leads = context.observed.etcd.statuses.values.contains { $0.leader == operation.memberID }
        let limit = context.desired.policy.timeouts.component
        let isOverdue = context.record.isOverdue(operation, limit, at: context.now)
        guard leads, leaving.condition == .alive, operation.attempts < Self.forfeits, !isOverdue else {
            return decision.advance(name, to: .leavingEtcd, context)
        }
        decision.ask(.forfeitLeadership, for: name, every: .seconds(15), context)
        decision.await("gives the leadership of etcd away", on: name, limit: limit)
    }

    /// The node leaves by itself.
    ///
    /// If it stops answering before its member is gone another one takes it out; if it
    /// answers and does not leave, that is a halt, and nothing is deleted.
    private func leaveEtcd(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        guard let member = operation.memberID else {
            return decision.advance(name, to: .resetting, context)
        }
        if context.isGone(member, of: name) { return decision.advance(name, to: .resetting, context) }
        let seen = context.observation(of: name)
        // An etcd that has stopped for good cannot leave any more.
        let isStopped = operation.attempts > 0 && ["Finished", "Failed"].contains(seen.etcdService?.state)
        if leaving.condition == .dead || isStopped {
            return decision.advance(name, to: .removingMember, context)
        }
        guard MemberRemoval.isAllowed(name, member, context, &decision) else { return }
        let limit = context.desired.policy.timeouts.reset
        if context.record.isOverdue(operation, limit, at: context.now) {
            let id = String(member, radix: 16)
            return decision.stop(
                .removalFailed, "\(name) did not leave etcd as member \(id) within \(limit)\(operation.said)",
                on: name, context)
        }
        if seen.isConfigured { decision.ask(.leaveEtcd, for: name, every: Self.pause, context) }
        decision.await("leaves etcd", on: name, limit: limit)
    }

    private func removeMember(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        guard let member = operation.memberID else {
            return decision.advance(name, to: .resetting, context)
        }
        // One that answers again counts for the quorum as long as it is there, and is emptied and leaves by itself.
        if leaving.condition == .alive, context.observed.etcd.statuses[name]?.memberID == member {
            return decision.advance(name, to: .cordoning, context)
        }
        if MemberRemoval.advance(name, member, context, &decision) {
            decision.advance(name, to: .resetting, context)
        }
    }

    /// A graceful reset would leave etcd a second time: only workers are reset like that.
    private func reset(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        let isGraceful = context.desired.policy.deletion.reset == .graceful && leaving.node.role == .worker
        let step = ResetStep(
            name: name, isGraceful: isGraceful && context.record.bootstrap?.isConfirmed == true)
        guard leaving.hasMachineObject else { return decision.advance(name, to: .deletingNode, context) }
        // It was taken for dead when it was to be emptied, or somebody has made it schedulable since.
        if operation.attempts == 0, leaving.condition == .alive, disturbance(operation).isOccupied(context) {
            return decision.advance(name, to: .cordoning, context)
        }
        if operation.attempts == 0, leaving.condition == .alive,
            context.desired.policy.deletion.reset != .none,
            !hasLeftEtcd(before: "it is not reset", &decision)
        {
            return
        }
        switch step.advance(context, &decision) {
        case .waiting: break
        case .over: decision.advance(name, to: .deletingNode, context)
        case .silent:
            if case .silent(let until) = leaving.condition {
                decision.waits.append(Wait("is not reset: it does not answer", node: name, until: until))
                decision.wake(within: .seconds(10))
            } else {
                decision.advance(name, to: .deletingNode, context)
            }
        }
    }

    private func deleteNode(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        if leaving.isUnregistered { return decision.advance(name, to: .deletingMachine, context) }
        let limit = context.desired.policy.timeouts.reset
        if context.record.isOverdue(operation, limit, at: context.now) {
            return decision.stop(
                .removalFailed, "the Node \(name) was not deleted within \(limit)\(operation.said)", on: name,
                context)
        }
        if context.observed.kubernetes.isReachable {
            decision.ask(.deleteNode, for: name, every: Self.pause, context)
        }
        decision.await("is deleted from Kubernetes", on: name, limit: limit)
    }

    /// The last step, and only after all others: without a Machine there is nothing to try again with.
    private func deleteMachine(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        // A kubelet that ran on for a moment may have registered again.
        guard leaving.isUnregistered else { return decision.advance(name, to: .deletingNode, context) }
        if !leaving.hasMachineObject || leaving.node.isMachineLeaving {
            // It may have joined etcd in the moment in which its Machine was deleted.
            if case .member = MemberOfNode(leaving.node, context) {
                _ = hasLeftEtcd(before: "its Machine is not deleted", &decision)
            } else {
                decision.record.operations[name] = nil
            }
            return
        }
        guard hasLeftEtcd(before: "its Machine is not deleted", &decision) else { return }
        let limit = context.desired.policy.timeouts.reset
        if context.record.isOverdue(operation, limit, at: context.now) {
            return decision.stop(
                .removalFailed, "the Machine \(name) was not deleted within \(limit)\(operation.said)",
                on: name, context)
        }
        decision.ask(.deleteMachine, for: name, every: Self.pause, context)
        decision.await("its Machine is deleted", on: name, limit: limit)
    }

    /// Looks once more before there is no way back: a node that rebooted after it had left etcd has joined again.
    private func hasLeftEtcd(before what: String, _ decision: inout LifecycleDecision) -> Bool {
        switch MemberOfNode(leaving.node, context) {
        case .none: return true
        case .member(let id):
            decision.record.operations[name]?.memberID = id
            decision.advance(name, to: .leavingEtcd, context)
        case .unknown(let problem):
            guard let operation = decision.record.operations[name] else { return false }
            let limit = context.desired.policy.timeouts.reset
            if context.record.isOverdue(operation, limit, at: context.now) {
                decision.stop(.removalFailed, "\(name) is stuck: \(what), for \(problem)", on: name, context)
            } else {
                decision.await("\(what) yet: \(problem)", on: name, limit: limit)
            }
        }
        return false
    }
}
