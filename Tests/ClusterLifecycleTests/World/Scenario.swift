// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import TestSupport
import Testing

/// Something that a user does, or that befalls the machines.
struct Edit: Sendable {
    let name: String
    let change: @Sendable (inout World) -> Void
}

/// A cluster, and what happens to it one after the other, each when what was before is done.
struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String
    var specification: Specification
    var edits: [Edit] = []
    /// Whether there are always two nodes that pods may run on, so that a disruption budget can be kept.
    var hasBudget = false
    /// Whether a halt is to be expected in it.
    var mayHalt = false
    /// Whether it is about how the cluster comes up.
    var isFromNothing = false

    var testDescription: String { name }

    init(
        _ name: String, _ controlPlane: Int, _ workers: Int, talos: Int = 12, kubernetes: Int = 34,
        _ change: (inout Specification) -> Void = { _ in }
    ) {
        self.name = name
        specification = Specification(
            controlPlane: controlPlane, workers: workers, talos: Release(minor: talos),
            kubernetes: Release(minor: kubernetes))
        change(&specification)
        hasBudget = workers > 1 || workers == 0 && controlPlane > 1
    }

    func fromNothing() -> Scenario { with { $0.isFromNothing = true } }
    func halting() -> Scenario { with { $0.mayHalt = true } }

    /// The user writes something else.
    func then(_ name: String, _ change: @escaping @Sendable (inout Specification) -> Void) -> Scenario {
        happening(name) { change(&$0.management.specification) }
    }

    func happening(_ name: String, _ change: @escaping @Sendable (inout World) -> Void) -> Scenario {
        with { $0.edits.append(Edit(name: name, change: change)) }
    }

    private func with(_ change: (inout Scenario) -> Void) -> Scenario {
        var next = self
        change(&next)
        return next
    }

    func world(_ seed: UInt64) -> World {
        var world = World(seed: seed, specification)
        world.kubernetes.apps = [
            .init(name: "web", replicas: 3, minAvailable: hasBudget ? 2 : nil),
            .init(name: "batch", replicas: 2, minAvailable: nil),
        ]
        world.trace.isKept = false
        return world
    }

    /// The cluster as it is when this begins: there, but for a scenario that is about how it comes up.
    func start(_ planner: Planner = .real, seed: UInt64) -> Checker {
        var checker = Checker(planner, self, seed: seed)
        guard !isFromNothing else { return checker }
        checker.edits = []
        checker.run()
        return checker.going(edits, seed: seed &+ 1, mayHalt: mayHalt)
    }
}

extension Planner {
    static let real = Planner(
        decide: { LifecyclePlanner.decide($0) },
        absorb: { LifecyclePlanner.absorb($0, of: $1, $2, &$3) })
}

extension Scenario {
    static let creations = [
        Scenario("create 1+0", 1, 0).fromNothing(), Scenario("create 1+1", 1, 1).fromNothing(),
        Scenario("create 3+2", 3, 2).fromNothing(), Scenario("create 5+0", 5, 0).fromNothing(),
    ]

    static let configurations = [
        Scenario("config without a reboot", 3, 2).then("live") { $0.live = 1 },
        Scenario("config with a reboot", 3, 2).then("reboot") { $0.rebooting = 1 },
        Scenario("config of a single node", 1, 0).then("live") { $0.live = 1 }.then("reboot") {
            $0.rebooting = 1
        },
        Scenario("config of many workers", 1, 5) { $0.policy.rollout.maxUnavailable = .percent(40) }
            .then("reboot") { $0.rebooting = 1 },
        Scenario("config with approval", 3, 1) { $0.policy.rollout.approval = .manual }
            .then("live") { $0.live = 1 }.then("reboot") { $0.rebooting = 1 },
        Scenario("config in windows", 3, 1) {
            $0.policy.windows = [MaintenanceWindow(days: [], opensAt: 840, duration: .seconds(3600))]
        }.then("reboot") { $0.rebooting = 1 },
        Scenario("config by reboot", 3, 1) { $0.policy.rollout.mode = .reboot }.then("live") { $0.live = 1 },
    ]

    static let scales = [
        Scenario("control plane 1, 3, 5, 3, 1", 1, 1).then("3") { $0.controlPlane = 3 }
            .then("5") { $0.controlPlane = 5 }.then("3") { $0.controlPlane = 3 }.then("1") {
                $0.controlPlane = 1
            },
        Scenario("workers 1, 4, 2, 0", 1, 1).then("4") { $0.workers = 4 }.then("2") { $0.workers = 2 }
            .then("0") { $0.workers = 0 },
        Scenario("scale with reset", 5, 3) {
            $0.policy.deletion.reset = .graceful
            $0.policy.deletion.wipe = .ephemeral
        }.then("3+1") { ($0.controlPlane, $0.workers) = (3, 1) },
        Scenario("scale with forced reset", 3, 2) { $0.policy.deletion.reset = .force }
            .then("1+1") { ($0.controlPlane, $0.workers) = (1, 1) },
        Scenario("a control-plane machine is replaced", 3, 1).happening("new machine") {
            if $0.canLose("cp-1") { $0.replaceMachine("cp-1") }
        },
        Scenario("a worker's machine is replaced", 3, 2).happening("new machine") {
            $0.replaceMachine("w-1")
        },
    ]

