// SPDX-License-Identifier: Apache-2.0
import Platform

/// One node's part of an upgrade of Kubernetes: its images, one of its components, or the manifests through it.
struct ComponentUpgrade {
    /// How many nodes pull images at the same time; a registry has others to serve.
    private static let pulls = 10
    /// How many times pulling an image is tried.
    private static let tries = 3
    /// The components whose images are pulled, in order; kube-proxy's are pulled by its pods, node by node.
    private static let pulled: [KubernetesComponent] = [.apiServer, .controllerManager, .scheduler, .kubelet]

    private let name: String
    private let node: DesiredNode?
    private let component: KubernetesComponent
    private let release: Release
    private let context: FlowContext
    private let need: KubernetesNeed

    /// Nil if nothing of this kind is under way on the node.
    init?(_ name: String, _ context: FlowContext, _ need: KubernetesNeed) {
        guard case .component(let component, let release) = context.record.operations[name]?.kind else {
            return nil
        }
        self.name = name
        self.component = component
        self.release = release
        self.context = context
        self.need = need
        node = need.nodes.first { $0.name == name }
    }

    /// Takes the operation as far as it goes now.
    func advance(_ decision: inout LifecycleDecision) {
        // Another release was asked for meanwhile, or the node goes: what comes next is decided anew.
        guard release == context.desired.kubernetes, node != nil else {
            decision.record.operations[name] = nil
            return
        }
        guard let operation = decision.resumed(name, context) else { return }
        switch operation.step {
        case .pulling: pull(operation, &decision)
        case .syncing: sync(operation, &decision)
        case .settling: rollOut(operation, &decision)
        default: exchange(operation, &decision)
        }
    }

    /// Gives the node the image and waits for what runs; a component is over when it is there, whoever brought it.
    private func exchange(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        let seen = context.observation(of: name)
        let limit = context.desired.policy.timeouts.component
        if seen.isConfigured, need.isDone(component, on: name, at: release) {
            decision.record.operations[name] = nil
            return
        }
        let isConfigured = seen.isConfigured && need.isConfigured(component, on: name, at: release)
        if isConfigured, operation.step == .applying { decision.advance(name, to: .verifying, context) }
        let what = "\(component.rawValue) \(release)"
        // What was just given has its time from then on.
        let since = decision.record.operations[name] ?? operation
        if context.record.isOverdue(since, limit, at: context.now) {
            return decision.stop(
                .componentFailed, "\(name) did not run \(what) within \(limit): \(problem)\(operation.said)",
                on: name, context)
        }
        if seen.isConfigured, !isConfigured, component != .kubelet || seen.kubeletService?.isWell == true {
            decision.ask(.setImage(component, release), for: name, every: .seconds(20), context)
        }
        decision.await("\(what): \(problem)", on: name, limit: limit)
    }

    /// What is missing for the component to be over.
    private var problem: String {
        let seen = context.observation(of: name)
        guard seen.isConfigured else { return "the node does not answer" }
        guard need.isConfigured(component, on: name, at: release) else {
            return component == .kubelet && seen.kubeletService?.isWell != true
                ? "the kubelet is not well" : "the node is given its image"
        }
        let state = seen.components[component]
        if state?.version != release {
            return "\(state?.version.map { "\($0)" } ?? "an unknown release") runs"
        }
        if state?.isCurrent != true { return "its pod is not of the new configuration yet" }
        if state?.isReady != true { return "it is not ready" }
        return "Kubernetes does not find the node ready with it yet"
    }

    private func sync(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        let limit = context.desired.policy.timeouts.component
        switch context.observation(of: name).longCall {
        case .running(.syncManifests): break
        case .done(.syncManifests) where operation.attempts > 0:
            return decision.advance(name, to: .settling, context)
        default:
            decision.ask(.syncManifests, for: name, every: .seconds(30), context)
        }
        if context.record.isOverdue(operation, limit, at: context.now) {
            decision.actions.removeAll { $0.node == name && $0.kind == .syncManifests }
            return decision.stop(
                .componentFailed,
                "the manifests of Kubernetes were not brought up to date within \(limit)\(operation.said)",
                on: name, context)
        }
        decision.await("brings the manifests of Kubernetes up to date", on: name, limit: limit)
    }
}

