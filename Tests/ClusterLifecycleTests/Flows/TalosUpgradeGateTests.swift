// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Talos
import Testing

@Suite("What an upgrade of Talos waits for and halts at")
struct TalosUpgradeGateTests {
    private func cluster(_ from: String = "v1.12.3", _ to: String = "v1.13.9") -> Cluster {
        var cluster = Cluster()
        cluster.desired.talos = Release(to) ?? Cluster.talos
        for node in cluster.desired.nodes {
            cluster.change(node.name) { $0.installer = "factory.example/installer/abc:\(to)" }
            cluster.observed.nodes[node.name]?.talos = Release(from)
        }
        return cluster
    }

    /// Whether a pass touches nothing, and says these words.
    private func expectWait(_ cluster: Cluster, _ words: String) {
        var cluster = cluster
        let (_, decision) = cluster.run(TalosUpgradeFlow.self)
        #expect(decision.actions.isEmpty && decision.record.operations.isEmpty)
        let messages = decision.waits.map(\.message)
        #expect(messages.contains { $0.contains(words) }, "\(messages)")
    }

    @Test("Nothing is begun outside of a maintenance window, and what is under way goes on")
    func windows() throws {
        var cluster = cluster()
        let day = try #require(Timestamp(rfc3339: "2026-11-21T12:00:00Z"))
        cluster.now = day
        cluster.desired.policy.windows = [MaintenanceWindow(days: [0], opensAt: 120, duration: .seconds(600))]
        expectWait(cluster, "waits for the maintenance window, which opens at 2026-11-22T02:00:00Z")
        cluster.now = try #require(Timestamp(rfc3339: "2026-11-22T02:00:00Z"))
        var world = UpgradeWorld(cluster)
        world.run { $0.record.operations["c0"] != nil }
        world.cluster.now = day + .seconds(86_400)
        for _ in 0..<100 { world.pass() }
        #expect(world.log("upgrade").count == 1)
        #expect(world.cluster.record.operations.isEmpty)
        #expect(world.cluster.observed.nodes["c0"]?.talos == world.cluster.desired.talos)
    }

    @Test("Where plans are to be approved a node waits for that, through all hops")
    func approval() {
        var cluster = cluster("v1.11.2")
        cluster.desired.policy.rollout.approval = .manual
        expectWait(cluster, "waits for approval")
        cluster.record.approvedItems = Set(UpgradeNeed(cluster.context).items.map(\.digest))
        var world = UpgradeWorld(cluster)
        world.run()
        #expect(Set(world.releases) == ["v1.13.9"])
    }

    @Test("A paused cluster is not begun with, and what is under way comes to its end")
    func paused() {
        var world = UpgradeWorld(cluster())
        world.run {
            $0.record.operations["c0"]?.step == .draining || $0.record.operations["c0"]?.step == .installing
        }
        world.cluster.desired.isPaused = true
        for _ in 0..<100 { world.pass() }
        #expect(world.releases == ["v1.13.9", "v1.12.3", "v1.12.3", "v1.12.3", "v1.12.3"])
        #expect(world.cluster.record.operations.isEmpty)
        #expect(world.cluster.observed.kubernetes.nodes["c0"]?.isUnschedulable == false)
    }

    @Test(
        "Nothing is begun while anything of the control plane or of etcd is not well",
        arguments: [
            "c2 is not Ready in Kubernetes", "is in maintenance mode", "does not answer", "is booting",
            "is not ready: kubelet", "alarms could not be asked for", "has raised NOSPACE",
            "the Kubernetes API does not answer", "is not a voter yet", "list different members",
        ])
    func unwell(_ words: String) {
        var cluster = cluster()
        switch words {
        case "c2 is not Ready in Kubernetes": cluster.observed.kubernetes.nodes["c2"]?.isReady = false
        case "is in maintenance mode": cluster.observed.nodes["c2"]?.contact = .maintenance(fingerprint: "f")
        case "does not answer": cluster.silence("c2")
        case "is booting": cluster.observed.nodes["c2"]?.stage = .booting
        case "is not ready: kubelet":
            cluster.observed.nodes["c2"]?.isReady = false
            cluster.observed.nodes["c2"]?.unmet = ["kubelet is not running"]
        case "alarms could not be asked for": cluster.observed.etcd.alarms = nil
        case "has raised NOSPACE": cluster.observed.etcd.alarms = [Cluster.member("c1"): ["NOSPACE"]]
        case "the Kubernetes API does not answer": cluster.observed.kubernetes.problem = "connection refused"
        case "is not a voter yet":
            let learner = EtcdObservation.Member(id: 99, hostname: "c9", isLearner: true)
            for node in cluster.observed.etcd.views.keys {
                cluster.observed.etcd.views[node]?.append(learner)
            }
        default: cluster.observed.etcd.views["c2"]?.removeLast()
        }
        var decided = cluster
        let (_, decision) = decided.run(TalosUpgradeFlow.self)
        #expect(decision.actions.isEmpty && decision.record.operations.isEmpty)
        #expect(decision.record.halt == nil)
        #expect(!decision.waits.isEmpty)
    }

