// SPDX-License-Identifier: Apache-2.0
import Platform

/// Cordon and drain: the node is emptied as its pods' disruption budgets allow.
extension Disturbance {
    func cordon(
        _ operation: inout NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Move {
        guard drains(context) else { return leave(&operation, context, &decision) }
        let limit = context.desired.policy.drain.timeout
        let isOverdue = context.record.isOverdue(operation, limit, at: context.now)
        switch kubernetesNode(context) {
        case .there(let node) where node.isUnschedulable:
            return .go(.draining)
        case .absent where mayBeUnregistered:
            return leave(&operation, context, &decision)
        case _ where isOverdue:
            return .halt(.drainTimedOut, "\(node.name) was not cordoned within \(limit)\(said(operation))")
        case .there:
            decision.actions.append(LifecycleAction(.cordon, on: node.name))
            return wait("is being cordoned", operation, limit, &decision)
        case .absent:
            return wait("cannot be cordoned: Kubernetes has no node of its name", operation, limit, &decision)
        case .unknown(let problem):
            return wait(
                "waits for the Kubernetes API to be cordoned: \(problem)", operation, limit, &decision)
        }
    }

    func drain(
        _ operation: inout NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Move {
        guard drains(context) else { return leave(&operation, context, &decision) }
        let policy = context.desired.policy.drain
        let isOverdue = context.record.isOverdue(operation, policy.timeout, at: context.now)
        let problem: String
        switch kubernetesNode(context) {
        case .absent where mayBeUnregistered:
            return leave(&operation, context, &decision)
        case .there(let found) where found.isUnschedulable && found.evictablePods == 0:
            return leave(&operation, context, &decision)
        case .there(let found) where !found.isUnschedulable:
            // Somebody has made it schedulable again: pods would come as fast as they go.
            decision.actions.append(LifecycleAction(.cordon, on: node.name))
            problem = "was made schedulable again while it is being emptied"
        case .there(let found):
            let force = isOverdue && policy.onTimeout == .force
            decision.actions.append(LifecycleAction(.drain(force: force), on: node.name))
            let count = found.evictablePods.map { "\($0) pods are" } ?? "pods may be"
            problem = (["\(count) left to evict"] + found.blockers.prefix(3)).joined(separator: "; ")
        case .absent:
            problem = "cannot be emptied: Kubernetes has no node of its name"
        case .unknown(let why):
            problem = "waits for the Kubernetes API to be emptied: \(why)"
        }
        return drainWait(problem, operation, context, &decision)
    }

    /// Force gets as much time again before even that is given up.
    private func drainWait(
        _ problem: String, _ operation: NodeOperation, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) -> Move {
        let policy = context.desired.policy.drain
        let limit = policy.onTimeout == .force ? policy.timeout * 2 : policy.timeout
        if context.record.isOverdue(operation, limit, at: context.now) {
            decision.actions.removeAll { $0.node == node.name }
            return .halt(
                .drainTimedOut, "\(node.name) was not emptied within \(limit): \(problem)\(said(operation))")
        }
        return wait(problem, operation, limit, &decision)
    }

    /// The node is empty: it goes down, unless something has come in the way meanwhile.
    private func leave(
        _ operation: inout NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Move {
        let observed = context.observation(of: node.name)
        var obstacles = obstacles(context)
        if observed.bootID == nil { obstacles.append("its boot ID is not known") }
        if obstacles.isEmpty {
            operation.bootID = observed.bootID
            operation.memberID = memberID(context) ?? operation.memberID
            return .go(middle)
        }
        return hold(obstacles, operation, context, &decision)
    }

    /// Waits with an empty node for what is in the way.
    func hold(
        _ obstacles: [String], _ operation: NodeOperation, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) -> Move {
        let message = obstacles.joined(separator: "; ")
        let limit = context.desired.policy.timeouts.reboot
        if context.record.isOverdue(operation, limit, at: context.now) {
            let reason: HaltReason = node.role == .controlPlane ? .quorumAtRisk : failure
            return .halt(reason, "\(node.name) was not taken down: \(message)")
        }
        return wait("is not taken down yet: \(message)", operation, limit, &decision)
    }

    /// Whether pods are on a node that was emptied, or may come: somebody has made it schedulable since.
    ///
    /// Pods are counted while a node is drained and not after, so one that is still unschedulable counts as empty.
    func isOccupied(_ context: FlowContext) -> Bool {
        guard drains(context), case .there(let found) = kubernetesNode(context) else { return false }
        return !found.isUnschedulable || (found.evictablePods ?? 0) > 0
    }

    /// What Kubernetes says about the node.
    private enum Found {
        case unknown(String)
        case absent
        case there(KubernetesNode)
    }

    private func kubernetesNode(_ context: FlowContext) -> Found {
        let kubernetes = context.observed.kubernetes
        if let problem = kubernetes.problem { return .unknown(problem) }
        return kubernetes.nodes[node.name].map(Found.there) ?? .absent
    }

    /// Whether the node is emptied: the only node of a cluster is not, as its pods have nowhere to go and their budgets
    /// would keep it from ever being disturbed.
    func drains(_ context: FlowContext) -> Bool {
        guard context.desired.policy.drain.isEnabled else { return false }
        guard context.desired.nodes.count <= 1 else { return true }
        let kubernetes = context.observed.kubernetes
        return kubernetes.isReachable && kubernetes.nodes.keys.contains { $0 != node.name }
    }
}