extension ComponentUpgrade {
    /// Waits until the nodes that are well run the new kube-proxy, which Kubernetes exchanges one node after the other.
    private func rollOut(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        guard need.isDone else {
            // A node has come back, or in, that lacks something: that comes first, and the manifests once more.
            decision.record.operations[name] = nil
            return
        }
        let left = need.withoutProxy
        guard let first = left.first else {
            decision.record.operations[name] = nil
            decision.record.kubernetesTarget = nil
            return
        }
        let limit = context.desired.policy.timeouts.component + .seconds(60) * need.nodes.count
        let what = "kube-proxy \(release) is not rolled out on \(left.count) nodes, \(first) first"
        if context.record.isOverdue(operation, limit, at: context.now) {
            return decision.stop(.componentFailed, "\(what), after \(limit)", on: name, context)
        }
        decision.await(what, on: name, limit: limit)
    }
}

extension ComponentUpgrade {
    /// The first component whose image is to be pulled on a node; nil if none is.
    static func firstPull(_ need: KubernetesNeed, on node: DesiredNode) -> KubernetesComponent? {
        pulled.first { need.isPending($0, on: node) }
    }

    private func pull(_ operation: NodeOperation, _ decision: inout LifecycleDecision) {
        let seen = context.observation(of: name)
        guard seen.isConfigured else {
            // Whoever is away now pulls its images when they are needed.
            decision.record.operations[name] = nil
            return
        }
        // It had merely not been ready, as a node that has just joined.
        guard let node, need.isPending(component, on: node) else { return hasPulled(&decision.record) }
        guard let image = seen.images[component].map({ KubernetesImage.image($0, of: release) }) else {
            return hasPulled(&decision.record)
        }
        let action = LifecycleAction.Kind.pull(image: image, isSystem: component == .kubelet)
        let limit = context.desired.policy.timeouts.pull
        switch seen.longCall {
        case .running(action): break
        case _ where decision.record.halt != nil:
            return decision.await("has not pulled all images", on: name)
        case .done(action) where operation.attempts > 0: return hasPulled(&decision.record)
        case .failed(action, let message) where operation.attempts >= Self.tries:
            return decision.stop(
                .imagePullFailed, "\(name) cannot pull \(image): \(message)", on: name, context)
        case let end:
            if case .lost(action, let message) = end {
                decision.record.operations[name]?.lastError = message
            }
            ask(action, operation, &decision)
        }
        guard let operation = decision.record.operations[name], operation.attempts > 0 else {
            return decision.await("is about to pull \(image)", on: name)
        }
        if context.record.isOverdue(operation, limit, at: context.now) {
            decision.actions.removeAll { $0.node == name && $0.kind == action }
            return decision.stop(
                .imagePullFailed, "\(name) has not pulled \(image) within \(limit)\(operation.said)",
                on: name,
                context)
        }
        decision.await("pulls \(image)", on: name, limit: limit)
    }

    /// Pulls, if not too many others do; the time counts from the first try.
    private func ask(
        _ action: LifecycleAction.Kind, _ operation: NodeOperation, _ decision: inout LifecycleDecision
    ) {
        if operation.attempts == 0 {
            let active = decision.record.operations.values.count { $0.step == .pulling && $0.attempts > 0 }
            guard active < Self.pulls else { return }
            decision.record.operations[name]?.since = context.now
        }
        decision.ask(action, for: name, every: .seconds(30), context)
    }

    /// Goes on to the next image, or to the end; while the cluster is halted no other image is begun with.
    func hasPulled(_ record: inout LifecycleRecord) {
        guard record.halt == nil else { return }
        let rest = Self.pulled.drop { $0 != component }.dropFirst()
        guard let next = rest.first(where: { next in node.map { need.isPending(next, on: $0) } ?? false })
        else {
            record.operations[name] = nil
            return
        }
        record.operations[name]?.kind = .component(next, to: release)
        record.operations[name]?.advance(to: .pulling, at: context.now)
    }
}
