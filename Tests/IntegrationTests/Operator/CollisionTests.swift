// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Operator: name collisions", .timeLimit(.minutes(15)))
struct CollisionTests {
    @Test("of two clusters with equal Machine names the first keeps its own, the second says whose they are")
    func equalMachineNames() async throws {
        try await Scenario.run("collide") { scenario in
            let process = try scenario.startOperator()
            try await scenario.create(ClusterDocument("a", workers: [("b-c", 1)]))
            let first = try await scenario.complete("a")
            let contested = try await scenario.machine("a-b-c-0")

            try await scenario.create(ClusterDocument("a-b", workers: [("c", 2)]))
            let second = try await scenario.wait(for: "a-b") { $0.isObserved }
            #expect(second.verdict("MachinesCreated") == "False/CreationFailed")
            let message = second.condition("MachinesCreated")["message"]?.string ?? ""
            #expect(message.contains("a-b-c-0") && message.contains("KubernetesCluster a"), "\(message)")
            try await scenario.event(about: "a-b", reason: "CreationFailed")
            #expect(
                try await scenario.machines().map(\.name) == ["a-b-c-0", "a-b-c-1", "a-b-cp-0", "a-cp-0"])
            #expect(process.files(in: "a-b") == [".talos-operator.json", "a-b-c-1.yaml", "a-b-cp-0.yaml"])
            // The first is not disturbed.
            #expect(try await scenario.machine("a-b-c-0").metadata == contested.metadata)
            #expect(try await scenario.cluster("a").metadata == first.metadata)

            // Once it is gone, the name is free.
            try await scenario.deleteCompletely("a")
            try await scenario.complete("a-b")
            let owner = try await scenario.machine("a-b-c-0").metadata.controller
            #expect(owner?.uid == second.metadata.uid)
        }
    }

    @Test("two clusters of one clusterName: the deletion of the second leaves the first alone")
    func oneClusterName() async throws {
        try await Scenario.run("same-name") { scenario in
            let process = try scenario.startOperator()
            try await scenario.create(ClusterDocument("one"))
            try await scenario.complete("one")
            var document = ClusterDocument("two")
            document.clusterName = "one"
            try await scenario.create(document)
            try await scenario.wait(for: "two") { $0.verdict("MachinesCreated") == "False/CreationFailed" }
            try await scenario.deleteCompletely("two")
            try expectManifests(process, in: "one", equal: try await scenario.machines())
            #expect(try await scenario.machines().map(\.name) == ["one-cp-0"])
        }
    }

    @Test("a Machine that nobody controls is not adopted; when it is gone, the cluster's own is made")
    func uncontrolledMachine() async throws {
        try await Scenario.run("uncontrolled") { scenario in
            try scenario.startOperator()
            let foreign = try await scenario.client.create(
                StoredMachine.self,
                TestResources.object(StoredMachineKind.definition, "app-cp-0", [:], nil, ["spec": [:]]),
                namespace: scenario.namespace)
            try await scenario.create(ClusterDocument("app"))
            let cluster = try await scenario.wait(for: "app", \.isObserved)
            #expect(cluster.verdict("MachinesCreated") == "False/CreationFailed")
            #expect(try await scenario.machine("app-cp-0").metadata == foreign.metadata)
            _ = try await scenario.client.delete(StoredMachine.self, foreign.key)
            try await scenario.complete("app")
            #expect(try await scenario.machine("app-cp-0").metadata.controller?.uid == cluster.metadata.uid)
        }
    }

    @Test("operators that share a results path leave each other's directories alone")
    func sharedResultsPath() async throws {
        try await Scenario.run("share-a") { first in
            try await Scenario.run("share-b", on: first.controlPlane) { second in
                let one = try first.startOperator()
                try await first.create(ClusterDocument("app"))
                try await first.complete("app")
                let two = try second.startOperator(resultsPath: one.resultsPath)
                try await second.create(ClusterDocument("app"))
                try await second.complete("app")
                let directory = "app.\(second.namespace)"
                try expectManifests(one, in: "app", equal: try await first.machines())
                try expectManifests(two, in: directory, equal: try await second.machines())
                try await second.deleteCompletely("app")
                #expect(two.files(in: directory) == nil)
                try expectManifests(one, in: "app", equal: try await first.machines())
            }
        }
    }

    @Test("operators with label selectors share a namespace")
    func shards() async throws {
        try await Scenario.run("shards") { scenario in
            let processes = try ["a", "b"].map {
                try scenario.startOperator("--watch-label-selector", "shard=\($0)")
            }
            for shard in ["a", "b"] {
                var document = ClusterDocument("in-\(shard)")
                document.labels = ["shard": .string(shard)]
                try await scenario.create(document)
            }
            for (shard, process) in zip(["a", "b"], processes) {
                try await scenario.complete("in-\(shard)")
                #expect(try FileSystem.list(process.resultsPath) == ["in-\(shard)"])
            }
            #expect(try await scenario.machines().map(\.name) == ["in-a-cp-0", "in-b-cp-0"])
        }
    }

    @Test("two namespaces with one cluster name have directories of their own")
    func twoNamespaces() async throws {
        try await Scenario.run("space-a") { first in
            try await Scenario.run("space-b", on: first.controlPlane) { second in
                let process = try first.startOperator("--watch-namespace", second.namespace)
                try await first.create(ClusterDocument("app"))
                try await first.complete("app")
                try await second.create(ClusterDocument("app", workers: [("w", 1)]))
                try await second.complete("app")
                let directory = "app.\(second.namespace)"
                try expectManifests(process, in: "app", equal: try await first.machines())
                try expectManifests(process, in: directory, equal: try await second.machines())

                try await first.deleteCompletely("app")
                #expect(process.files(in: "app") == nil)
                try expectManifests(process, in: directory, equal: try await second.machines())
                #expect(try await second.machines().count == 2)
            }
        }
    }
}
