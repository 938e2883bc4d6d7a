// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// What a cluster goes through from its first machine to its deletion.
struct EndToEndLife: Sendable {
    /// What the specification says for some time.
    struct Stage: Sendable {
        var name: String
        var controlPlane: Int
        var workers: Int
        /// Merged into the specification of the stage before.
        var spec: JSONValue = [:]
        /// Whether all nodes that stay have to boot for it, or none; nil if either may be.
        var boots: Bool?
        /// How often the installer has to run on every node that stays.
        var upgrades = 0
    }

    var name: String
    var stages: [Stage]

    /// Pods of which one may be missing at a time are on the workers.
    var hasWorkload = false

    static let edited = EndToEndLife(
        name: "edited",
        stages: [
            Stage(name: "3+2 nodes", controlPlane: 3, workers: 2),
            Stage(
                name: "edit without reboot", controlPlane: 3, workers: 2,
                spec: ["patches": [["machine": ["sysctls": ["vm.swappiness": "1"]]]]], boots: false),
            Stage(
                name: "edit with reboot", controlPlane: 3, workers: 2,
                spec: ["patches": [["machine": ["udev": ["rules": ["SUBSYSTEM==\"net\""]]]]]], boots: true),
        ], hasWorkload: true)

    static let scaled = EndToEndLife(
        name: "scaled",
        stages: [
            Stage(name: "1+1 nodes", controlPlane: 1, workers: 1),
            Stage(name: "3+2 nodes", controlPlane: 3, workers: 2, boots: false),
            Stage(name: "5+2 nodes", controlPlane: 5, workers: 2, boots: false),
            Stage(name: "3+1 nodes", controlPlane: 3, workers: 1, boots: false),
        ])

    static let upgraded = EndToEndLife(
        name: "upgraded",
        stages: [
            Stage(
                name: "3+2 nodes of Talos 1.12 and Kubernetes 1.33", controlPlane: 3, workers: 2,
                spec: ["kubernetesVersion": "v1.33.3"]),
            Stage(
                name: "Talos 1.13", controlPlane: 3, workers: 2, spec: ["talosVersion": "v1.13.0"],
                boots: true, upgrades: 1),
            Stage(
                name: "Kubernetes 1.34", controlPlane: 3, workers: 2, spec: ["kubernetesVersion": "v1.34.1"],
                boots: false),
        ], hasWorkload: true)

    static let hopping = EndToEndLife(
        name: "hopping",
        stages: [
            Stage(
                name: "3+1 nodes of Talos 1.11", controlPlane: 3, workers: 1,
                spec: ["kubernetesVersion": "v1.33.3", "talosVersion": "v1.11.5"]),
            Stage(
                name: "Talos 1.13", controlPlane: 3, workers: 1, spec: ["talosVersion": "v1.13.0"],
                boots: true, upgrades: 2),
        ])

    static let brief = EndToEndLife(
        name: "brief",
        stages: [
            Stage(name: "1+1 nodes", controlPlane: 1, workers: 1),
            Stage(
                name: "Talos 1.13", controlPlane: 1, workers: 1, spec: ["talosVersion": "v1.13.0"],
                boots: true, upgrades: 1),
        ])

    static let all = [edited, scaled, upgraded, hopping]

    /// The version that its machines come with.
    var talos: String { stages.first?.spec["talosVersion"]?.string ?? "v1.12.3" }
}

extension EndToEndLife {
    /// Lives through it while operators are killed, and says how many that took.
    func kill(at point: KillPoint) async throws {
        let clock = SystemClock()
        let start = clock.now
        let title = "killed \(point), \(name)"
        try await EndToEndBench.runHastily("e2e-sweep-kill", talos: talos) { bench in
            let killer = try await EndToEndKiller(bench, point)
            try await LivingCluster(bench: bench, life: self).live(title) { stage in
                try await killer.during(stage)
                return "\(killer.kills) operators killed so far"
            }
            EndToEndForm.tell(
                "\(title): all of it in \(Int((clock.now - start).seconds)) s, \(killer.kills) operators killed"
            )
            #expect(killer.kills >= stages.count)
        }
    }
}

extension EndToEndLife {
    /// Lives through it while answers of nodes are lost, and says how many were.
    func loseAnswers(_ moment: SimulatorFault.Moment, seed: UInt64) async throws {
        let clock = SystemClock()
        let start = clock.now
        let title = "lost \(moment), \(name), seed \(seed)"
        try await EndToEndBench.runHastily("e2e-sweep-lost", talos: talos, seed: seed) { bench in
            for method in EndToEndKiller.changes {
                try await bench.simulator.add(
                    SimulatorFault("/\(method)$", probability: 0.4, action: .cut(moment)))
            }
            try await bench.startOperator()
            try await LivingCluster(bench: bench, life: self).live(title) { stage in
                try await stage()
                let requests = try await bench.simulator.journal(kinds: ["request"])
                return "\(requests.count { $0["faults"] != nil }) answers lost so far"
            }
            EndToEndForm.tell("\(title): all of it in \(Int((clock.now - start).seconds)) s")
        }
    }
}

