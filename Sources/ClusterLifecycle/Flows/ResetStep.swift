// SPDX-License-Identifier: Apache-2.0
import Platform

/// Wipes a node that leaves: the one request that must never reach another machine.
///
/// It is made only to a node that answers with a certificate of the cluster's own authority, and never to one in
/// maintenance mode: that is empty already or somebody else's.
struct ResetStep {
    /// How far it is.
    enum Progress: Hashable {
        case waiting
        /// The node is wiped, or there is nothing to wipe.
        case over
        /// The node does not answer and was never asked.
        case silent
    }

    /// How often a request is repeated of which no effect was seen.
    private static let pause: Duration = .seconds(60)
    /// How long a node that was reset must be silent before it counts as gone: it may be wiping its disks meanwhile.
    private static let silence: Duration = .seconds(60)

    var name: String
    var isGraceful: Bool

    func advance(_ context: FlowContext, _ decision: inout LifecycleDecision) -> Progress {
        let policy = context.desired.policy.deletion
        guard policy.reset != .none, let operation = decision.record.operations[name] else { return .over }
        let seen = context.observation(of: name)
        let limit = context.desired.policy.timeouts.reset
        let isOverdue = context.record.isOverdue(operation, limit, at: context.now)
        guard seen.isConfigured else {
            if operation.attempts == 0 { return seen.isInMaintenance ? .over : .silent }
            let since = context.record.nodes[name]?.silentSince ?? context.now
            if seen.isInMaintenance || since + Self.silence <= context.now || isOverdue { return .over }
            decision.await("is being wiped", on: name, limit: limit)
            return .waiting
        }
        if isOverdue {
            decision.stop(
                .resetFailed, "\(name) was not reset within \(limit)\(operation.said)", on: name, context)
            return .waiting
        }
        if seen.stage == .resetting {
            // Whoever has asked for it: when the node goes away now it is because of that.
            decision.record.operations[name]?.attempts = max(1, operation.attempts)
        } else {
            let call = LifecycleAction.ResetCall(isGraceful: isGraceful, reboots: true, wipe: policy.wipe)
            decision.ask(.reset(call), for: name, every: Self.pause, context)
        }
        decision.await("is being reset", on: name, limit: limit)
        return .waiting
    }
}
