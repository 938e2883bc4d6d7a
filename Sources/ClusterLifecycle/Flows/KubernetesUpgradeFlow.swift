// SPDX-License-Identifier: Apache-2.0
import Platform
import Talos

/// Brings every component of Kubernetes to the desired release, in the order that Kubernetes asks for.
///
/// ```
/// PullingImage (all nodes) → for each component, for each control-plane node: Applying → Verifying → over
///                          → kubelets: control plane, then workers   → SyncingManifests → Settling → over
/// ```
/// The order is kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, kubelet. A component that is there
/// already is passed over, so that it goes on from anywhere. It is over when kube-proxy has been rolled out. No node is
/// drained or rebooted.
package enum KubernetesUpgradeFlow: Flow {
    package static func decide(_ context: FlowContext, _ decision: inout LifecycleDecision) -> FlowVerdict {
        let need = KubernetesNeed(context)
        for name in underWay(decision.record) {
            ComponentUpgrade(name, context.with(decision.record), need)?.advance(&decision)
        }
        begin(need, context.with(decision.record), &decision)
        return underWay(decision.record).isEmpty ? .clear : .busy
    }

    private static func underWay(_ record: LifecycleRecord) -> [String] {
        record.operations.filter { if case .component = $0.value.kind { true } else { false } }.keys.sorted()
    }

    package static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        let name = action.node
        let isRefused = record.note(result, on: name)
        let said = record.operations[name]?.said ?? ""
        switch (action.kind, isRefused) {
        case (.pull(let image, _), true):
            record.stop(.imagePullFailed, "\(name) cannot pull \(image)\(said)", on: name, context)
        case (.pull, false) where result == .done || result == .alreadyDone:
            ComponentUpgrade(name, context.with(record), KubernetesNeed(context))?.hasPulled(&record)
        case (.syncManifests, false) where result == .done || result == .alreadyDone:
            record.operations[name]?.advance(to: .settling, at: context.now)
        case (.syncManifests, true):
            record.stop(
                .componentFailed, "the manifests of Kubernetes cannot be brought up to date\(said)", on: name,
                context)
        case (.setImage(let component, let release), true):
            record.stop(
                .componentFailed, "\(name) does not take \(component.rawValue) \(release)\(said)", on: name,
                context)
        default: break
        }
    }
}

extension KubernetesUpgradeFlow {
    /// Begins with what comes next, if everything is in order for it.
    private static func begin(
        _ need: KubernetesNeed, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard context.record.bootstrap?.isConfirmed == true, context.beginningObstacle == nil,
            !need.isDone || context.record.kubernetesTarget != nil
        else { return }
        switch need.verdict {
        case .refused(let message): return decision.record.halt(.unsupportedPath, message, context)
        case .wait(let message):
            return decision.waits.append(Wait("Kubernetes is not upgraded yet: \(message)"))
        case .possible: break
        }
        if let obstacle = obstacle(need, context) {
            return decision.waits.append(Wait("Kubernetes \(need.target) waits: \(obstacle)"))
        }
        if context.record.kubernetesTarget != need.target, !need.isDone {
            return prepare(need, context, &decision)
        }
        if underWay(context.record).contains(where: { context.record.operations[$0]?.step == .pulling }) {
            return
        }
        next(need, context, &decision)
    }

    /// Why nothing is begun now; nil if it may be.
    private static func obstacle(_ need: KubernetesNeed, _ context: FlowContext) -> String? {
        if !need.isDone, !context.isApproved(need.digest) { return "it has not been approved" }
        let windows = context.desired.policy.windows
        if !windows.isOpen(at: context.now) {
            let next = windows.nextOpening(after: context.now)
            return "the maintenance window is closed" + (next.map { " until \($0.rfc3339())" } ?? "")
        }
        if let problem = context.observed.kubernetes.problem { return "the Kubernetes API: \(problem)" }
        if let message = EtcdGuard(context).health.message { return message }
        for node in need.nodes where node.role == .controlPlane {
            if context.isDisturbed(node.name) { return "\(node.name) is worked on" }
            // What a component does not do while it is exchanged is waited for by its own operation.
            if context.record.operations[node.name] == nil, let problem = context.problem(of: node) {
                return "\(node.name) \(problem)"
            }
        }
        if let node = need.nodes.first(where: { hasStaged($0.name, context) }) {
            return
                "\(node.name) has a staged configuration, which another image would replace, until it reboots"
        }
        return context.desired.fleetObstacle
    }

    /// Whether a node has a configuration staged that it has yet to boot with.
    ///
    /// Talos tells since 1.10; of an older node it counts that one was staged and is still not there.
    private static func hasStaged(_ name: String, _ context: FlowContext) -> Bool {
        let seen = context.observation(of: name)
        switch seen.config {
        case .staged: return true
        case .differs(let change):
            let tells = TalosVersion(minor: 10)
            return context.desired.policy.rollout.mode != .try && (seen.talos?.line ?? tells) < tells
                && context.record.nodes[name]?.handledChange == change.hash
        case .matches, .unknown: return false
        }
    }

    /// Fetches the images first, so that no component is stopped for one that is not there.
    private static func prepare(
        _ need: KubernetesNeed, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        decision.record.kubernetesTarget = need.target
        for node in need.nodes where decision.record.operations[node.name] == nil {
            guard let component = ComponentUpgrade.firstPull(need, on: node) else { continue }
            decision.record.operations[node.name] = NodeOperation(
                .component(component, to: need.target), .pulling, at: context.now)
        }
        for name in underWay(decision.record) {
            ComponentUpgrade(name, context.with(decision.record), need)?.advance(&decision)
        }
        decision.wake(within: .seconds(5))
    }

    /// The first component that is not everywhere, on the first node that lacks it; of workers as many as may be
    /// disturbed at a time.
    private static func next(
        _ need: KubernetesNeed, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard let component = KubernetesComponent.allCases.first(where: { !need.pending($0).isEmpty }) else {
            return sync(need, context, &decision)
        }
        for node in need.pending(component) {
            let present = context.with(decision.record)
            if present.record.operations[node.name] != nil { continue }
            let busy = underWay(present.record)
            // Workers come when the whole control plane is through.
            let isAlone =
                node.role == .controlPlane || busy.contains { $0 != node.name && isControlPlane($0, context) }
            if isAlone && !busy.isEmpty { return }
            if let obstacle = Capacity(present).obstacle(to: node.name) {
                return decision.waits.append(
                    Wait("\(component.rawValue) \(need.target) waits: \(obstacle)", node: node.name))
            }
            decision.record.operations[node.name] = NodeOperation(
                .component(component, to: need.target), .applying, at: context.now)
            ComponentUpgrade(node.name, context.with(decision.record), need)?.advance(&decision)
            if node.role == .controlPlane { return }
        }
    }

    private static func isControlPlane(_ name: String, _ context: FlowContext) -> Bool {
        context.nodes(.controlPlane).contains { $0.name == name }
    }

    /// The manifests come last: kube-proxy's among them is of the new release.
    private static func sync(
        _ need: KubernetesNeed, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard underWay(context.record).isEmpty,
            let node = need.nodes.first(where: {
                $0.role == .controlPlane && context.record.operations[$0.name] == nil
            })
        else { return }
        decision.record.operations[node.name] = NodeOperation(
            .component(.proxy, to: need.target), .syncing, at: context.now)
        ComponentUpgrade(node.name, context.with(decision.record), need)?.advance(&decision)
    }
}
