// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Talos
import Testing

@Suite("The upgrade of Talos")
struct TalosUpgradeFlowTests {
    /// A cluster that runs `from` and is to run `to`.
    private func cluster(
        _ from: String, _ to: String, controlPlane: Int = 3, workers: Int = 2
    ) -> Cluster {
        var cluster = Cluster(controlPlane: controlPlane, workers: workers)
        cluster.desired.talos = Release(to) ?? Cluster.talos
        for node in cluster.desired.nodes {
            cluster.change(node.name) { $0.installer = "factory.example/installer/abc:\(to)" }
            cluster.observed.nodes[node.name]?.talos = Release(from)
        }
        return cluster
    }

    @Test("Nodes that run the release already are left alone")
    func nothingToDo() {
        var cluster = cluster("v1.12.3", "v1.12.3")
        let (verdict, decision) = cluster.run(TalosUpgradeFlow.self)
        #expect(verdict == .clear && decision.actions.isEmpty && decision.waits.isEmpty)
    }

    @Test("The control plane comes first, node by node, then the workers one by one")
    func order() {
        var world = UpgradeWorld(cluster("v1.12.3", "v1.13.9"))
        world.run()
        #expect(world.cluster.record.halt == nil)
        #expect(Set(world.releases) == ["v1.13.9"])
        #expect(world.log("upgrade").map { String($0.suffix(2)) } == ["c0", "c1", "c2", "w0", "w1"])
        #expect(world.mostDown == [.controlPlane: 1, .worker: 1])
        #expect(
            world.log.filter { $0.hasSuffix("w0") } == [
                "pull factory.example/installer/abc:v1.13.9 w0", "cordon w0",
                "upgrade factory.example/installer/abc:v1.13.9 w0", "uncordon w0",
            ])
        #expect(world.cluster.run(TalosUpgradeFlow.self).verdict == .clear)
    }

    @Test("As many workers are upgraded at once as may be unavailable")
    func parallelWorkers() {
        var cluster = cluster("v1.12.3", "v1.12.9", workers: 5)
        cluster.desired.policy.rollout.maxUnavailable = .percent(50)
        var world = UpgradeWorld(cluster)
        world.run()
        #expect(Set(world.releases) == ["v1.12.9"])
        #expect(world.mostDown == [.controlPlane: 1, .worker: 2])
    }

    @Test("Several minor versions are gone through one by one, by all nodes")
    func hops() {
        var world = UpgradeWorld(cluster("v1.11.2", "v1.13.9"))
        world.run()
        #expect(world.cluster.record.halt == nil)
        #expect(Set(world.releases) == ["v1.13.9"])
        let images = world.log("upgrade").map { String($0.split(separator: " ")[1].suffix(8)) }
        #expect(images == Array(repeating: "v1.12.11", count: 5) + Array(repeating: ":v1.13.9", count: 5))
    }

    @Test("A hop is begun only when all nodes are at the one before and well")
    func waitsForAll() {
        var world = UpgradeWorld(cluster("v1.11.2", "v1.13.9"))
        world.run { $0.observed.nodes["w0"]?.talos?.minor == 12 }
        world.cluster.silence("w1")
        for _ in 0..<50 { world.pass() }
        #expect(Set(world.releases.dropLast()) == ["v1.12.11"])
        let waits = world.pass().waits.map(\.message)
        #expect(
            waits.contains { $0.contains("comes when all nodes are well: w1 does not answer") }, "\(waits)")
    }

    @Test("A cluster that has begun goes on where it is")
    func mixed() {
        var cluster = cluster("v1.12.3", "v1.13.9")
        for node in ["c0", "c1", "w1"] { cluster.observed.nodes[node]?.talos = Release(minor: 13, patch: 9) }
        var world = UpgradeWorld(cluster)
        world.run()
        #expect(world.log("upgrade").map { String($0.suffix(2)) } == ["c2", "w0"])
        #expect(Set(world.releases) == ["v1.13.9"])
    }

    @Test("Other extensions of the same release are an upgrade, and unknown ones are none")
    func schematic() {
        var cluster = cluster("v1.12.3", "v1.12.3")
        cluster.change("w0") { $0.schematic = "new" }
        #expect(cluster.run(TalosUpgradeFlow.self).verdict == .clear)
        cluster.observed.nodes["w0"]?.schematic = "old"
        #expect(
            UpgradeNeed(cluster.context).items.map(\.summary) == ["other extensions of Talos v1.12.3"])
        let (verdict, decision) = cluster.run(TalosUpgradeFlow.self)
        #expect(verdict == .busy && decision.actions.map(\.node) == ["w0"])
    }

    @Test(
        "Each release is asked in its own words",
        arguments: [
            (
                "v1.6.8", "v1.7.7",
                LifecycleAction.UpgradeCall.legacy(preserve: true, stage: false, reboot: .default)
            ),
            ("v1.7.7", "v1.8.4", .legacy(preserve: true, stage: false, reboot: .default)),
            ("v1.8.4", "v1.9.6", .legacy(preserve: false, stage: false, reboot: .default)),
            ("v1.12.3", "v1.13.9", .legacy(preserve: false, stage: false, reboot: .default)),
            ("v1.13.0", "v1.13.9", .lifecycle), ("v1.13.0-beta.1", "v1.13.9", .lifecycle),
            ("v1.13.0-alpha.2", "v1.13.9", .legacy(preserve: false, stage: false, reboot: .default)),
        ])
    func calls(_ from: String, _ to: String, _ call: LifecycleAction.UpgradeCall) {
        var cluster = cluster(from, to)
        for node in cluster.observed.nodes.keys {
            let minor = from.hasPrefix("v1.6") || from.hasPrefix("v1.7") ? 29 : 31
            cluster.observed.nodes[node]?.components = [
                .kubelet: ComponentState(version: Release(minor: minor), isReady: true, isCurrent: true)
            ]
            cluster.observed.kubernetes.nodes[node]?.kubeletVersion = Release(minor: minor)
        }
        var world = UpgradeWorld(cluster)
        var found: [LifecycleAction.UpgradeCall] = []
        world.run { _ in
            !found.isEmpty
        } onPass: { decision in
            found += decision.actions.compactMap {
                if case .upgrade(_, let call) = $0.kind { call } else { nil }
            }
        }
        #expect(found == [call])
    }

    @Test("Staged installations and power cycles are asked for if the policy says so")
    func stagedCall() {
        var cluster = cluster("v1.12.3", "v1.12.9")
        cluster.desired.policy.upgrade.stage = true
        cluster.desired.policy.upgrade.rebootMode = .powercycle
        var world = UpgradeWorld(cluster)
        var kinds: [LifecycleAction.Kind] = []
        world.run {
            $0.record.operations["c0"]?.step == .verifying
        } onPass: {
            kinds += $0.actions.map(\.kind)
        }
        let image = "factory.example/installer/abc:v1.12.9"
        #expect(
            kinds.contains(
                .upgrade(image: image, .legacy(preserve: false, stage: true, reboot: .powercycle))))
    }

    @Test(
        "What became of a request beside the passes is told: refused at once, failed when it was made three times"
    )
    func endedCall() {
        let image = "factory.example/installer/abc:v1.12.9"
        let call = LifecycleAction.Kind.upgrade(
            image: image, .legacy(preserve: false, stage: false, reboot: .default))
        var cluster = cluster("v1.12.3", "v1.12.9", workers: 0)
        cluster.begin(.upgrade(image: image, to: Release(minor: 12, patch: 9)), .installing, on: "c0")
        cluster.record.operations["c0"]?.attempts = 1
        func halt(_ end: LongCall, attempts: Int) -> Halt? {
            cluster.record.halt = nil
            cluster.record.operations["c0"]?.isHalted = false
            cluster.record.operations["c0"]?.attempts = attempts
            cluster.observed.nodes["c0"]?.longCall = end
            let decision = cluster.run(TalosUpgradeFlow.self).decision
            #expect(decision.actions.isEmpty)
            if case .failed(_, let words) = end {
                #expect(decision.record.operations["c0"]?.lastError == words)
            }
            return decision.record.halt
        }
        #expect(halt(.running(call), attempts: 1) == nil && halt(.done(call), attempts: 1) == nil)
        #expect(halt(.failed(call, "busy"), attempts: 1) == nil)
        #expect(halt(.failed(call, "busy"), attempts: 3)?.reason == .upgradeFailed)
        #expect(halt(.refused(call, "no"), attempts: 1)?.message == "c0 refuses Talos v1.12.9: no")
    }

    @Test("A node at another release than it was to come up with halts the upgrade, and no other is touched")
    func rollback() {
        var world = UpgradeWorld(cluster("v1.12.3", "v1.13.9"))
        world.boots = { _ in Release(minor: 12, patch: 3) }
        world.run()
        #expect(world.cluster.record.halt?.reason == .upgradeRolledBack)
        #expect(world.cluster.record.halt?.node == "c0")
        #expect(world.log("upgrade").count == 1)
        for _ in 0..<20 { world.pass() }
        #expect(world.log("upgrade").count == 1 && world.log("uncordon").isEmpty)
        // When somebody says so it is tried anew.
        world.cluster.record.halt = nil
        world.boots = { $0 }
        world.run()
        #expect(Set(world.releases) == ["v1.13.9"])
    }

    @Test("Extensions that did not come with the image halt the upgrade")
    func wrongSchematic() {
        var cluster = cluster("v1.12.3", "v1.12.9", workers: 0)
        for node in cluster.desired.nodes { cluster.change(node.name) { $0.schematic = "wanted" } }
        var world = UpgradeWorld(cluster)
        world.schematics = "other"
        world.run()
        #expect(world.cluster.record.halt?.reason == .upgradeFailed)
        #expect(world.log("upgrade").count == 1)
        // What is not told is waited for, or the node would be upgraded again and again.
        var silent = UpgradeWorld(cluster)
        silent.run { _ in false }
        #expect(silent.cluster.record.halt?.message.contains("does not say which extensions") == true)
    }

    @Test(
        "A request that is lost, refused for now, or whose answer nobody noted does no harm, whichever it is",
        arguments: UpgradeWorld.Fate.allCases, ["v1.12.9", "v1.13.9"])
    func lostReplies(_ fate: UpgradeWorld.Fate, _ target: String) {
        let from = target == "v1.12.9" ? "v1.12.3" : "v1.13.1"
        for index in 0..<8 {
            var world = UpgradeWorld(cluster(from, target, workers: 1))
            world.cluster.observed.kubernetes.nodes["w0"]?.evictablePods = 3
            let count = Counter()
            world.fate = { _ in count.next() == index ? fate : .answered }
            world.run()
            #expect(world.cluster.record.halt == nil, "\(fate) of request \(index)")
            #expect(Set(world.releases) == [target])
            #expect(world.mostDown == [.controlPlane: 1, .worker: 1])
            #expect(world.cluster.observed.kubernetes.nodes.values.allSatisfy { !$0.isUnschedulable })
            #expect(world.log("reboot").count == (target == "v1.13.9" ? 4 : 0))
        }
    }

    @Test("Every answer may be lost, and every second request, and it still gets there", arguments: 0..<10)
    func unreliable(_ seed: UInt64) {
        let generator = RandomFates(seed)
        var world = UpgradeWorld(cluster("v1.12.3", "v1.13.9"))
        world.fate = { _ in generator.next() }
        world.run()
        #expect(world.cluster.record.halt == nil)
        #expect(Set(world.releases) == ["v1.13.9"])
        #expect(world.mostDown == [.controlPlane: 1, .worker: 1])
    }
}

/// Counts calls.
final class Counter {
    private var value = -1

    func next() -> Int {
        value += 1
        return value
    }
}

/// Fates by chance.
final class RandomFates {
    private var generator: SplitMix

    init(_ seed: UInt64) { generator = SplitMix(state: seed) }

    func next() -> UpgradeWorld.Fate {
        UpgradeWorld.Fate.allCases.randomElement(using: &generator) ?? .answered
    }
}
