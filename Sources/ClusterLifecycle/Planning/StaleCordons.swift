// SPDX-License-Identifier: Apache-2.0

/// Takes our mark from nodes that somebody has made schedulable again.
///
/// Left there it would make ours what somebody cordons next, and we would take that back. So it goes at once, also while
/// the cluster is paused or halted: it is no more than a note, and is put there anew if we cordon the node again.
enum StaleCordons {
    static func unmark(_ context: FlowContext, _ decision: inout LifecycleDecision) {
        let kubernetes = context.observed.kubernetes
        guard kubernetes.isReachable else { return }
        for node in context.desired.nodes {
            guard let found = kubernetes.nodes[node.name], found.isCordonedByUs, !found.isUnschedulable,
                !isToBeEmpty(decision.record.operations[node.name]),
                !decision.actions.contains(where: { $0.node == node.name })
            else { continue }
            decision.actions.append(LifecycleAction(.uncordon, on: node.name))
        }
    }

    /// Whether an operation goes on that cordons the node again, or has just done so.
    private static func isToBeEmpty(_ operation: NodeOperation?) -> Bool {
        guard let operation, !operation.isHalted else { return false }
        return operation.step != .verifying && operation.step != .settling
    }
}
