// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// What becomes of clusters whose machines die or hang, and of those that are changed again on the way.
@Suite("End to end, hardship", .serialized, .timeLimit(.minutes(10)))
struct EndToEndHardshipTests {
    /// Every change takes a reboot.
    private static let reboots: JSONValue = ["rollout": ["mode": "Reboot"]]

    private static func sysctl(_ value: Int) -> JSONValue {
        ["patches": [["machine": ["sysctls": ["vm.swappiness": .string("\(value)")]]]]]
    }

    @Test("A control-plane node that dies in a roll-out keeps the others up; when it is back, it goes on")
    func deadControlPlane() async throws {
        try await EndToEndBench.run("e2e-dead") { bench in
            let process = try await bench.startOperator()
            try await bench.create(bench.document("alpha", controlPlane: 3, Self.reboots))
            let others = try await bench.traces(of: ["alpha-cp-1", "alpha-cp-2"], in: "alpha")

            // The one that is worked on does not come back by itself.
            try await bench.simulator.setCondition("boot-hangs", of: "alpha-cp-0", in: "alpha")
            try await bench.scenario.edit("alpha", Self.sysctl(1))
            try await bench.simulator.entry { $0["what"] == "down" && $0["why"] == "reboot" }
            try await bench.simulator.setPower(.off, of: "alpha-cp-0", in: "alpha")
            let waiting = try await bench.scenario.wait(for: "alpha") { cluster in
                cluster.node("alpha-cp-0")["stage"] == "unreachable" && !cluster.waits.isEmpty
            }
            #expect(waiting.life["steps"]?.array?.compactMap { $0["node"]?.string } == ["alpha-cp-0"])
            #expect(waiting.waits.contains { $0.hasPrefix("alpha-cp-0: ") }, "\(waiting.waits)")
            try await bench.looks(4, of: process)
            try await bench.expectUntouched(others, in: "alpha")
            try await bench.unhang("alpha-cp-0", in: "alpha")
            try await bench.running("alpha") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
            #expect(try await bench.traces(of: ["alpha-cp-1", "alpha-cp-2"], in: "alpha") != others)

            // Another one than the next is dead.
            try await bench.simulator.setPower(.off, of: "alpha-cp-2", in: "alpha")
            try await bench.scenario.wait(for: "alpha") { $0.node("alpha-cp-2")["stage"] == "unreachable" }
            let present = try await bench.traces(of: ["alpha-cp-0", "alpha-cp-1"], in: "alpha")
            try await bench.scenario.edit("alpha", Self.sysctl(2))
            try await bench.scenario.wait(for: "alpha") { cluster in
                cluster.life["plan"]?["count"] == 2 && cluster.waits.contains { $0.contains("alpha-cp-2") }
            }
            try await bench.looks(4, of: process)
            try await bench.expectUntouched(present, in: "alpha")
            try await bench.simulator.setPower(.on, of: "alpha-cp-2", in: "alpha")
            try await bench.running("alpha") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
            #expect(try await bench.traces(of: ["alpha-cp-0", "alpha-cp-1"], in: "alpha") != present)
        }
    }