    @Test("A worker that is down is not touched, and the others are upgraded without it")
    func deadWorker() {
        var cluster = cluster()
        cluster.desired.policy.rollout.maxUnavailable = .count(2)
        cluster.silence("w0")
        var world = UpgradeWorld(cluster)
        for _ in 0..<300 { world.pass() }
        #expect(world.releases == ["v1.13.9", "v1.13.9", "v1.13.9", "?", "v1.13.9"])
        #expect(world.cluster.record.halt == nil)
    }

    @Test("An unsupported way halts before the first node is touched")
    func unsupported() {
        var cluster = cluster("v1.12.3", "v1.10.9")
        let (_, decision) = cluster.run(TalosUpgradeFlow.self)
        #expect(decision.actions.isEmpty && decision.record.operations.isEmpty)
        #expect(decision.record.halt?.reason == .unsupportedPath)
    }

    @Test("Another release to go through is another desired state, and lifts the halt for want of one")
    func hopsLiftTheHalt() {
        var cluster = cluster()
        let before = cluster.desired.digest
        cluster.desired.policy.upgrade.hops[TalosVersion(minor: 12)] = Release(minor: 12, patch: 4)
        #expect(cluster.desired.digest != before)
    }

    @Test("An installer without a tag cannot be taken through other releases")
    func digestImage() {
        var cluster = cluster("v1.11.2")
        cluster.change("w1") { $0.installer = "registry.example/installer@sha256:00" }
        var world = UpgradeWorld(cluster)
        world.run()
        #expect(world.cluster.record.halt?.reason == .unsupportedPath)
        #expect(world.log("upgrade").isEmpty)
    }

    @Test("Where Kubernetes has to come first the upgrade stands back and says so")
    func kubernetesFirst() {
        var cluster = cluster()
        for node in cluster.observed.nodes.keys {
            cluster.observed.nodes[node]?.components = [:]
            cluster.observed.kubernetes.nodes[node]?.kubeletVersion = Release(minor: 30)
        }
        cluster.desired.kubernetes = Release(minor: 31)
        expectWait(cluster, "Kubernetes is upgraded first")
        #expect(cluster.run(TalosUpgradeFlow.self).verdict == .clear)
        // In the middle of that it stands back as well.
        cluster.observed.kubernetes.nodes["c0"]?.kubeletVersion = Release(minor: 31)
        expectWait(cluster, "when all of Kubernetes runs one minor version")
        #expect(cluster.run(TalosUpgradeFlow.self).verdict == .clear)
    }

    @Test("An image that cannot be pulled halts before the node is cordoned")
    func pullFails() {
        let image = "factory.example/installer/abc:v1.13.9"
        var refused = cluster()
        let action = LifecycleAction(.pull(image: image, isSystem: true), on: "c0")
        #expect(refused.run(TalosUpgradeFlow.self).decision.actions == [action])
        refused.absorb(.refused("manifest unknown"), action, TalosUpgradeFlow.self)
        #expect(refused.record.halt?.reason == .imagePullFailed)
        #expect(refused.run(TalosUpgradeFlow.self).decision.actions.isEmpty)

        var failing = cluster()
        var asked = 0
        for _ in 0..<10 where failing.record.halt == nil {
            asked += failing.run(TalosUpgradeFlow.self).decision.actions.count
            failing.absorb(.running, action, TalosUpgradeFlow.self)
            failing.observed.nodes["c0"]?.longCall = .failed(action.kind, "no space left on device")
            failing.pass(.seconds(5))
        }
        #expect(asked == 3)
        #expect(failing.record.halt?.message.contains("no space left on device") == true)

        var lossy = cluster()
        asked = 0
        for _ in 0..<60 where lossy.record.halt == nil {
            asked += lossy.run(TalosUpgradeFlow.self).decision.actions.count
            lossy.absorb(.running, action, TalosUpgradeFlow.self)
            lossy.observed.nodes["c0"]?.longCall = .lost(action.kind, "connection broken")
            lossy.pass(.seconds(5))
        }
        #expect(lossy.record.halt == nil)
        #expect(asked == 20)
        lossy.pass(.seconds(601))
        #expect(lossy.run(TalosUpgradeFlow.self).decision.actions.isEmpty)
        #expect(lossy.record.halt?.message.contains("connection broken") == true)

        var slow = cluster()
        slow.run(TalosUpgradeFlow.self)
        slow.absorb(.running, action, TalosUpgradeFlow.self)
        slow.observed.nodes["c0"]?.longCall = .running(action.kind)
        slow.pass(.seconds(901))
        #expect(slow.run(TalosUpgradeFlow.self).decision.actions.isEmpty)
        #expect(slow.record.halt?.reason == .imagePullFailed)
    }

