// SPDX-License-Identifier: Apache-2.0

/// Decides what is to be done with a cluster now: the flows, in their order.
///
/// It is a function of what is desired, seen, remembered and of the time. It begins nothing while the cluster is paused
/// or halted; what is under way is brought to a safe end.
package enum LifecyclePlanner {
    /// The flows in the order in which they are asked.
    ///
    /// The first one that is busy holds the later ones: these go on with what they have begun and begin nothing.
    private static var flows: [any Flow.Type] {
        [
            InstallFlow.self, BootstrapFlow.self, ReplaceFlow.self, RemovalFlow.self, ConfigureFlow.self,
            TalosUpgradeFlow.self, KubernetesUpgradeFlow.self,
        ]
    }

    /// What is to be done now.
    ///
    /// The record of the decision is to be stored before the first of its actions, also if there is none.
    package static func decide(_ context: FlowContext) -> LifecycleDecision {
        var decision = LifecycleDecision(record: context.record)
        let isBeingDeleted = context.desired.isBeingDeleted
        if !isBeingDeleted { BootstrapFlow.adopt(context, &decision.record) }
        Halting.lift(context, &decision.record)
        NodeRecords.update(context, &decision.record)
        if !isBeingDeleted {
            BootstrapFlow.recall(context, &decision.record)
            plan(context.with(decision.record), &decision)
        }
        var isHeld = false
        // A cluster that goes is neither installed nor made.
        for flow in isBeingDeleted ? [TeardownFlow.self] : flows {
            let mayBegin = !isHeld && isWanted(flow, context.desired.policy)
            // Whether there is a cluster has to be known to all.
            guard mayBegin || hasOperation(of: flow, decision.record) || flow is BootstrapFlow.Type
            else { continue }
            let held = FlowContext(
                desired: context.desired, observed: context.observed, record: decision.record,
                now: context.now, isHeld: !mayBegin)
            if flow.decide(held, &decision) == .busy { isHeld = true }
        }
        if !isBeingDeleted { StaleCordons.unmark(context, &decision) }
        return decision
    }

    /// Notes what became of an action; the record is to be stored before the next decision.
    package static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        owner(of: action, record)?.absorb(result, of: action, context.with(record), &record)
    }

    /// Whether a flow is among what is asked for at all.
    private static func isWanted(_ flow: any Flow.Type, _ policy: LifecyclePolicy) -> Bool {
        let scope: LifecycleScope
        switch flow {
        case is InstallFlow.Type, is BootstrapFlow.Type: scope = .install
        case is ReplaceFlow.Type, is RemovalFlow.Type: scope = .remove
        case is ConfigureFlow.Type: scope = .configure
        case is TalosUpgradeFlow.Type: scope = .upgradeTalos
        case is KubernetesUpgradeFlow.Type: scope = .upgradeKubernetes
        default: return true
        }
        return policy.scope.contains(scope)
    }

    /// Takes approvals over, and asks for the one that is missing.
    private static func plan(_ context: FlowContext, _ decision: inout LifecycleDecision) {
        let plan = RolloutPlan(context)
        Approval.update(plan, context, &decision.record)
        let missing = plan.items.count { !context.with(decision.record).isApproved($0.digest) }
        if missing > 0 {
            decision.waits.append(Wait("\(missing) changes wait for the approval of plan \(plan.hash)"))
        }
    }

    private static func hasOperation(of flow: any Flow.Type, _ record: LifecycleRecord) -> Bool {
        record.operations.values.contains { self.flow(of: $0.kind) == flow }
    }

    /// The flow that has begun an action; nil if what it belonged to is over.
    private static func owner(of action: LifecycleAction, _ record: LifecycleRecord) -> (any Flow.Type)? {
        switch action.kind {
        case .bootstrap: return BootstrapFlow.self
        case .removeMember(let id):
            // It is done through another node than the one that the operation is about.
            return record.operations.values.first { $0.memberID == id }.flatMap { flow(of: $0.kind) }
        default: return record.operations[action.node].flatMap { flow(of: $0.kind) }
        }
    }

    private static func flow(of kind: NodeOperation.Kind) -> (any Flow.Type)? {
        switch kind {
        case .install: InstallFlow.self
        case .configure: ConfigureFlow.self
        case .remove: RemovalFlow.self
        case .replace: ReplaceFlow.self
        case .teardown: TeardownFlow.self
        case .upgrade: TalosUpgradeFlow.self
        case .component: KubernetesUpgradeFlow.self
        }
    }
}
