// SPDX-License-Identifier: Apache-2.0
import Platform

/// The reboot and the way back.
extension Disturbance {
    /// How long a reboot that was asked for may leave no trace before it is asked for again.
    private static let rebootRepeat: Duration = .seconds(120)

    /// A node that has come up with another boot ID was rebooted, whatever became of the request.
    ///
    /// The request is made again only to a node that runs with its old boot ID long after: one that reboots says so.
    func reboot(
        _ operation: inout NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Move {
        let observed = context.observation(of: node.name)
        let limit = context.desired.policy.timeouts.reboot
        if let bootID = observed.bootID, let before = operation.bootID, bootID != before {
            return .go(.verifying)
        }
        let again = operation.since + Self.rebootRepeat * operation.attempts
        let isDown = !observed.isConfigured || observed.stage != .running
        let isAsked = operation.attempts > 0 && context.now < again
        if !isDown, !isAsked {
            // Much time may have gone by since it was emptied.
            if isOccupied(context) { return .go(.cordoning) }
            // Nothing that another node did in the meantime may turn this into the second one down.
            var obstacles = obstacles(context)
            if operation.bootID == nil { obstacles.append("its boot ID is not known") }
            if let halt = context.record.halt { obstacles.append("halted: \(halt.reason.rawValue)") }
            guard obstacles.isEmpty else { return hold(obstacles, operation, context, &decision) }
        }
        if context.record.isOverdue(operation, limit, at: context.now) {
            return .halt(failure, "\(node.name) did not reboot within \(limit)\(said(operation))")
        }
        if isDown || isAsked { return wait("is rebooting", operation, limit, &decision) }
        operation.attempts += 1
        decision.actions.append(LifecycleAction(.reboot(rebootMode), on: node.name))
        return wait("is rebooting", operation, limit, &decision)
    }

    func verify(
        _ operation: NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Move {
        let observed = context.observation(of: node.name)
        let limit = context.desired.policy.timeouts.reboot
        var problem = "has not come up again yet"
        if observed.isConfigured, let bootID = observed.bootID, bootID != operation.bootID {
            // A node that is still coming up may run what it ran before for one boot, as a staged upgrade does.
            let outcome =
                observed.stage == .running ? judge(observed) : .notYet("is \(observed.stage.rawValue)")
            switch outcome {
            case .failed(let reason, let message): return .fail(reason, message)
            case .notYet(let message): problem = message
            case .asExpected:
                guard let ill = context.problem(of: node, mayBeUnregistered: mayBeUnregistered) else {
                    return .go(.settling)
                }
                problem = ill
            }
        }
        if context.record.isOverdue(operation, limit, at: context.now) {
            return .halt(
                failure, "\(node.name) was not well again within \(limit): \(problem)\(said(operation))")
        }
        return wait(problem, operation, limit, &decision)
    }

    func settle(
        _ operation: inout NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Move {
        let timeouts = context.desired.policy.timeouts
        guard let problem = context.problem(of: node, mayBeUnregistered: mayBeUnregistered) else {
            // A clock that was put back must not make it wait for ever.
            let since = min(operation.wellSince ?? context.now, context.now)
            operation.wellSince = since
            if since + timeouts.settle <= context.now { return .go(.uncordoning) }
            return wait("is well, and watched for \(timeouts.settle)", operation, nil, &decision)
        }
        operation.wellSince = nil
        if context.record.isOverdue(operation, timeouts.reboot, at: context.now) {
            return .halt(failure, "\(node.name) does not stay well: \(problem)")
        }
        return wait("was well and is not any more: \(problem)", operation, timeouts.reboot, &decision)
    }

    /// Makes the node schedulable again if it was us who made it unschedulable.
    func uncordon(
        _ operation: NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Move {
        let kubernetes = context.observed.kubernetes
        let limit = context.desired.policy.timeouts.reboot
        if kubernetes.isReachable {
            guard kubernetes.nodes[node.name]?.isCordonedByUs == true else { return .end(.finished) }
            decision.actions.append(LifecycleAction(.uncordon, on: node.name))
        } else if !drains(context) {
            return .end(.finished)
        }
        if context.record.isOverdue(operation, limit, at: context.now) {
            decision.actions.removeAll { $0.node == node.name }
            return .halt(failure, "\(node.name) could not be uncordoned\(said(operation))")
        }
        return wait("is being uncordoned", operation, limit, &decision)
    }
}
