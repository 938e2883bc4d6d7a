// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Sharding", .timeLimit(.minutes(15)))
struct OperatorShardingTests {
    /// Two shards by label in one namespace, both leading.
    private struct Shards {
        let scenario: Scenario
        let a: KnownOperator
        let b: KnownOperator

        init(_ scenario: Scenario, sharedResults: Bool = false) async throws {
            self.scenario = scenario
            a = try await Self.start("a", scenario, resultsPath: nil)
            b = try await Self.start("b", scenario, resultsPath: sharedResults ? a.process.resultsPath : nil)
            for shard in [a, b] { try await shard.waitUntilLeading() }
        }

        private static func start(
            _ name: String, _ scenario: Scenario, resultsPath: String?
        ) async throws -> KnownOperator {
            try await scenario.startKnownOperator(
                name,
                flags: LeaseTiming.endless.flags + [
                    "--leader-election-namespace", scenario.namespace, "--watch-label-selector",
                    "shard=\(name)", "--reconcile-interval=2s",
                ], resultsPath: resultsPath)
        }

        /// Gives a cluster to a shard, with changes to its specification if there are any.
        func move(_ cluster: String, to shard: String, _ spec: JSONValue = [:]) async throws {
            _ = try await scenario.client.mergePatch(
                StoredCluster.self, scenario.key(cluster),
                ["metadata": ["labels": ["shard": .string(shard)]], "spec": spec])
        }
    }

    private func document(_ name: String, shard: String?, workers: Int = 2) -> ClusterDocument {
        var document = ClusterDocument(name, controlPlane: 3, workers: [("w", workers)])
        if let shard { document.labels = ["shard": .string(shard)] }
        return document
    }