    static let deletions = DeletionPolicy.Reset.allCases.flatMap { reset in
        [(1, 0), (3, 2)].map { size in
            Scenario("delete \(size.0)+\(size.1), reset \(reset.rawValue)", size.0, size.1) {
                $0.policy.deletion.reset = reset
            }.then("delete") { $0.isDeleted = true }
        }
    }

    static let upgrades = [
        Scenario("Talos 1.12 to 1.13", 3, 2).then("1.13") { $0.talos = Release(minor: 13) },
        Scenario("Talos 1.11 to 1.13", 3, 2, talos: 11, kubernetes: 33).then("1.13") {
            $0.talos = Release(minor: 13)
        },
        Scenario("Talos 1.13.0 to 1.13.1", 3, 1, talos: 13).then("1.13.1") {
            $0.talos = Release(minor: 13, patch: 1)
        },
        Scenario("Talos 1.6 to 1.7, one node", 1, 0, talos: 6, kubernetes: 28).then("1.7") {
            $0.talos = Release(minor: 7)
        },
        Scenario("Talos 1.6 to 1.7", 3, 1, talos: 6, kubernetes: 28).then("1.7") {
            $0.talos = Release(minor: 7)
        },
        Scenario("Talos 1.7 to 1.9, staged", 3, 1, talos: 7, kubernetes: 29) {
            $0.policy.upgrade.stage = true
        }
        .then("1.9") { $0.talos = Release(minor: 9) },
        Scenario("other extensions", 3, 2, talos: 13).then("schematic") { $0.schematic = "tools" },
        Scenario("Talos with a snapshot", 3, 0, talos: 12) { $0.policy.upgrade.snapshot = true }
            .then("1.13") { $0.talos = Release(minor: 13) },
        Scenario("Talos with approval", 3, 1) { $0.policy.rollout.approval = .manual }
            .then("1.13") { $0.talos = Release(minor: 13) },
        Scenario("Kubernetes 1.34 to 1.35", 3, 2).then("1.35") { $0.kubernetes = Release(minor: 35) },
        Scenario("Kubernetes of one node", 1, 0).then("1.35") { $0.kubernetes = Release(minor: 35) },
        Scenario("Talos, Kubernetes, config, size", 3, 1, talos: 12).then("all") {
            $0.talos = Release(minor: 13)
            $0.kubernetes = Release(minor: 35)
            $0.live = 1
            $0.workers = 2
        },
        Scenario("Talos with many workers", 1, 6) { $0.policy.rollout.maxUnavailable = .count(3) }
            .then("1.13") { $0.talos = Release(minor: 13) },
    ]

    /// What a user thinks better of, mostly while it is under way.
    static let secondThoughts = [
        Scenario("Talos on, back and on again", 3, 1).halting()
            .then("1.13") { $0.talos = Release(minor: 13) }
            .then("1.12") { $0.talos = Release(minor: 12) }
            .then("1.13 again") { $0.talos = Release(minor: 13) },
        Scenario("Kubernetes on, back and on again", 3, 1)
            .then("1.34.2") { $0.kubernetes = Release(minor: 34, patch: 2) }
            .then("1.34.0") { $0.kubernetes = Release(minor: 34) }
            .then("1.35") { $0.kubernetes = Release(minor: 35) },
        Scenario("Talos, then fewer nodes", 5, 3) { $0.policy.deletion.reset = .force }
            .then("1.13") { $0.talos = Release(minor: 13) }
            .then("3+2") { ($0.controlPlane, $0.workers) = (3, 2) }
            .then("3+3") { $0.workers = 3 },
        Scenario("Talos, then none of it", 3, 2) { $0.policy.deletion.reset = .graceful }
            .then("1.13") { $0.talos = Release(minor: 13) }.then("delete") { $0.isDeleted = true },
        Scenario("config after config", 3, 2).then("1") { $0.rebooting = 1 }.then("2") { $0.rebooting = 2 }
            .then("3") { ($0.rebooting, $0.live) = (3, 1) },
        Scenario("config after config with approval", 3, 1) { $0.policy.rollout.approval = .manual }
            .then("1") { $0.rebooting = 1 }.then("2") { $0.rebooting = 2 }.then("3") { $0.live = 1 },
        Scenario("fewer and more again", 5, 1) { $0.policy.deletion.reset = .force }
            .then("3") { $0.controlPlane = 3 }.then("5") { $0.controlPlane = 5 },
    ]

    /// Where each of them begins.
    static let starts = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0.start(seed: 1)) })

    static let all = creations + configurations + scales + deletions + upgrades + secondThoughts
}