    @Test("An installation that fails halts with the node up, and goes on from there when somebody says so")
    func installFails() {
        var world = UpgradeWorld(cluster("v1.13.1"))
        world.fate = { if case .upgrade = $0.kind { .lostBefore } else { .answered } }
        world.run { $0.record.operations["c0"]?.step == .installing }
        var cluster = world.cluster
        let action = LifecycleAction(
            .upgrade(image: "factory.example/installer/abc:v1.13.9", .lifecycle), on: "c0")
        for _ in 0..<30 where cluster.record.halt == nil {
            cluster.absorb(.running, action, TalosUpgradeFlow.self)
            cluster.observed.nodes["c0"]?.longCall = .failed(action.kind, "exit code 1")
            cluster.pass(.seconds(60))
            cluster.run(TalosUpgradeFlow.self)
        }
        #expect(cluster.record.halt?.reason == .upgradeFailed)
        #expect(cluster.observed.kubernetes.nodes["c0"]?.isUnschedulable == true)
        cluster.record.halt = nil
        cluster.observed.nodes["c0"]?.longCall = nil
        #expect(cluster.run(TalosUpgradeFlow.self).decision.actions == [action])
    }

    @Test("A node that refuses the release halts the upgrade")
    func refused() {
        var world = UpgradeWorld(cluster())
        world.run {
            $0.record.operations["c0"]?.step == .draining || $0.record.operations["c0"]?.step == .cordoning
        }
        var cluster = world.cluster
        var decision = cluster.run(TalosUpgradeFlow.self).decision
        for _ in 0..<5 where !decision.actions.contains(where: { $0.kind != .cordon }) {
            decision = cluster.run(TalosUpgradeFlow.self).decision
        }
        for action in decision.actions {
            cluster.absorb(.refused("etcd is not healthy"), action, TalosUpgradeFlow.self)
        }
        #expect(cluster.record.halt?.message.contains("etcd is not healthy") == true)
        cluster.pass(.seconds(3600))
        #expect(cluster.run(TalosUpgradeFlow.self).decision.actions.isEmpty)
    }

    @Test("When another release is desired before anything is installed the node becomes usable again")
    func withdrawn() {
        var cluster = cluster()
        cluster.observed.kubernetes.nodes["c0"]?.evictablePods = 2
        var world = UpgradeWorld(cluster)
        world.fate = { if case .drain = $0.kind { .lostBefore } else { .answered } }
        world.run { $0.record.operations["c0"]?.step == .draining }
        world.cluster.desired.talos = Cluster.talos
        for _ in 0..<5 { world.pass() }
        #expect(world.cluster.record.operations.isEmpty)
        #expect(world.log("upgrade").isEmpty)
        #expect(world.cluster.observed.kubernetes.nodes["c0"]?.isUnschedulable == false)
    }

    @Test("Another control-plane node that fails while one is being emptied keeps that one up")
    func secondFailure() {
        var cluster = cluster()
        cluster.observed.kubernetes.nodes["c0"]?.evictablePods = 2
        var world = UpgradeWorld(cluster)
        world.fate = { if case .drain = $0.kind { .lostBefore } else { .answered } }
        world.run { $0.record.operations["c0"]?.step == .draining }
        world.fate = { _ in .answered }
        world.cluster.silence("c2")
        for _ in 0..<20 { world.pass() }
        #expect(world.log("upgrade").isEmpty && world.log("drain").count == 1)
        let waits = world.pass().waits.map(\.message)
        #expect(waits.contains { $0.contains("is not taken down yet: c2 does not answer") }, "\(waits)")
        world.cluster.bringUp(world.cluster.desired.nodes[2])
        world.cluster.observed.nodes["c2"]?.talos = Release("v1.12.3")
        for node in ["c0", "c1", "c2"] {
            world.cluster.observed.etcd.views[node] = ["c0", "c1", "c2"].map {
                EtcdObservation.Member(id: Cluster.member($0), hostname: $0)
            }
        }
        world.run()
        #expect(Set(world.releases) == ["v1.13.9"])
    }

    @Test("A snapshot of etcd is kept once before the first node of the control plane")
    func snapshot() {
        var cluster = cluster()
        cluster.desired.policy.upgrade.snapshot = true
        var world = UpgradeWorld(cluster)
        world.run()
        #expect(world.log("snapshot") == ["snapshot c0"])
        #expect(Set(world.releases) == ["v1.13.9"])
        let first = world.log.firstIndex(of: "snapshot c0") ?? 0
        #expect(first < world.log.firstIndex(of: "cordon c0") ?? 0)
    }
}