    @Test("A dead worker counts as one that is unavailable, and holds up no more than that")
    func deadWorker() async throws {
        try await EndToEndBench.run("e2e-dead-worker") { bench in
            let process = try await bench.startOperator()
            let more = Self.reboots.mergePatched(with: ["rollout": ["maxUnavailable": 2]])
            try await bench.create(bench.document("bravo", controlPlane: 1, workers: 3, more))
            try await bench.simulator.setPower(.off, of: "bravo-w-1", in: "bravo")
            try await bench.scenario.wait(for: "bravo") { $0.node("bravo-w-1")["stage"] == "unreachable" }

            let living = ["bravo-cp-0", "bravo-w-0", "bravo-w-2"]
            let boots = try await bench.boots("bravo")
            try await bench.scenario.edit("bravo", Self.sysctl(1))
            try await bench.scenario.wait(for: "bravo") { cluster in
                cluster.isObserved && cluster.life["plan"] == nil && cluster.life["steps"] == nil
                    && living.allSatisfy { cluster.node($0)["config"] == "InSync" }
            }
            let after = try await bench.boots("bravo")
            for node in living { #expect(after[node] != boots[node], "\(node) was not rebooted") }
            #expect(after["bravo-w-1"] == boots["bravo-w-1"])

            let one: JSONValue = ["rollout": ["maxUnavailable": 1]]
            try await bench.scenario.edit("bravo", Self.sysctl(2).mergePatched(with: one))
            let waiting = try await bench.scenario.wait(for: "bravo") { cluster in
                cluster.node("bravo-cp-0")["config"] == "InSync" && cluster.life["plan"]?["count"] == 2
                    && cluster.waits.contains { $0.contains("bravo-w-1") }
            }
            #expect(waiting.waits.contains { $0.contains("at most 1 workers are unavailable already") })
            try await bench.looks(4, of: process)
            let held = try await bench.boots("bravo")
            for node in ["bravo-w-0", "bravo-w-2"] { #expect(held[node] == after[node], "\(node)") }

            try await bench.simulator.setPower(.on, of: "bravo-w-1", in: "bravo")
            try await bench.running("bravo") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
        }
    }

    @Test("A dead control-plane node whose Machine is deleted leaves etcd by its identity, and is replaced")
    func replaced() async throws {
        try await EndToEndBench.run("e2e-replaced") { bench in
            try await bench.startOperator()
            let before = try await bench.create(bench.document("charlie", controlPlane: 3))
            let member = try #require(before.node("charlie-cp-1")["etcd"]?["member"]?.string)
            let machine = try await bench.scenario.machine("charlie-cp-1")
            try await bench.simulator.setPower(.off, of: "charlie-cp-1", in: "charlie")
            try await bench.scenario.wait(for: "charlie") {
                $0.node("charlie-cp-1")["stage"] == "unreachable"
            }
            #expect(try await bench.members("charlie").contains(member), "a silent node stays a member")

            _ = try await bench.scenario.client.delete(
                StoredMachine.self, bench.scenario.key("charlie-cp-1"))
            let after = try await bench.running("charlie") { cluster in
                let now = cluster.node("charlie-cp-1")["etcd"]?["member"]?.string
                return now != nil && now != member && cluster.life["etcd"]?["voters"] == 3
            }
            #expect(after.nodes.count == 3)
            #expect(try await bench.scenario.machine("charlie-cp-1").metadata.uid != machine.metadata.uid)
            #expect(try await !bench.members("charlie").contains(member))
            #expect(try await bench.members("charlie").count == 3)
            #expect(try await bench.calls("EtcdRemoveMemberByID", in: "charlie", outcome: "OK") == 1)
            #expect(try await bench.changes("reset", in: "charlie").isEmpty)
            #expect(try await bench.simulator.state(of: "charlie")["bootstraps"]?.array?.count == 1)
        }
    }

    @Test("A node that takes connections and says nothing holds up nobody else, and its deadline comes")
    func hung() async throws {
        try await EndToEndBench.run("e2e-hung") { bench in
            var process = try await bench.startOperator("--max-concurrent-reconciles=2")
            try await bench.create(bench.document("delta", controlPlane: 3))
            try await bench.create(bench.document("echo", controlPlane: 1))
            try await bench.simulator.setCondition("boot-hangs", of: "delta-cp-0", in: "delta")
            try await bench.scenario.edit("delta", ["talosVersion": "v1.13.0"])
            try await bench.simulator.entry { $0["cluster"] == "delta" && $0["what"] == "upgraded" }
            try await bench.simulator.setPower(.blackHole, of: "delta-cp-0", in: "delta")

            // Others are changed and made as ever.
            try await bench.scenario.edit("echo", Self.sysctl(1))
            try await bench.running("echo") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
            try await bench.create(bench.document("foxtrot", controlPlane: 1))
            let waiting = try await bench.scenario.wait(for: "delta") { cluster in
                cluster.node("delta-cp-0")["stage"] == "unreachable"
                    && cluster.waits.contains { $0.hasPrefix("delta-cp-0: ") }
            }
            #expect(waiting.node("delta-cp-0")["problem"] == "it does not answer")
            #expect(!waiting.isHalted)
            let state = try await bench.simulator.state(of: "delta")
            #expect(state["nodes"]?["delta-cp-0"]?["power"] == "black-hole")

            // An operator that has not run for a while finds the time over.
            await process.kill()
            try await bench.backdate("delta", bySeconds: 3600)
            process = try await bench.startOperator()
            let halted = try await bench.scenario.wait(for: "delta", \.isHalted)
            #expect(halted.life["halt"]?["node"] == "delta-cp-0")
            #expect(halted.life["halt"]?["reason"] == "UpgradeFailed", "\(halted.haltReason ?? "")")
            #expect(try await bench.upgraded("delta") == ["delta-cp-0"])

            try await bench.unhang("delta-cp-0", in: "delta")
            try await bench.resume("delta")
            try await bench.running("delta") { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }
            #expect(try await bench.upgraded("delta") == ["delta-cp-0", "delta-cp-1", "delta-cp-2"])
        }
    }

    @Test(
        "A control plane grows from 1 to 3 and 5 and shrinks to 3, every time with its voters, and so do workers"
    )
    func scale() async throws {
        try await EndToEndBench.run("e2e-steps") { bench in
            try await bench.startOperator()
            var document = bench.document("golf", controlPlane: 1, ["deletion": ["reset": "Graceful"]])
            for (count, workers) in [(1, 0), (3, 2), (5, 1), (3, 2)] {
                (document.controlPlane, document.workers) = (count, [("w", workers)])
                try await bench.apply(document)
                let cluster = try await bench.running("golf") { $0.nodes.count == count + workers }
                #expect(cluster.life["etcd"]?["voters"] == .integer(Int64(count)))
                #expect(cluster.life["etcd"]?["learners"] == 0)
                #expect(try await bench.members("golf").count == count)
                #expect(try await bench.scenario.machines().count == count + workers)
            }
            for node in ["golf-cp-3", "golf-cp-4"] {
                let changes = try await bench.changes(of: node, in: "golf")
                let left = try #require(changes.lastIndex(of: "etcd-member-left"), "\(changes)")
                let reset = try #require(changes.lastIndex(of: "reset"), "\(changes)")
                let gone = try #require(changes.lastIndex(of: "machine-deleted"), "\(changes)")
                #expect(left < reset && reset < gone, "\(changes)")
            }
            #expect(try await bench.simulator.state(of: "golf")["bootstraps"]?.array?.count == 1)
        }
    }

    /// When a cluster is deleted, and how its nodes are to be reset.
    ///
    /// A machine that may be about to be installed is looked at for a minute before it counts as empty.
    private static let deletions =
        [("stage", "None"), ("bootstrapped", "Graceful")]
        + (EndToEndForm.isLong ? [("stage", "Graceful"), ("stage", "Force"), ("bootstrapped", "Force")] : [])

    @Test("A cluster that is deleted before it is there goes, and nothing of it stays", arguments: deletions)
    func deletedWhileCreated(at what: String, reset: String) async throws {
        try await EndToEndBench.run("e2e-deleted-early") { bench in
            try await bench.startOperator()
            let deletion: JSONValue = ["deletion": ["reset": .string(reset)]]
            try await bench.apply(bench.document("hotel", controlPlane: 3, workers: 1, deletion))
            try await bench.simulator.entry { entry in
                entry["what"]?.string == what && (what != "stage" || entry["stage"] == "installing")
            }
            try await bench.scenario.deleteCompletely("hotel")
            try await bench.expectNothingLeft(of: "hotel")
            for node in ["hotel-cp-0", "hotel-cp-1", "hotel-cp-2", "hotel-w-0"] {
                let changes = try await bench.changes(of: node, in: "hotel")
                #expect(changes.contains("machine-deleted"), "\(node): \(changes)")
            }
        }
    }

    @Test("A cluster that is deleted while Talos is upgraded goes, every node reset before its Machine")
    func deletedWhileUpgraded() async throws {
        try await EndToEndBench.run("e2e-deleted-late") { bench in
            try await bench.startOperator()
            let deletion: JSONValue = ["deletion": ["reset": "Graceful"]]
            try await bench.create(bench.document("india", controlPlane: 3, workers: 1, deletion))
            try await bench.simulator.setCondition("boot-hangs", of: "india-cp-0", in: "india")
            try await bench.scenario.edit("india", ["talosVersion": "v1.13.0"])
            try await bench.simulator.entry { $0["what"] == "upgraded" }
            let (client, key) = (bench.scenario.client, bench.scenario.key("india"))
            _ = try await client.delete(StoredCluster.self, key)
            try await bench.unhang("india-cp-0", in: "india")
            try await client.waitUntilGone(StoredCluster.self, key)
            try await bench.expectNothingLeft(of: "india")
            for node in ["india-cp-0", "india-cp-1", "india-cp-2", "india-w-0"] {
                let changes = try await bench.changes(of: node, in: "india")
                let reset = try #require(changes.lastIndex(of: "reset"), "\(node): \(changes)")
                #expect(try reset < #require(changes.lastIndex(of: "machine-deleted")), "\(node)")
            }
            #expect(try await bench.upgraded("india") == ["india-cp-0"], "nothing is begun any more")
        }
    }
}

extension EndToEndBench {
    /// Switches a machine off and on, which comes up now.
    func unhang(_ node: String, in cluster: String) async throws {
        try await simulator.setPower(.off, of: node, in: cluster)
        try await simulator.setCondition("boot-hangs", false, of: node, in: cluster)
        try await simulator.setPower(.on, of: node, in: cluster)
    }

    /// The members of etcd, voters or not, by their identities.
    func members(_ cluster: String) async throws -> [String] {
        try await simulator.state(of: cluster)["etcd"]?["members"]?.array?
            .compactMap { $0["id"]?.string } ?? []
    }

    /// Expects that a cluster that was deleted has left no Machine, no Secret and no power on.
    func expectNothingLeft(of name: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(try await scenario.machines().map(\.name) == [], sourceLocation: sourceLocation)
        #expect(try await scenario.secrets().keys.sorted() == [], sourceLocation: sourceLocation)
        let nodes = try await simulator.state(of: name)["nodes"]?.object?.members ?? []
        #expect(nodes.map(\.key) == [], sourceLocation: sourceLocation)
    }

    /// Lets everything that is under way have begun so much earlier, as if nobody had looked after it since.
    ///
    /// No operator may run meanwhile.
    func backdate(_ name: String, bySeconds seconds: Int) async throws {
        let cluster = try await scenario.cluster(name)
        let operations = cluster.life["record"]?["operations"]?.object?.members ?? []
        guard !operations.isEmpty else { throw Unexpected(description: "nothing is under way in \(name)") }
        let then = (SystemClock().timestamp + .seconds(-seconds)).rfc3339()
        for operation in operations {
            let times: JSONValue = ["started": .string(then), "since": .string(then)]
            let change = JSONValue.object([operation.key: times])
            _ = try await scenario.client.mergePatch(
                StoredCluster.self, cluster.key,
                ["status": ["lifecycle": ["record": ["operations": change]]]], subresource: .status)
        }
    }
}
