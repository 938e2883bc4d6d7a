// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle

/// The workload cluster's Kubernetes, as far as nodes are disturbed or emptied in it.
struct SimulatedKubernetes: Sendable {
    struct Node: Hashable, Sendable {
        var isReady = false
        var isUnschedulable = false
        var isCordonedByUs = false
        var kubelet: Release?
        var lastSeen: Int
        /// When it was registered.
        var since: Int
    }

    /// Pods of one kind, which something makes again when they are gone.
    struct App: Hashable, Sendable {
        var name: String
        var replicas: Int
        /// How many a disruption budget wants to be available; nil without a budget.
        var minAvailable: Int?
    }

    struct Pod: Hashable, Sendable {
        var app: String
        var node: String?
        var readyAt: Int
        /// When it is gone; nil if nobody wants it gone.
        var goneAt: Int?
    }

    var nodes: [String: Node] = [:]
    var apps: [App] = []
    var pods: [Pod] = []
    /// What kube-proxy runs, once it was rolled out.
    var proxy: Release?
    /// Until when the API is out of reach for us, though it is well.
    var cutUntil = 0
}

extension World {
    /// Whether the Kubernetes API answers those inside of the cluster.
    var isKubernetesUp: Bool {
        guard let main = mainEtcd, hasQuorum(main) else { return false }
        return nodes.indices.contains { index in
            guard let data = nodes[index].etcd, data.cluster == main, isUp(data.member, in: main) else {
                return false
            }
            return nodes[index].busyComponents[.apiServer] == nil
                && nodes[index].components[.apiServer] != nil
        }
    }

    /// Whether it answers us.
    var isKubernetesReachable: Bool { isKubernetesUp && now >= kubernetes.cutUntil }

    mutating func advanceKubernetes() {
        guard isKubernetesUp else { return }
        if kubernetes.proxy == nil { kubernetes.proxy = nodes.compactMap { $0.components[.proxy] }.min() }
        for index in nodes.indices { heartbeat(index) }
        for (name, node) in kubernetes.nodes where node.isReady && now >= node.lastSeen + 40 {
            kubernetes.nodes[name]?.isReady = false
        }
        advancePods()
    }

    private mutating func heartbeat(_ index: Int) {
        guard nodes[index].isServing(at: now), let kubelet = nodes[index].components[.kubelet],
            nodes[index].busyComponents[.kubelet] == nil
        else { return }
        let name = nodes[index].name
        guard var known = kubernetes.nodes[name] else {
            // A kubelet registers when it starts and not again: a node that was deleted stays away until then.
            guard !deletedNodes.contains(name) else { return }
            kubernetes.nodes[name] = SimulatedKubernetes.Node(kubelet: kubelet, lastSeen: now, since: now)
            return
        }
        known.isReady = nodes[index].activity == .up
        known.kubelet = kubelet
        known.lastSeen = now
        kubernetes.nodes[name] = known
    }

    private mutating func advancePods() {
        kubernetes.pods.removeAll { pod in
            if let gone = pod.goneAt, now >= gone { return true }
            guard let name = pod.node else { return false }
            // Taint-based eviction, and what is left of a node that was deleted.
            guard let node = kubernetes.nodes[name] else { return true }
            return !node.isReady && now >= node.lastSeen + 340
        }
        for app in kubernetes.apps {
            let present = kubernetes.pods.count { $0.app == app.name && $0.goneAt == nil }
            for _ in present..<max(present, app.replicas) {
                kubernetes.pods.append(SimulatedKubernetes.Pod(app: app.name, node: nil, readyAt: .max))
            }
        }
        for index in kubernetes.pods.indices where kubernetes.pods[index].node == nil {
            guard let node = leastLoaded() else { return }
            kubernetes.pods[index].node = node
            kubernetes.pods[index].readyAt = now + 10
        }
    }

    /// Where a pod goes: to workers, or if there is none to the control plane.
    private func leastLoaded() -> String? {
        let workers = nodes.contains { $0.role == .worker && kubernetes.nodes[$0.name] != nil }
        return kubernetes.nodes
            .filter { name, node in
                node.isReady && !node.isUnschedulable
                    && (self.node(name)?.role == .worker || !workers)
            }
            .map { name, _ in (kubernetes.pods.count { $0.node == name }, name) }
            .min { $0 < $1 }?.1
    }

    /// How many pods of an app are there and serve.
    func available(_ app: String) -> Int {
        kubernetes.pods.count { pod in
            pod.app == app && pod.goneAt == nil && pod.readyAt <= now
                && pod.node.map {
                    kubernetes.nodes[$0]?.isReady == true && node($0)?.isServing(at: now) == true
                }
                    ?? false
        }
    }

    /// Whether one more pod of its app may be evicted.
    func mayEvict(_ pod: SimulatedKubernetes.Pod) -> Bool {
        guard let app = kubernetes.apps.first(where: { $0.name == pod.app }),
            let least = app.minAvailable
        else { return true }
        return available(app.name) - 1 >= least
    }

    /// The pods on a node that a drain would move.
    func evictable(on name: String) -> [Int] {
        kubernetes.pods.indices.filter { kubernetes.pods[$0].node == name }
    }
}
