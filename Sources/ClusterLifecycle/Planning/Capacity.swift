// SPDX-License-Identifier: Apache-2.0

/// Who may be disturbed now, over all flows: one node of the control plane, and as many workers as may be unavailable.
///
/// Every operation on a node but its first installation disturbs it. A flow asks before it begins one, with the record
/// that has what it and others have begun in the same decision. It tells nothing about etcd, which has a guard of its
/// own.
package struct Capacity: Sendable {
    private let context: FlowContext

    /// Looks at a decision's record: `Capacity(context.with(decision.record))`.
    package init(_ context: FlowContext) {
        self.context = context
    }

    /// Why no operation may be begun on that node now, as a sentence; nil if one may.
    ///
    /// A node that is unavailable anyway is held up by what is under way alone and not by others that are unavailable
    /// as well: nothing is lost by work on it, and a cluster with two broken nodes can be mended.
    package func obstacle(to name: String) -> String? {
        if let reason = context.beginningObstacle { return reason }
        guard let node = context.desired.nodes.first(where: { $0.name == name }) else {
            return "\(name) is no node of this cluster"
        }
        if context.record.operations[name] != nil { return "something is under way on \(name) already" }
        let others = context.nodes(node.role).filter { $0.name != name }
        let busy = others.filter { isDisturbed($0.name) }
        let missing = isAvailable(node) ? others.filter { !isDisturbed($0.name) && isMissed($0) } : []
        switch node.role {
        case .controlPlane:
            if let first = busy.first {
                return "\(first.name) is worked on, and the control plane is disturbed one node at a time"
            }
            return missing.first.map { "\($0.name) of the control plane is not well" }
        case .worker: return excess(of: busy + missing, beside: node)
        }
    }

    /// Why a worker with an operation under way may not be taken down now, as a sentence; nil if it may.
    ///
    /// Between the beginning and this moment others may have become unavailable. Those that are worked on and still do
    /// their work do not count, so that no two wait for each other. Workers that leave are not missed.
    package func shortage(without node: DesiredNode) -> String? {
        guard node.role == .worker, context.isPart(node), isAvailable(node) else { return nil }
        return excess(
            of: context.nodes(.worker).filter { $0.name != node.name && isMissed($0) }, beside: node)
    }

    private func excess(of unavailable: [DesiredNode], beside node: DesiredNode) -> String? {
        let others = context.nodes(.worker).count { $0.name != node.name && !$0.isSurplus }
        let allowed = context.desired.policy.rollout.maxUnavailable.number(
            of: others + (node.isSurplus ? 0 : 1))
        guard unavailable.count >= allowed else { return nil }
        let names = unavailable.map(\.name).prefix(5).joined(separator: ", ")
        return "\(unavailable.count) of at most \(allowed) workers are unavailable already: \(names)"
    }

    /// Whether an operation is under way that takes the node from service.
    private func isDisturbed(_ name: String) -> Bool {
        guard let operation = context.record.operations[name] else { return false }
        return operation.kind != .install
    }

    /// Whether a node that has been part of the cluster is not available; one that never was is not missed.
    private func isMissed(_ node: DesiredNode) -> Bool {
        context.hasBeenPart(node.name) && !node.isSurplus && !isAvailable(node)
    }

    /// Whether the node does its work; a worker's Node has to be seen ready.
    private func isAvailable(_ node: DesiredNode) -> Bool {
        guard context.observation(of: node.name).isWell else { return false }
        guard node.role == .worker else { return true }
        return context.observed.kubernetes.isReachable
            && context.observed.kubernetes.nodes[node.name]?.isReady == true
    }
}

extension FlowContext {
    /// Why nothing may be begun anywhere now, as a sentence; nil if something may.
    ///
    /// What is under way goes on regardless, until it has come to a safe end.
    package var beginningObstacle: String? {
        if desired.isPaused { return "the cluster is paused" }
        if let halt = record.halt { return "halted: \(halt.reason.rawValue)" }
        return isHeld ? "something that comes first is under way" : nil
    }
}
