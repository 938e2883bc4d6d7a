// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Operator: invalid specifications", .timeLimit(.minutes(15)))
struct InvalidSpecificationTests {
    /// What a CRD cannot see.
    static let overlap: JSONValue = ["podSubnets": ["10.0.0.0/8"], "serviceSubnets": ["10.96.0.0/12"]]

    @Test("a specification that only the operator can refuse fails once, tells why once, and is not retried")
    func refusal() async throws {
        try await Scenario.run("invalid") { scenario in
            let process = try scenario.startOperator("--reconcile-interval=1s")
            var document = ClusterDocument("bad")
            document.more = Self.overlap
            try await scenario.create(document)
            let cluster = try await scenario.wait(for: "bad", \.isObserved)
            #expect(cluster.phase == "Failed")
            #expect(cluster.verdict("TopologyValid") == "False/ValidationFailed")
            #expect(cluster.verdict("Ready") == "False/ValidationFailed")
            let message = cluster.condition("TopologyValid")["message"]?.string ?? ""
            #expect(message.contains("spec.serviceSubnets[0]") || message.contains("spec.podSubnets[0]"))
            #expect(try await scenario.machines().isEmpty)
            try await scenario.event(about: "bad", reason: "ValidationFailed")

            // A neighbour is looked at several times meanwhile; this one is not.
            try await scenario.create(ClusterDocument("good"))
            try await scenario.complete("good")
            await process.logLines("Reconciled", count: 4)
            let failures = process.process.lines.filter { $0.contains("\"Reconcile failed for good\"") }
            #expect(failures.count == 1)
            let events = try await scenario.events(about: "bad")
            #expect(events.count == 1)
            #expect(events.first?.document["count"]?.integer == 1)
            #expect(try await scenario.cluster("bad").metadata == cluster.metadata)

            try await scenario.edit("bad", ["podSubnets": ["10.244.0.0/16"]])
            let corrected = try await scenario.complete("bad")
            #expect(corrected.verdict("TopologyValid") == "True/ValidationSucceeded")
            #expect(corrected.phase == "Provisioning")
        }
    }

    @Test("the Machines of a cluster that becomes invalid are left alone")
    func existingMachines() async throws {
        try await Scenario.run("became-invalid") { scenario in
            let process = try scenario.startOperator()
            try await scenario.create(ClusterDocument("app", workers: [("w", 2)]))
            try await scenario.complete("app")
            let machines = try await scenario.machines()
            try await scenario.edit(
                "app", Self.overlap.mergePatched(with: ["workers": ClusterDocument.workers([("w", 1)])]))
            let cluster = try await scenario.wait(for: "app", \.isObserved)
            #expect(cluster.verdict("TopologyValid") == "False/ValidationFailed")
            #expect(cluster.phase == "Failed")
            #expect(cluster.status["machineCount"] == 3)
            #expect(try await scenario.machines().map(\.metadata) == machines.map(\.metadata))
            try expectManifests(process, in: "app", equal: machines)
        }
    }

    @Test("a Machine that the API server refuses keeps no other from being made, and is tried again")
    func refusedMachine() async throws {
        try await Scenario.run("refused") { scenario in
            let process = try scenario.startOperator()
            var document = ClusterDocument("app", workers: [("w", 2)])
            document.workerTemplate = ["spec": ["provider": 5]]
            try await scenario.create(document)
            let cluster = try await scenario.wait(for: "app", \.isObserved)
            #expect(cluster.verdict("MachinesCreated") == "False/CreationFailed")
            #expect(cluster.verdict("TopologyValid") == "True/ValidationSucceeded")
            let message = cluster.condition("MachinesCreated")["message"]?.string ?? ""
            #expect(message.contains("spec.provider"), "\(message)")
            #expect(try await scenario.machines().map(\.name) == ["app-cp-0"])
            await process.logLines("Reconcile failed", count: 2)
            try await scenario.edit("app", ["workers": ClusterDocument.workers([("w", 2)])])
            try await scenario.complete("app")
            #expect(try await scenario.machines().count == 3)
        }
    }

    @Test("a cluster name that changes although there are Machines is refused")
    func renamed() async throws {
        try await Scenario.run("renamed") { scenario in
            try scenario.startOperator()
            try await scenario.create(ClusterDocument("app"))
            try await scenario.complete("app")
            try await scenario.edit("app", ["clusterName": "other"])
            let cluster = try await scenario.wait(for: "app", \.isObserved)
            #expect(cluster.verdict("TopologyValid") == "False/ValidationFailed")
            #expect(try await scenario.machines().map(\.name) == ["app-cp-0"])
        }
    }
}
