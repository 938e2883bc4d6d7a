// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Operator: deletion", .timeLimit(.minutes(15)))
struct DeletionTests {
    @Test("a deleted cluster leaves no Machine, no file and no series of metrics")
    func nothingIsLeft() async throws {
        try await Scenario.run("delete") { scenario in
            let process = try scenario.startOperator()
            try await scenario.create(ClusterDocument("gone", controlPlane: 3, workers: [("w", 2)]))
            try await scenario.create(ClusterDocument("stays"))
            try await scenario.complete("gone")
            try await scenario.complete("stays")
            let series = "talos_operator_machines_generated{cluster=\"gone\",role=\"worker\"}"
            #expect(try await process.metric(series) == 2)

            try await scenario.deleteCompletely("gone")
            #expect(try await scenario.machines().map(\.name) == ["stays-cp-0"])
            #expect(process.files(in: "gone") == nil)
            #expect(process.files(in: "stays") != nil)
            // When the operator knows of a later cluster, it knows that the other is gone.
            try await scenario.create(ClusterDocument("later"))
            try await scenario.complete("later")
            let metrics = try await process.metrics()
            #expect(!metrics.contains("\"gone\""))
            #expect(metrics.contains("\"stays\""))
        }
    }

    @Test("a cluster waits for its providers' finalizers, even over a restart of the operator")
    func providersFinalizers() async throws {
        try await Scenario.run("finalizers") { scenario in
            let first = try scenario.startOperator()
            let document = ClusterDocument("app", workers: [("w", 2)])
            try await scenario.create(document)
            try await scenario.complete("app")
            for name in ["app-cp-0", "app-w-1"] {
                try await scenario.patchMachine(name, ["metadata": ["finalizers": ["example.com/vm"]]])
            }
            _ = try await scenario.client.delete(StoredCluster.self, scenario.key("app"))
            try await scenario.waitForMachines { $0.map(\.name) == ["app-cp-0", "app-w-1"] }
            let waiting = try await scenario.wait(for: "app") { $0.status["machineCount"] == 2 }
            #expect(waiting.phase == "Deleting")
            #expect(waiting.verdict("Ready") == "False/Deleting")
            #expect(first.files(in: "app") != nil)
            #expect(await first.stop() == .exited(0))

            try await scenario.patchMachine("app-w-1", ["metadata": ["finalizers": .null]])
            let second = try scenario.startOperator(resultsPath: first.resultsPath)
            try await scenario.wait(for: "app") { $0.status["machineCount"] == 1 }
            #expect(second.files(in: "app") != nil)
            try await scenario.patchMachine("app-cp-0", ["metadata": ["finalizers": .null]])
            try await scenario.client.waitUntilGone(StoredCluster.self, scenario.key("app"))
            #expect(try await scenario.machines().isEmpty)
            #expect(second.files(in: "app") == nil)
        }
    }

    @Test("a deletion in the foreground comes to its end")
    func foreground() async throws {
        try await Scenario.run("foreground") { scenario in
            let process = try scenario.startOperator()
            try await scenario.create(ClusterDocument("app", workers: [("w", 2)]))
            try await scenario.complete("app")
            _ = try await scenario.client.delete(
                StoredCluster.self, scenario.key("app"), propagation: .foreground)
            try await scenario.client.waitUntilGone(StoredCluster.self, scenario.key("app"))
            #expect(try await scenario.machines().isEmpty)
            #expect(process.files(in: "app") == nil)
        }
    }

    @Test("the deletion of a whole namespace comes to its end")
    func namespace() async throws {
        try await Scenario.run("namespace") { scenario in
            let process = try scenario.startOperator()
            try await scenario.create(ClusterDocument("app", workers: [("w", 2)]))
            try await scenario.complete("app")
            let key = ObjectKey(namespace: "", name: scenario.namespace)
            _ = try await scenario.client.delete(Namespace.self, key)
            try await scenario.client.waitUntilGone(Namespace.self, key)
            #expect(process.files(in: "app") == nil)
            #expect(try await process.probe("/healthz").status == 200)
        }
    }

    @Test("a cluster whose specification became invalid, and whose files are gone, can be deleted")
    func invalidSpecification() async throws {
        try await Scenario.run("delete-invalid") { scenario in
            let process = try scenario.startOperator()
            try await scenario.create(ClusterDocument("app", workers: [("w", 1)]))
            try await scenario.complete("app")
            try await scenario.edit("app", InvalidSpecificationTests.overlap)
            try await scenario.wait(for: "app") { $0.verdict("TopologyValid") == "False/ValidationFailed" }
            _ = await (try Subprocess(["/bin/rm", "-r", "\(process.resultsPath)/app"])).ending()
            try await scenario.deleteCompletely("app")
            #expect(try await scenario.machines().isEmpty)
        }
    }
}
