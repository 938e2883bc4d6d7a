// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// Upgrades of Talos that are long, that go wrong, and whose operator does not stay.
@Suite("End to end, upgrades", .serialized, .timeLimit(.minutes(10)))
struct EndToEndUpgradeTests {
    @Test("From Talos 1.11 to 1.13 every node goes to 1.12 before any goes on, and the status tells of it")
    func twoHops() async throws {
        try await EndToEndBench.run("e2e-hops", talos: "v1.11.2") { bench in
            try await bench.startOperator()
            let old: JSONValue = ["talosVersion": "v1.11.2", "upgrade": ["hops": ["v1.12": "v1.12.4"]]]
            try await bench.create(bench.document("alpha", controlPlane: 3, workers: 1, old))
            let nodes = ["alpha-cp-0", "alpha-cp-1", "alpha-cp-2", "alpha-w-0"]

            try await bench.scenario.edit("alpha", ["talosVersion": "v1.13.0"])
            let first = try await bench.scenario.wait(for: "alpha") {
                $0.life["state"] == "UpgradingTalos" && $0.life["plan"]?["count"] == 4
            }
            #expect(first.life["plan"]?["items"]?.array?.compactMap { $0["node"]?.string } == nodes)
            #expect(
                first.life["plan"]?["items"]?.array?.allSatisfy {
                    $0["summary"] == "Talos v1.11.2 to v1.13.0"
                }
                    == true)
            let between = try await bench.scenario.wait(for: "alpha") {
                $0.life["talos"]?["lowest"] == "v1.12.4"
            }
            #expect(between.life["plan"]?["items"]?.array?.first?["summary"] == "Talos v1.12.4 to v1.13.0")
            try await bench.running("alpha") { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }

            let upgrades = try await bench.changes("upgraded", in: "alpha")
            #expect(
                upgrades.compactMap { $0["version"]?.string }
                    == Array(repeating: "v1.12.4", count: 4) + Array(repeating: "v1.13.0", count: 4))
            for hop in [upgrades.prefix(4), upgrades.suffix(4)] {
                #expect(hop.compactMap { $0["node"]?.string }.sorted() == nodes)
                #expect(hop.last?["node"] == "alpha-w-0")
            }
        }
    }

    @Test("A leader that is killed, and one that is told to stop, leave an upgrade to others, each node once")
    func takenOver() async throws {
        try await EndToEndBench.run("e2e-takeover") { bench in
            let first = try await bench.startStandby()
            await first.logLine("Leading")
            let second = try await bench.startStandby()
            await second.logLine("Lease holder")
            try await bench.create(bench.document("bravo", controlPlane: 3))
            let held = try await bench.simulator.add(
                SimulatorFault("/Upgrade$", node: "bravo-cp-1", action: .hold))

            try await bench.scenario.edit("bravo", ["talosVersion": "v1.13.0"])
            try await bench.simulator.entry { $0["stage"] == "upgrading" }
            await first.kill()
            await second.logLine("Leading")
            let third = try await bench.startStandby()
            await third.logLine("Lease holder")
            let after = try await bench.upgraded("bravo").count
            #expect((0...1).contains(after), "the first was killed in the middle of the first node")

            try await bench.simulator.entry {
                $0["node"] == "bravo-cp-1" && $0["method"]?.string?.hasSuffix("/Upgrade") == true
            }
            #expect(try await bench.upgraded("bravo") == ["bravo-cp-0"])
            try await bench.simulator.removeFault(held)
            await second.stop()
            await third.logLine("Leading")
            try await bench.running("bravo") { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }
            let upgraded = try await bench.upgraded("bravo")
            #expect(upgraded.sorted() == ["bravo-cp-0", "bravo-cp-1", "bravo-cp-2"])
            #expect(upgraded == Array(Set(upgraded)).sorted(), "one after the other, in order")
        }
    }

    @Test("A node that goes back to what it ran halts the upgrade, no other is touched, and resuming goes on")
    func rolledBack() async throws {
        try await EndToEndBench.run("e2e-rollback") { bench in
            let process = try await bench.startOperator()
            try await bench.create(bench.document("charlie", controlPlane: 3))
            try await bench.simulator.setCondition("upgrade-rolls-back", of: "charlie-cp-0", in: "charlie")
            let others = try await bench.traces(of: ["charlie-cp-1", "charlie-cp-2"], in: "charlie")

            try await bench.scenario.edit("charlie", ["talosVersion": "v1.13.0"])
            let halted = try await bench.scenario.wait(for: "charlie", \.isHalted)
            #expect(halted.life["halt"]?["reason"] == "UpgradeRolledBack")
            #expect(halted.life["halt"]?["node"] == "charlie-cp-0")
            #expect(halted.verdict("Halted") == "True/Halted")
            try await bench.looks(4, of: process)
            try await bench.expectUntouched(others, in: "charlie", but: "config-applied")
            #expect(try await bench.upgraded("charlie") == ["charlie-cp-0"])
            #expect(try await bench.changes("rolled-back", in: "charlie").count == 1)

            try await bench.resume("charlie")
            try await bench.running("charlie") { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }
            #expect(
                try await bench.upgraded("charlie") == [
                    "charlie-cp-0", "charlie-cp-0", "charlie-cp-1", "charlie-cp-2",
                ])
            try await bench.expectSchedulable("charlie")
        }
    }

    @Test(
        "A node whose disk is full halts the upgrade there, before it is emptied or after, and then goes on")
    func fullDisk() async throws {
        try await EndToEndBench.run("e2e-disk") { bench in
            let process = try await bench.startOperator()
            try await bench.create(bench.document("delta", controlPlane: 1, workers: 2))
            try await bench.simulator.setCondition("full-disk", of: "delta-w-0", in: "delta")
            let other = try await bench.traces(of: ["delta-w-1"], in: "delta")

            // There is no room for the image.
            try await bench.scenario.edit("delta", ["talosVersion": "v1.13.0"])
            let early = try await bench.scenario.wait(for: "delta", \.isHalted)
            #expect(early.life["halt"]?["reason"] == "ImagePullFailed")
            #expect(early.life["halt"]?["node"] == "delta-w-0")
            try await bench.expectSchedulable("delta")

            // There is, and none for what is in it.
            let held = try await bench.simulator.add(
                SimulatorFault("/Upgrade$", node: "delta-w-0", action: .hold))
            try await bench.simulator.setCondition("full-disk", false, of: "delta-w-0", in: "delta")
            try await bench.resume("delta")
            try await bench.simulator.entry {
                $0["node"] == "delta-w-0" && $0["method"]?.string?.hasSuffix("/Upgrade") == true
            }
            try await bench.simulator.setCondition("full-disk", of: "delta-w-0", in: "delta")
            try await bench.simulator.removeFault(held)
            let late = try await bench.scenario.wait(for: "delta", \.isHalted)
            #expect(late.life["halt"]?["reason"] == "UpgradeRolledBack", "\(late.haltReason ?? "")")
            #expect(late.life["halt"]?["node"] == "delta-w-0")
            try await bench.looks(4, of: process)
            try await bench.expectUntouched(other, in: "delta", but: "config-applied")
            #expect(try await bench.upgraded("delta") == ["delta-cp-0"])
            #expect(try await bench.changes("upgrade-failed", in: "delta").count == 1)

            try await bench.simulator.setCondition("full-disk", false, of: "delta-w-0", in: "delta")
            try await bench.resume("delta")
            try await bench.running("delta") { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }
            #expect(try await bench.upgraded("delta") == ["delta-cp-0", "delta-w-0", "delta-w-1"])
            try await bench.expectSchedulable("delta")
        }
    }

    @Test(
        "An alarm of etcd keeps every node as it is, the status says which, and without it the upgrade begins"
    )
    func alarm() async throws {
        try await EndToEndBench.run("e2e-alarm") { bench in
            let process = try await bench.startOperator()
            try await bench.create(bench.document("echo", controlPlane: 1, workers: 1))
            try await bench.simulator.setAlarm("NOSPACE", of: "echo-cp-0", in: "echo")
            let before = try await bench.traces(of: ["echo-cp-0", "echo-w-0"], in: "echo")

            try await bench.scenario.edit("echo", ["talosVersion": "v1.13.0"])
            let waiting = try await bench.scenario.wait(for: "echo") { cluster in
                cluster.waits.contains { $0.contains("NOSPACE") }
            }
            #expect(waiting.life["etcd"]?["alarms"]?.array?.count == 1)
            try await bench.looks(4, of: process)
            try await bench.expectUntouched(before, in: "echo", but: "config-applied")
            #expect(try await bench.calls("Upgrade", in: "echo") == 0)
            try await bench.expectSchedulable("echo")

            try await bench.simulator.setAlarm("NOSPACE", false, of: "echo-cp-0", in: "echo")
            try await bench.running("echo") { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }
        }
    }
}

