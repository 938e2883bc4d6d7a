// SPDX-License-Identifier: Apache-2.0
package import Platform

/// One of the things that are done with a cluster, as a state machine without a state of its own.
///
/// What it remembers is in the record, what it knows is in the observation. It neither waits nor asks: it says what is
/// to be done now, and is asked again after the next look.
package protocol Flow {
    /// Decides what this flow does now.
    ///
    /// It may put actions, waits and operations into `decision`, whose record is the present one at first.
    static func decide(_ context: FlowContext, _ decision: inout LifecycleDecision) -> FlowVerdict

    /// Notes what became of one of this flow's actions.
    static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord)
}

/// Whether the flows that come after another may do anything.
package enum FlowVerdict: Sendable, Hashable {
    /// Nothing is under way here, and what comes next may begin.
    case clear
    /// Something is under way or in the way: nothing else may be begun.
    case busy
}

extension FlowContext {
    /// The same context with another record, as a decision has changed it.
    package func with(_ record: LifecycleRecord) -> FlowContext {
        FlowContext(desired: desired, observed: observed, record: record, now: now, isHeld: isHeld)
    }

    /// What was seen of a node; without a look it is one that cannot be reached.
    package func observation(of node: String) -> NodeObservation {
        observed.nodes[node] ?? NodeObservation(contact: .noAddress)
    }

    /// The nodes that there are to be or still are, by role.
    package func nodes(_ role: NodeRole) -> [DesiredNode] { desired.nodes.filter { $0.role == role } }
}

extension LifecycleRecord {
    /// Notes why nothing more is begun; the first reason stays until it is lifted.
    package mutating func halt(
        _ reason: HaltReason, _ message: String, node: String? = nil, _ context: FlowContext
    ) {
        guard halt == nil else { return }
        halt = Halt(
            reason, message, node: node, at: context.now, resumeToken: context.desired.resumeToken,
            desiredHash: context.desired.digest)
    }

    /// Whether a step of an operation has taken longer than it may; a clock that was put back gives it more time.
    package func isOverdue(_ operation: NodeOperation, _ limit: Duration, at now: Timestamp) -> Bool {
        operation.since + limit < now
    }
}
