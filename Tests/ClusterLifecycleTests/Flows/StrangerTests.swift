// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

/// Addresses are handed on: what waits in maintenance mode at a node's address may be somebody else's machine.
@Suite("Machines that are not the ones they seem to be")
struct StrangerTests {
    /// A cluster in which a machine in maintenance mode answers where `node` was, which Kubernetes still finds ready.
    private static func taken(_ node: String) -> Cluster {
        var cluster = Cluster()
        cluster.observed.nodes[node] = NodeObservation(contact: .maintenance(fingerprint: "stranger"))
        cluster.observed.etcd.views[node] = nil
        cluster.observed.etcd.statuses[node] = nil
        return cluster
    }

    @Test("It gets no configuration while Kubernetes finds the node ready", arguments: ["c1", "w1"])
    func notInstalled(_ node: String) {
        var cluster = Self.taken(node)
        #expect(cluster.settle().isEmpty && cluster.record.operations.isEmpty)
        let waits = cluster.decide().waits
        #expect(waits.contains { $0.node == node && $0.message.contains("ready") }, "\(waits)")
        cluster.observed.kubernetes.nodes[node]?.isReady = false
        #expect(cluster.settle().contains("apply \(node)"))
    }

    @Test("The member of the node stays in etcd while Kubernetes finds the node ready")
    func memberStays() {
        var cluster = Self.taken("c1")
        cluster.desired.policy.scope = [.remove]
        #expect(cluster.settle().isEmpty)
        cluster.observed.kubernetes.nodes["c1"]?.isReady = false
        #expect(cluster.settle().first?.hasPrefix("removeMember") == true)
    }

    @Test(
        "A node that is to go is not taken for dead while Kubernetes finds it ready", arguments: ["c1", "w1"])
    func notDead(_ node: String) {
        var cluster = Self.taken(node)
        cluster.change(node) { $0.isSurplus = true }
        #expect(cluster.settle().isEmpty && cluster.record.operations.isEmpty)
        cluster.observed.kubernetes.nodes[node]?.isReady = false
        #expect(cluster.settle().last == "deleteMachine \(node)")
    }

    @Test("A machine that answers for two nodes is given the configuration of neither")
    func twins() {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 0)
        cluster.reimage("c1", key: "key-c0")
        #expect(cluster.decide().requests == ["c2 apply"])
        cluster.reimage("c1", key: "key-c1")
        cluster.record.nodes["c1"]?.fingerprint = nil
        #expect(cluster.decide().requests == ["c0 apply", "c1 apply"])
    }

    @Test(
        "A machine that its provider has lost sight of is not dead at once, whether Kubernetes can be asked or not",
        arguments: [false, true])
    func lostSight(_ isKubernetesReachable: Bool) {
        var cluster = Cluster()
        cluster.silence("w1")
        if !isKubernetesReachable { cluster.observed.kubernetes = KubernetesObservation() }
        cluster.change("w1") { ($0.isSurplus, $0.hasMachine) = (true, false) }
        #expect(cluster.decide().actions.isEmpty && cluster.record.operations.isEmpty)
        cluster.pass(.seconds(301))
        cluster.decide()
        #expect(cluster.record.operations["w1"]?.kind == .remove)
    }
}