/// A cluster that lives through it.
struct LivingCluster: Sendable {
    let bench: EndToEndBench
    let life: EndToEndLife
    private static let name = "life"
    /// Operators that die all the time need long to empty a node.
    private static let policy: JSONValue = [
        "deletion": ["reset": "Graceful"], "rollout": ["drain": ["timeout": "2h"]],
    ]

    /// Lives through all of it, each stage as `during` lets it, and says how long it took and what `during` says.
    func live(
        _ title: String, during: (@escaping @Sendable () async throws -> Void) async throws -> String
    ) async throws {
        var document = bench.document(Self.name, controlPlane: 1, Self.policy)
        var (names, resets): ([String], [String]) = ([], [])
        for stage in life.stages {
            (document.controlPlane, document.workers) = (stage.controlPlane, [("w", stage.workers)])
            document.more = document.more.mergePatched(with: stage.spec)
            resets += Set(names).subtracting(document.machineNames)
            names = document.machineNames
            let next = document
            try await step("\(title), \(stage.name)") { try await during { try await reach(next, stage) } }
            let done = try await bench.changes("reset", in: Self.name).compactMap { $0["node"]?.string }
            #expect(done.sorted() == resets.sorted(), "\(stage.name)")
            if life.hasWorkload, stage.name == life.stages.first?.name {
                try await bench.simulator.addWorkload("shop", replicas: 2, minimum: 1, to: Self.name)
            }
        }
        try await step("\(title), deletion") {
            try await during { try await bench.scenario.deleteCompletely(Self.name) }
        }
        let done = try await bench.changes("reset", in: Self.name).compactMap { $0["node"]?.string }
        #expect(done.sorted() == (resets + names).sorted(), "deletion")
        #expect(try await bench.scenario.machines().isEmpty)
        #expect(try await bench.scenario.secrets().isEmpty)
        #expect(try await bench.changes("bootstrapped", in: Self.name).count == 1)
    }

    private func step(_ title: String, _ work: () async throws -> String) async throws {
        let clock = SystemClock()
        let start = clock.now
        let words = try await work()
        EndToEndForm.tell("\(title): \(Int((clock.now - start).seconds)) s, \(words)")
    }

    /// Writes what is wanted and waits until it is so.
    private func reach(_ document: ClusterDocument, _ stage: EndToEndLife.Stage) async throws {
        let isFirst = stage.name == life.stages.first?.name
        let before = isFirst ? [:] : try await bench.boots(Self.name)
        let upgrades = try await self.upgrades()
        try await bench.apply(document)
        let names = document.machineNames
        let cluster = try await bench.running(Self.name) { cluster in
            cluster.nodes.count == names.count
                && cluster.nodes.allSatisfy { node in
                    node["config"] == "InSync" && node["talos"] == document.more["talosVersion"]
                        && node["kubernetes"] == document.more["kubernetesVersion"]
                }
        }
        #expect(cluster.life["etcd"]?["voters"]?.integer == Int64(stage.controlPlane), "\(stage.name)")
        #expect(try await bench.scenario.machines().map(\.name) == names, "\(stage.name)")
        let after = try await bench.boots(Self.name)
        let done = try await self.upgrades()
        for node in names where before[node] != nil {
            if let boots = stage.boots { #expect((after[node] != before[node]) == boots, "\(node)") }
            #expect(done[node, default: 0] - upgrades[node, default: 0] == stage.upgrades, "\(node)")
        }
    }

    /// How often the installer has run on each node.
    private func upgrades() async throws -> [String: Int] {
        try await bench.changes("upgraded", in: Self.name).reduce(into: [:]) { counts, change in
            counts[change["node"]?.string ?? "", default: 0] += 1
        }
    }
}

extension EndToEndBench {
    /// Runs `body` on a wall clock that goes on by itself while nothing happens: an operator that has had no answer waits
    /// for minutes before it asks again.
    static func runHastily(
        _ purpose: String, talos: String, seed: UInt64 = 0,
        _ body: @escaping @Sendable (EndToEndBench) async throws -> Void
    ) async throws {
        let wallClock = try await WallClock()
        try await run(purpose, talos: talos, seed: seed, wallClock: wallClock) { bench in
            try await accompanied(by: { try await bench.pass(wallClock) }) { try await body(bench) }
        }
    }

    /// Lets time pass with every look at machines that finds nothing changed, and the faster the more of them there were.
    private func pass(_ wallClock: WallClock) async throws {
        var (last, offset, idle): (Int64, Int64, Int64) = (0, 0, 0)
        while true {
            // A pace, which waits for nothing: operators look once a second.
            try await SystemClock().sleep(for: .milliseconds(500))
            let entries = try await simulator.journal(since: last)
            guard let number = entries.last?["number"]?.integer else { continue }
            last = number
            idle = entries.allSatisfy { $0["kind"] == "request" } ? idle + 1 : 0
            if idle > 0 {
                offset += min(max(idle - 2, 1), 8) * 15
                try wallClock.set(seconds: offset)
            }
        }
    }
}

/// Does `work` with `companion` at its side, which ends with it, or ends it by an error.
func accompanied(
    by companion: @escaping @Sendable () async throws -> Void,
    _ work: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
            try await companion()
            return false
        }
        group.addTask {
            try await work()
            return true
        }
        defer { group.cancelAll() }
        while try await group.next() == false {}
    }
}
