// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

/// What a well-behaved cluster makes of the actions, so that a test can let the planner go on by itself.
extension Cluster {
    /// An action as tests name it, as in `leaveEtcd c2`.
    static func words(_ action: LifecycleAction) -> String {
        switch action.kind {
        case .removeMember(let id): "removeMember \(String(id, radix: 16)) through \(action.node)"
        case .reset(let call):
            "reset\(call.isGraceful ? " gracefully" : "") \(call.wipe.rawValue) \(action.node)"
        case .drain(let force): "drain\(force ? " by force" : "") \(action.node)"
        case .setImage(let component, let release): "set \(component.rawValue) \(release) \(action.node)"
        case .pull(let image, let isSystem): "pull \(image)\(isSystem ? " (system)" : "") \(action.node)"
        case .apply: "apply \(action.node)"
        default: "\(action.kind) \(action.node)"
        }
    }

    /// Lets pass after pass go by, ten seconds apart, until nothing was asked for in ten of them; what was asked for.
    mutating func settle(
        passes: Int = 100, _ observe: (inout Cluster, LifecycleAction) -> ActionResult = { $0.perform($1) }
    ) -> [String] {
        var (log, quiet): ([String], Int) = ([], 0)
        for _ in 0..<passes where quiet < 10 {
            let decision = decide()
            quiet = decision.actions.isEmpty ? quiet + 1 : 0
            for action in decision.actions {
                log.append(Cluster.words(action))
                answer(observe(&self, action), action)
            }
            pass(.seconds(10))
        }
        return log
    }

    /// Does what is asked for at once and completely.
    mutating func perform(_ action: LifecycleAction) -> ActionResult {
        let node = action.node
        switch action.kind {
        case .cordon, .uncordon:
            observed.kubernetes.nodes[node]?.isUnschedulable = action.kind == .cordon
            observed.kubernetes.nodes[node]?.isCordonedByUs = action.kind == .cordon
        case .drain: observed.kubernetes.nodes[node]?.evictablePods = 0
        case .forfeitLeadership:
            let other = observed.etcd.statuses.values.first { $0.memberID != Cluster.member(node) }
            lead(other?.memberID ?? 0)
        case .leaveEtcd: leave(node)
        case .removeMember(let id): dropMember(id)
        case .reset: silence(node)
        case .deleteNode: observed.kubernetes.nodes[node] = nil
        case .deleteMachine: loseMachine(node)
        case .setImage(let component, let release): run(component, release, on: node)
        case .syncManifests: for node in desired.nodes { rollOutProxy(on: node.name) }
        default: break
        }
        return .done
    }

    /// kube-proxy runs on the node as the control plane's configuration names it; one that is not there stays away.
    mutating func rollOutProxy(on node: String) {
        guard observed.nodes[node]?.components[.proxy] != nil else { return }
        observed.nodes[node]?.components[.proxy]?.version = desired.kubernetes
    }

    mutating func lead(_ member: UInt64) {
        for name in observed.etcd.statuses.keys { observed.etcd.statuses[name]?.leader = member }
    }

    mutating func leave(_ node: String) {
        dropMember(Cluster.member(node))
        observed.etcd.views[node] = nil
        observed.etcd.statuses[node] = nil
        observed.nodes[node]?.memberID = nil
        observed.nodes[node]?.etcdService = ServiceState(state: "Finished", isHealthy: nil)
    }

    /// The Machine and what was known of it are gone.
    mutating func loseMachine(_ node: String) {
        silence(node)
        observed.nodes[node] = nil
        desired.nodes.removeAll { $0.name == node }
    }

    /// A component of another release runs at once.
    mutating func run(_ component: KubernetesComponent, _ release: Release, on node: String) {
        observed.nodes[node]?.images[component] = "registry.example/\(component.rawValue):\(release)"
        observed.nodes[node]?.components[component] = ComponentState(
            version: release, isReady: true, isCurrent: true)
        if component == .kubelet { observed.kubernetes.nodes[node]?.kubeletVersion = release }
    }
}

extension Cluster {
    /// The machine is off, and Kubernetes has no Node of its name.
    mutating func loseNode(_ node: String) {
        silence(node)
        observed.kubernetes.nodes[node] = nil
    }
}
