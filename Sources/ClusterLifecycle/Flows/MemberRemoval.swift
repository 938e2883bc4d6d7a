// SPDX-License-Identifier: Apache-2.0
import Platform

/// Takes the member of a node out of etcd that cannot do it itself: through another one, by its identity.
enum MemberRemoval {
    /// How often a request is repeated of which no effect was seen.
    private static let pause: Duration = .seconds(30)

    /// Takes the step further; true when the member is gone from every list.
    static func advance(
        _ name: String, _ member: UInt64, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Bool {
        if context.isGone(member, of: name) { return true }
        guard let operation = decision.record.operations[name] else { return false }
        let id = String(member, radix: 16)
        let limit = context.desired.policy.timeouts.reset
        guard isAllowed(name, member, context, &decision) else { return false }
        if context.record.isOverdue(operation, limit, at: context.now) {
            decision.stop(
                .removalFailed,
                "etcd's member \(id) of \(name) was not removed within \(limit)\(operation.said)",
                on: name, context)
            return false
        }
        if let helper = context.helper(inRemoving: member, of: name) {
            decision.ask(.removeMember(member), through: helper, for: name, every: pause, context)
        }
        decision.await("etcd's member \(id) is being removed", on: name, limit: limit)
        return false
    }

    /// Whether etcd can do without the member; otherwise it waits, and halts in the end with nothing done.
    static func isAllowed(
        _ name: String, _ member: UInt64, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Bool {
        guard let operation = decision.record.operations[name] else { return false }
        let verdict = EtcdGuard(context.with(decision.record)).mayLeave(member)
        guard let message = verdict.message else { return true }
        let limit = context.desired.policy.timeouts.reset
        if context.record.isOverdue(operation, limit, at: context.now) {
            let reason: HaltReason =
                verdict.reasons.contains(where: \.isAboutQuorum) ? .quorumAtRisk : .removalFailed
            decision.stop(reason, "\(name) must not leave etcd: \(message)", on: name, context)
        } else {
            decision.await("must not leave etcd: \(message)", on: name, limit: limit)
        }
        return false
    }
}
