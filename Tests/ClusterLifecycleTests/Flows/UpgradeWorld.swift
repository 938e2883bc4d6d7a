// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

/// Nodes that do what they are asked to, so that whole upgrades can be gone through one pass after the other.
struct UpgradeWorld {
    /// What becomes of a request.
    enum Fate: CaseIterable {
        case answered
        /// It was carried out, and nobody heard of it.
        case lostAfter
        /// It never arrived.
        case lostBefore
        /// It was carried out, and the operator went away before it could note the answer.
        case crashAfter
        case notNow
    }

    var cluster: Cluster
    /// What a node runs after its next boot, and of which image.
    var installed: [String: Release] = [:]
    /// How many passes a node is still down for.
    private var down: [String: Int] = [:]
    private var bootCount = 0
    /// Every action that had an effect, in order.
    private(set) var log: [String] = []
    /// How many nodes of the control plane were down at once at most, and workers.
    private(set) var mostDown: [NodeRole: Int] = [:]
    /// What an image of a release turns out to boot; the release itself unless told otherwise.
    var boots: (Release) -> Release = { $0 }
    /// The extensions that nodes tell after a boot.
    var schematics: String?
    var fate: (LifecycleAction) -> Fate = { _ in .answered }

    init(_ cluster: Cluster) {
        self.cluster = cluster
    }

    /// One look, decision, round of actions and noting of their results.
    @discardableResult
    mutating func pass() -> LifecycleDecision {
        cluster.pass(.seconds(5))
        comeUp()
        let (_, decision) = cluster.run(TalosUpgradeFlow.self)
        for action in decision.actions { perform(action) }
        for role in NodeRole.allCases {
            let count = cluster.desired.nodes.count { $0.role == role && down[$0.name] != nil }
            mostDown[role] = max(mostDown[role] ?? 0, count)
        }
        return decision
    }

    /// Makes passes until nothing is under way any more, it has halted, or `isOver` says so.
    mutating func run(
        until isOver: (Cluster) -> Bool = { _ in false }, onPass: (LifecycleDecision) -> Void = { _ in }
    ) {
        for _ in 0..<3000 {
            let decision = pass()
            onPass(decision)
            let isIdle = decision.record.operations.isEmpty && decision.record.talosTarget == nil
            if isIdle || decision.record.halt != nil || isOver(cluster) { return }
        }
        Issue.record("it does not come to an end: \(cluster.record.operations)")
    }

    private mutating func perform(_ action: LifecycleAction) {
        let fate = fate(action)
        let hasEffect = fate != .lostBefore && fate != .notNow
        if hasEffect { carryOut(action) }
        switch fate {
        case .answered: cluster.absorb(.done, action, TalosUpgradeFlow.self)
        case .lostAfter, .lostBefore:
            cluster.absorb(.unknown("connection lost"), action, TalosUpgradeFlow.self)
        case .notNow: cluster.absorb(.notNow("busy"), action, TalosUpgradeFlow.self)
        case .crashAfter: break
        }
    }

    private mutating func carryOut(_ action: LifecycleAction) {
        let node = action.node
        switch action.kind {
        case .pull(let image, _): log.append("pull \(image) \(node)")
        case .snapshot: log.append("snapshot \(node)")
        case .cordon:
            log.append("cordon \(node)")
            cluster.observed.kubernetes.nodes[node]?.isUnschedulable = true
            cluster.observed.kubernetes.nodes[node]?.isCordonedByUs = true
        case .uncordon:
            log.append("uncordon \(node)")
            cluster.observed.kubernetes.nodes[node]?.isUnschedulable = false
            cluster.observed.kubernetes.nodes[node]?.isCordonedByUs = false
        case .drain:
            log.append("drain \(node)")
            cluster.observed.kubernetes.nodes[node]?.evictablePods = 0
        case .upgrade(let image, let call):
            log.append("upgrade \(image) \(node)")
            installed[node] = Release(image.split(separator: ":").last ?? "")
            if call != .lifecycle { reboot(node) }
        case .reboot:
            log.append("reboot \(node)")
            reboot(node)
        default: Issue.record("an upgrade does not ask for \(action.kind)")
        }
    }

    private mutating func reboot(_ node: String) {
        if let pods = cluster.observed.kubernetes.nodes[node]?.evictablePods, pods > 0 {
            Issue.record("\(node) reboots with \(pods) pods on it")
        }
        down[node] = 3
        cluster.observed.nodes[node] = NodeObservation(contact: .unreachable("connection refused"))
        cluster.observed.etcd.views[node] = nil
        cluster.observed.etcd.statuses[node] = nil
        cluster.observed.kubernetes.nodes[node]?.isReady = false
    }

    private mutating func comeUp() {
        for (name, rest) in down {
            down[name] = rest > 1 ? rest - 1 : nil
            guard rest == 1, let node = cluster.desired.nodes.first(where: { $0.name == name }) else {
                continue
            }
            let before = cluster.observed.kubernetes.nodes[name]
            cluster.observed.etcd.views[name] = nil
            if node.role == .controlPlane { cluster.dropMember(Cluster.member(name)) }
            cluster.bringUp(node)
            cluster.observed.kubernetes.nodes[name]?.isUnschedulable = before?.isUnschedulable ?? false
            cluster.observed.kubernetes.nodes[name]?.isCordonedByUs = before?.isCordonedByUs ?? false
            boot(name)
        }
    }

    private mutating func boot(_ node: String) {
        bootCount += 1
        cluster.observed.nodes[node]?.bootID = "boot-\(node)-\(bootCount)"
        cluster.observed.nodes[node]?.schematic = schematics
        if let release = installed[node] { cluster.observed.nodes[node]?.talos = boots(release) }
    }

    /// What every node runs, in order.
    var releases: [String] {
        cluster.desired.nodes.map { cluster.observed.nodes[$0.name]?.talos?.description ?? "?" }
    }

    /// The actions of one kind.
    func log(_ kind: String) -> [String] { log.filter { $0.hasPrefix(kind) } }
}
