// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("Who may be disturbed")
struct CapacityTests {
    private static let upgrade = NodeOperation.Kind.upgrade(image: "i", to: Cluster.talos)

    private static func obstacle(_ cluster: Cluster, _ node: String) -> String? {
        Capacity(cluster.context).obstacle(to: node)
    }

    @Test("Everybody may be where everything is well", arguments: ["c0", "c2", "w1"])
    func well(_ node: String) {
        #expect(Self.obstacle(Cluster(), node) == nil)
    }

    @Test(
        "One control-plane node holds the others up, whatever is done to it",
        arguments: [
            upgrade, .configure(digest: "d"), .remove, .replace,
            .component(.apiServer, to: Cluster.kubernetes),
        ])
    func controlPlane(_ kind: NodeOperation.Kind) {
        var cluster = Cluster()
        cluster.begin(kind, .checking, on: "c1")
        #expect(Self.obstacle(cluster, "c0")?.contains("c1") == true)
        #expect(Self.obstacle(cluster, "c1")?.contains("under way") == true)
        #expect(Self.obstacle(cluster, "w0") == nil)
    }

    @Test("An installation holds nobody up")
    func installation() {
        var cluster = Cluster()
        cluster.record.nodes["c1"] = NodeRecord()
        cluster.reimage("c1")
        cluster.observed.kubernetes.nodes["c1"] = nil
        cluster.begin(.install, .installing, on: "c1")
        #expect(Self.obstacle(cluster, "c0") == nil)
    }

    @Test("A control-plane node that is not well holds the well ones up, and is not held up by another one")
    func illControlPlane() {
        var cluster = Cluster()
        cluster.silence("c1")
        #expect(Self.obstacle(cluster, "c0")?.contains("c1") == true)
        #expect(Self.obstacle(cluster, "c1") == nil)
        cluster.silence("c2")
        #expect(Self.obstacle(cluster, "c1") == nil)
    }

    @Test(
        "Workers that are unavailable count, whyever they are",
        arguments: ["silent", "not ready in Talos", "not ready in Kubernetes", "no Node", "in an operation"])
    func workers(_ reason: String) {
        var cluster = Cluster(controlPlane: 1, workers: 3)
        switch reason {
        case "silent": cluster.silence("w1")
        case "not ready in Talos": cluster.observed.nodes["w1"]?.isReady = false
        case "not ready in Kubernetes": cluster.observed.kubernetes.nodes["w1"]?.isReady = false
        case "no Node": cluster.observed.kubernetes.nodes["w1"] = nil
        default: cluster.begin(Self.upgrade, .draining, on: "w1")
        }
        #expect(Self.obstacle(cluster, "w0")?.contains("w1") == true)
        cluster.desired.policy.rollout.maxUnavailable = .count(2)
        #expect(Self.obstacle(cluster, "w0") == nil)
        cluster.begin(Self.upgrade, .draining, on: "w2")
        #expect(Self.obstacle(cluster, "w0") != nil)
    }

    @Test("Without Kubernetes no worker is known to be available")
    func noKubernetes() {
        var cluster = Cluster(controlPlane: 1, workers: 4)
        cluster.desired.policy.rollout.maxUnavailable = .percent(50)
        cluster.observed.kubernetes.problem = "no route to host"
        #expect(Self.obstacle(cluster, "w0") == nil)
        cluster.begin(Self.upgrade, .draining, on: "w0")
        cluster.begin(Self.upgrade, .draining, on: "w1")
        #expect(Self.obstacle(cluster, "w2") != nil)
    }

    @Test("A worker is not taken down when others have become unavailable after it was begun with")
    func shortage() {
        var cluster = Cluster(controlPlane: 1, workers: 3)
        cluster.begin(Self.upgrade, .draining, on: "w0")
        let node = cluster.desired.nodes[1]
        let shortage = { (cluster: Cluster) in Capacity(cluster.context).shortage(without: node) }
        #expect(shortage(cluster) == nil)
        cluster.begin(Self.upgrade, .draining, on: "w1")
        #expect(shortage(cluster) == nil)
        cluster.silence("w2")
        #expect(shortage(cluster)?.contains("w2") == true)
        #expect(Disturbance(node, middle: .rebooting).obstacles(cluster.context).count == 1)
        cluster.change("w2") { $0.isSurplus = true }
        #expect(shortage(cluster) == nil)
    }

    @Test(
        "A node that Kubernetes knows was part of the cluster, though the record was lost",
        arguments: ["c1", "w1"])
    func recordLost(_ node: String) {
        var cluster = Cluster()
        cluster.silence(node)
        cluster.record.nodes = [:]
        let other = node == "c1" ? "c0" : "w0"
        #expect(Self.obstacle(cluster, other)?.contains(node) == true)
        cluster.observed.kubernetes.nodes[node] = nil
        #expect(Self.obstacle(cluster, other) == nil)
    }

    @Test("Workers that never were part of the cluster, or are to go, are not missed")
    func notMissed() {
        var cluster = Cluster(controlPlane: 1, workers: 3)
        cluster.record.nodes["w1"] = NodeRecord()
        cluster.reimage("w1")
        cluster.observed.kubernetes.nodes["w1"] = nil
        cluster.silence("w2")
        cluster.change("w2") { $0.isSurplus = true }
        #expect(Self.obstacle(cluster, "w0") == nil)
    }

    @Test("Nothing is begun while the cluster is paused, halted or something comes first")
    func gates() {
        var cluster = Cluster()
        cluster.desired.isPaused = true
        #expect(Self.obstacle(cluster, "w0") == "the cluster is paused")
        cluster = Cluster()
        cluster.record.halt(.drainTimedOut, "m", cluster.context)
        #expect(Self.obstacle(cluster, "w0")?.contains("DrainTimedOut") == true)
        cluster = Cluster()
        let held = FlowContext(
            desired: cluster.desired, observed: cluster.observed, record: cluster.record, now: cluster.now,
            isHeld: true)
        #expect(Capacity(held).obstacle(to: "w0") != nil)
        #expect(Self.obstacle(cluster, "stranger") != nil)
    }
}
