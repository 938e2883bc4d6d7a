// SPDX-License-Identifier: Apache-2.0
import Platform

/// Brings changed configurations to nodes that run: the control plane first, one node at a time, then the workers.
///
/// ```
/// without a reboot:  Applying → Verifying → Settling → over
/// with a reboot:     Checking → Cordoning → Draining → Applying (staged) → Rebooting → Verifying → Settling
///                                                                                   → Uncordoning → over
/// staged, tried out: Installing → over
/// ```
/// Nothing is begun while a node would refuse its configuration. If it does so because its release of Talos is too old
/// for it, and Talos is to be upgraded anyway, that comes first. A lost reply does no harm: the next look tells whether
/// the configuration is there, and applying it again is applying the same.
package enum ConfigureFlow: Flow {
    package static func decide(_ context: FlowContext, _ decision: inout LifecycleDecision) -> FlowVerdict {
        var isUnderWay = false
        for (name, operation) in decision.record.operations.sorted(by: { $0.key < $1.key }) {
            guard case .configure(let digest) = operation.kind else { continue }
            guard let node = context.desired.nodes.first(where: { $0.name == name }) else { continue }
            Configuring(node, digest).advance(context, &decision)
            isUnderWay = isUnderWay || decision.record.operations[name] != nil
        }
        uncordon(context.with(decision.record), &decision)
        let isPending = begin(context.with(decision.record), &decision)
        if isUnderWay || isPending { decision.wake(within: .seconds(10)) }
        return isUnderWay || isPending ? .busy : .clear
    }

    package static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        if Disturbance.absorb(result, of: action, context, &record) { return }
        guard case .apply(let mode) = action.kind, var operation = record.operations[action.node] else {
            return
        }
        switch result {
        case .done, .alreadyDone, .running:
            operation.lastError = nil
            switch mode {
            case .noReboot: operation.advance(to: .verifying, at: context.now)
            case .staged where operation.bootID != nil: operation.advance(to: .rebooting, at: context.now)
            case .staged, .try, .install: operation.wellSince = context.now
            }
        case .notNow(let message):
            operation.attempts = max(0, operation.attempts - 1)
            operation.lastError = message
        case .unknown(let message), .partly(let message): operation.lastError = message
        case .refused(let message):
            operation.lastError = message
            operation.isHalted = true
            record.halt(
                .configRejected, "\(action.node) refuses its configuration: \(message)", node: action.node,
                context)
        }
        record.operations[action.node] = operation
    }
}

extension ConfigureFlow {
    /// Makes nodes schedulable that we have made unschedulable and that nothing is done to: what it was for was lost, as
    /// when the machine was replaced meanwhile.
    private static func uncordon(_ context: FlowContext, _ decision: inout LifecycleDecision) {
        guard context.beginningObstacle == nil, context.observed.kubernetes.isReachable else { return }
        for node in context.desired.nodes
        where !node.isSurplus && !node.isMachineLeaving && context.record.operations[node.name] == nil
            && context.observed.kubernetes.nodes[node.name]?.isUnschedulable == true
            && context.observed.kubernetes.nodes[node.name]?.isCordonedByUs == true
        {
            let kind = NodeOperation.Kind.configure(digest: node.configDigest ?? "")
            decision.record.operations[node.name] = NodeOperation(kind, .uncordoning, at: context.now)
            Configuring(node, node.configDigest ?? "").advance(context.with(decision.record), &decision)
        }
    }

    /// Begins what may be begun; whether there is anything left that is to be done and may be as far as people go.
    private static func begin(_ context: FlowContext, _ decision: inout LifecycleDecision) -> Bool {
        let plans = context.desired.nodes.compactMap { ConfigChangePlan($0, context) }
            .filter { context.record.operations[$0.node.name] == nil }
        for plan in plans {
            guard let obstacle = plan.obstacle else { continue }
            decision.waits.append(
                Wait("the change of \(plan.node.name)'s configuration \(obstacle)", node: plan.node.name))
        }
        let pending = plans.filter { $0.manner != nil }
        let later = waitingForTalos(pending, context)
        if let refused = pending.first(where: { $0.change?.refusal != nil && !later.contains($0.node.name) }),
            let words = refused.change?.refusal
        {
            decision.record.halt(
                .configRejected, "\(refused.node.name) would refuse its configuration: \(words)",
                node: refused.node.name, context)
            return true
        }
        if let first = later.min() {
            decision.waits.append(
                Wait(
                    "changed configurations wait for the upgrade of Talos: its release does not know all that is in "
                        + "the changed one", node: first))
            return false
        }
        let approved = pending.filter { context.isApproved($0.digest) }
        guard !approved.isEmpty else { return false }
        if let obstacle = context.beginningObstacle {
            decision.waits.append(Wait("changed configurations wait: \(obstacle)"))
            return true
        }
        let windows = context.desired.policy.windows
        guard windows.isOpen(at: context.now) else {
            let opening = windows.nextOpening(after: context.now).map { ", which opens at \($0.rfc3339())" }
            decision.waits.append(
                Wait("changed configurations wait for the maintenance window\(opening ?? "")"))
            return true
        }
        if let obstacle = context.desired.fleetObstacle {
            decision.waits.append(Wait(obstacle))
            return true
        }
        let isControlPlaneBusy = context.nodes(.controlPlane).contains {
            if case .configure = decision.record.operations[$0.name]?.kind { true } else { false }
        }
        let first = approved.filter { $0.node.role == .controlPlane }
        // Workers come when the control plane has shown that it lives with the change.
        let next = isControlPlaneBusy ? [] : first.isEmpty ? approved : Array(first.prefix(1))
        for plan in next { begin(plan, context.with(decision.record), &decision) }
        return true
    }

    /// The nodes that will take their configuration when they run the desired release, and are to run it.
    private static func waitingForTalos(_ plans: [ConfigChangePlan], _ context: FlowContext) -> Set<String> {
        let tooNew = plans.filter { $0.change?.isTooNew == true }.map(\.node.name)
        guard !tooNew.isEmpty, context.desired.policy.scope.contains(.upgradeTalos) else { return [] }
        return Set(UpgradeNeed(context).items.map(\.node)).intersection(tooNew)
    }

    private static func begin(
        _ plan: ConfigChangePlan, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        let node = plan.node
        guard let manner = plan.manner, let digest = node.configDigest else { return }
        // To stage a change disturbs nobody.
        if let obstacle = (manner == .stage ? nil : Capacity(context).obstacle(to: node.name))
            ?? Configuring(node, digest).obstacle(to: manner, context)
        {
            decision.waits.append(
                Wait("\(node.name) does not get its changed configuration yet: \(obstacle)", node: node.name))
            return
        }
        let (kind, step): (NodeOperation.Kind, OperationStep) =
            switch manner {
            case .live: (.configure(digest: digest), .applying)
            case .reboot: (.configure(digest: digest), .checking)
            case .stage: (.configure(digest: Configuring.staged + (plan.change?.hash ?? "")), .installing)
            case .trial: (.configure(digest: Configuring.tried + (plan.change?.hash ?? "")), .installing)
            }
        decision.record.operations[node.name] = NodeOperation(kind, step, at: context.now)
        if case .configure(let digest) = kind {
            Configuring(node, digest).advance(context.with(decision.record), &decision)
        }
    }
}
