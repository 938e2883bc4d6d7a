// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

extension Cluster {
    /// Machines that have just been started and wait for their configuration; nothing is recorded.
    static func fresh(controlPlane: Int = 3, workers: Int = 2) -> Cluster {
        var cluster = Cluster(controlPlane: controlPlane, workers: workers)
        cluster.record = LifecycleRecord()
        cluster.observed.etcd = EtcdObservation()
        cluster.observed.kubernetes = KubernetesObservation()
        for node in cluster.desired.nodes { cluster.reimage(node.name) }
        return cluster
    }

    /// The node waits for a configuration.
    mutating func reimage(_ node: String, key: String? = nil) {
        let contact = NodeObservation.Contact.maintenance(fingerprint: key ?? "key-\(node)")
        var seen = NodeObservation(contact: contact, address: "127.0.0.9:50000")
        seen.stage = .maintenance
        observed.nodes[node] = seen
        observed.etcd.views[node] = nil
        observed.etcd.statuses[node] = nil
        observed.kubernetes.nodes[node]?.isReady = false
    }

    /// The node has come up with its configuration; on the control plane etcd waits for a bootstrap.
    mutating func boot(_ node: String, etcd: String? = "Preparing") {
        var seen = NodeObservation(contact: .configured, address: "127.0.0.9:50000")
        seen.stage = .booting
        seen.bootID = "boot-\(node)"
        seen.config = .matches
        if node.hasPrefix("c") { seen.etcdService = etcd.map { ServiceState(state: $0, isHealthy: nil) } }
        observed.nodes[node] = seen
    }

    mutating func lose(_ node: String) {
        observed.nodes[node] = NodeObservation(contact: .unreachable("connection refused"))
    }

    /// Decides over all flows and keeps the record.
    @discardableResult
    mutating func decide() -> LifecycleDecision {
        let decision = LifecyclePlanner.decide(context)
        record = decision.record
        return decision
    }

    /// Tells what became of an action.
    mutating func answer(_ result: ActionResult, _ action: LifecycleAction) {
        LifecyclePlanner.absorb(result, of: action, context, &record)
    }

    /// Decides, and lets everything that is asked for come to the same end.
    @discardableResult
    mutating func step(_ result: ActionResult = .done) -> [LifecycleAction] {
        let actions = decide().actions
        for action in actions { answer(result, action) }
        return actions
    }

    /// The live configuration of a node differs from the desired one.
    mutating func differ(
        _ node: String, reboot: Bool? = false, hash: String = "h1", refusal: String? = nil,
        isDrift: Bool = false
    ) {
        let digest = desired.nodes.first { $0.name == node }?.configDigest ?? ""
        observed.nodes[node]?.config = .differs(
            ConfigChange(
                hash: hash, summary: "- a\n+ b\n", needsReboot: reboot, configDigest: digest, refusal: refusal
            ))
        record.nodes[node, default: NodeRecord()].appliedDigest = isDrift ? digest : "before"
    }
}

extension LifecycleDecision {
    /// What is asked for, as `node kind`, without what a kind carries.
    var requests: [String] {
        actions.map { "\($0.node) \("\($0.kind)".prefix { $0 != "(" })" }
    }

    func says(_ words: String) -> Bool { waits.contains { $0.message.contains(words) } }
}