extension EndToEndBench {
    /// Starts an operator that leads when nobody else does.
    func startStandby() async throws -> OperatorProcess {
        try await startOperator(
            "--leader-elect", "--leader-election-lease-duration=8s", "--leader-election-renew-deadline=6s",
            "--leader-election-retry-period=1s", "--leader-election-namespace=\(scenario.namespace)")
    }

    /// The nodes that have got another Talos, in order, each as often as it has.
    func upgraded(_ cluster: String) async throws -> [String] {
        try await changes("upgraded", in: cluster).compactMap { $0["node"]?.string }
    }

    /// All that has become of each of these nodes.
    func traces(of nodes: [String], in cluster: String) async throws -> [String: [String]] {
        var traces: [String: [String]] = [:]
        for node in nodes { traces[node] = try await changes(of: node, in: cluster) }
        return traces
    }

    /// Expects that nothing has become of these nodes since their traces were taken, `but` what is named.
    ///
    /// Before Talos is upgraded the node's configuration names another installer, which changes nothing else.
    func expectUntouched(
        _ traces: [String: [String]], in cluster: String, but allowed: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let now = try await self.traces(of: traces.keys.sorted(), in: cluster)
        for (node, trace) in traces {
            let new = now[node]?.dropFirst(trace.count).filter { $0 != allowed }
            #expect(new == [], "\(node)", sourceLocation: sourceLocation)
        }
    }

    /// Says that a cluster that has halted is to go on, and waits until it does.
    func resume(_ name: String) async throws {
        try await annotate(name, ["cluster.vitistack.io/resume": .string("\(SystemClock().timestamp)")])
        try await scenario.wait(for: name) { !$0.isHalted }
    }

    /// Expects that pods may run on every node.
    func expectSchedulable(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let nodes = try await workload(name).list(WorkloadNode.self, ObjectSelection()).items
        #expect(!nodes.isEmpty, sourceLocation: sourceLocation)
        let cordoned = nodes.filter { $0.spec("unschedulable")?.bool == true }
        #expect(cordoned.map(\.name) == [], sourceLocation: sourceLocation)
    }
}