    @Test("two operators with disjoint label selectors hold a lease each and share the clusters")
    func labels() async throws {
        try await Scenario.run("shards") { scenario in
            let shards = try await Shards(scenario)
            let documents = (0..<6).map { document("c\($0)", shard: $0.isMultiple(of: 2) ? "a" : "b") }
            try await scenario.create(document("nobodys", shard: nil))
            for document in documents { try await scenario.create(document) }
            for document in documents { try await scenario.complete(document.name) }

            let holders = try await scenario.leaseHolders()
            #expect(Set(holders.keys).count == 2)
            #expect(Set(holders.values).count == 2 && !holders.values.contains(""))
            let machines = try await scenario.machines()
            #expect(machines.map(\.name) == documents.flatMap(\.machineNames).sorted())
            #expect(machines.allSatisfy { $0.metadata.labels["shard"] == nil })
            for (shard, remainder) in [(shards.a, 0), (shards.b, 1)] {
                let own = documents.enumerated().filter { $0.offset % 2 == remainder }.map(\.element)
                let writes = try await shard.writes()
                #expect(
                    Set(writes.map(\.name)) == Set(own.map(\.name) + own.flatMap(\.machineNames)), "\(writes)"
                )
                #expect(shard.process.files(in: ".") == own.map(\.name))
                for document in own {
                    try expectManifests(
                        shard.process, in: document.name,
                        equal: machines.filter { document.machineNames.contains($0.name) })
                }
                let clusters = try await shard.process.metric(
                    "talos_operator_clusters_total{phase=\"Provisioning\"}")
                #expect(clusters == 3)
            }
            let nobodys = try await scenario.cluster("nobodys")
            #expect(nobodys.metadata.finalizers.isEmpty && nobodys.status == .null)
            try await expectSecondaryWatch(shards)
        }
    }

    /// Expects that each shard repairs its clusters' Machines, which bear no label of a shard, and no other's.
    private func expectSecondaryWatch(_ shards: Shards) async throws {
        let scenario = shards.scenario
        for (shard, machine) in [(shards.a, "c0-w-0"), (shards.b, "c1-w-0")] {
            let before = try await (shards.a.writes().count, shards.b.writes().count)
            let uid = try await scenario.machine(machine).metadata.uid
            _ = try await scenario.client.delete(StoredMachine.self, scenario.key(machine))
            try await scenario.client.waitFor(StoredMachine.self, scenario.key(machine)) {
                $0.metadata.uid != uid
            }
            let after = try await (shards.a.writes().count, shards.b.writes().count)
            let isA = shard.user == shards.a.user
            #expect((after.0 > before.0) == isA && (after.1 > before.1) != isA, "\(machine)")
        }
    }

    @Test("a cluster whose label moves to another shard is handed over: nothing lost, nothing deleted")
    func handOver() async throws {
        try await Scenario.run("move") { scenario in
            let shards = try await Shards(scenario, sharedResults: true)
            try await scenario.create(document("app", shard: "a"))
            try await scenario.complete("app")
            let before = try await scenario.machines()

            try await shards.move("app", to: "b")
            await shards.b.waitUntilReconciled("app")
            #expect(try await scenario.machines().map(\.metadata) == before.map(\.metadata))
            // An apply of what is there already changes nothing.
            #expect(try await !shards.b.writes().contains { $0.isCreation || $0.verb == "delete" })
            try expectManifests(shards.b.process, in: "app", equal: before)

            let former = try await shards.a.writes().count
            let grown = document("app", shard: "b", workers: 4)
            try await scenario.edit("app", ["workers": ClusterDocument.workers(grown.workers)])
            try await scenario.waitForMachines(named: grown.machineNames)
            try await scenario.complete("app")
            let machines = try await scenario.machines()
            #expect(machines.prefix(5).map(\.metadata.uid) == before.map(\.metadata.uid))
            try expectManifests(shards.b.process, in: "app", equal: machines)
            #expect(try await shards.a.writes().count == former)

            // Back again, and away with it.
            let owner = try await shards.b.writes().count
            try await shards.move("app", to: "a")
            try await scenario.deleteCompletely("app")
            #expect(try await scenario.machines().isEmpty)
            #expect(shards.a.process.files(in: "app") == nil)
            #expect(try await shards.b.writes().count == owner)
        }
    }

    @Test("clusters that are moved to and fro while they grow get each Machine once")
    func restlessLabels() async throws {
        try await Scenario.run("restless") { scenario in
            let shards = try await Shards(scenario, sharedResults: true)
            let names = (0..<4).map { "c\($0)" }
            for name in names { try await scenario.create(document(name, shard: "a", workers: 1)) }
            for (round, shard) in ["b", "a", "b", "a", "b"].enumerated() {
                let workers = ClusterDocument.workers([("w", 2 + round * 3)])
                for name in names { try await shards.move(name, to: shard, ["workers": workers]) }
            }
            let wanted = names.flatMap { document($0, shard: "b", workers: 14).machineNames }
            try await scenario.waitForMachines(named: wanted)
            for name in names { try await scenario.complete(name) }
            let writes = try await shards.a.writes() + shards.b.writes()
            let creations = writes.filter { $0.isCreation && $0.resource == "machines" }.map(\.name)
            #expect(creations.sorted() == wanted.sorted())
            #expect(!writes.contains { $0.verb == "delete" })
            for name in names {
                let machines = try await scenario.machines().filter { $0.name.hasPrefix("\(name)-") }
                try await eventually {
                    Set(shards.b.process.files(in: name) ?? []).count == machines.count + 1
                }
                try expectManifests(shards.b.process, in: name, equal: machines)
            }
        }
    }

    @Test("two operators with disjoint namespaces hold a lease each and share the clusters")
    func namespaces() async throws {
        try await Scenario.run("space-a") { first in
            try await Scenario.run("space-b") { second in
                var shards: [KnownOperator] = []
                for scenario in [first, second] {
                    let shard = try await scenario.startKnownOperator(
                        "shard",
                        flags: LeaseTiming.endless.flags + ["--leader-election-namespace", first.namespace],
                        rights: scenario === first ? [] : [first])
                    shards.append(shard)
                }
                // The same names in both.
                for scenario in [first, second] { try await scenario.create(document("app", shard: nil)) }
                for (scenario, shard) in zip([first, second], shards) {
                    try await scenario.complete("app")
                    let machines = try await scenario.machines()
                    #expect(machines.map(\.name) == document("app", shard: nil).machineNames)
                    try expectManifests(shard.process, in: "app", equal: machines)
                    #expect(try await shard.writes().count(where: \.isCreation) == machines.count)
                }
                let holders = try await first.leaseHolders()
                #expect(Set(holders.keys).count == 2)
                #expect(Set(holders.values).count == 2 && !holders.values.contains(""))
                for (own, foreign) in [(first, shards[1]), (second, shards[0])] {
                    let writes = try await own.writes(of: foreign.user)
                    #expect(writes.allSatisfy { $0.resource == "leases" }, "\(writes)")
                }
            }
        }
    }
}
