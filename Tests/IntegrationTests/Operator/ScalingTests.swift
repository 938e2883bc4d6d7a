// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Operator: scaling", .timeLimit(.minutes(15)))
struct ScalingTests {
    @Test("workers come and go, the highest index first, with their manifests")
    func workers() async throws {
        try await Scenario.run("workers") { scenario in
            let process = try scenario.startOperator()
            var document = ClusterDocument("app", workers: [("w", 2)])
            try await scenario.create(document)
            let before = try await scenario.complete("app")
            let kept = try await scenario.machine("app-w-0")

            document.workers = [("w", 5)]
            try await expect(document, scenario, process)
            document.workers = [("w", 1)]
            try await expect(document, scenario, process)
            #expect(try await scenario.machine("app-w-0").metadata == kept.metadata)
            let after = try await scenario.cluster("app")
            let (old, new) = (before.condition("MachinesCreated"), after.condition("MachinesCreated"))
            #expect(old["lastTransitionTime"] == new["lastTransitionTime"])

            let deletions = try await scenario.writes().filter { $0.verb == "delete" }.map(\.name)
            #expect(deletions.sorted() == ["app-w-1", "app-w-2", "app-w-3", "app-w-4"])
        }
    }

    @Test("a group that is removed, renamed or set to 0 loses its Machines, the others none")
    func groups() async throws {
        try await Scenario.run("groups") { scenario in
            let process = try scenario.startOperator()
            var document = ClusterDocument("app", workers: [("a", 2), ("b", 1), ("c", 1)])
            try await scenario.create(document)
            try await scenario.complete("app")
            let kept = try await scenario.machine("app-cp-0")
            for workers in [
                [("a", 2), ("c", 1)], [("renamed", 2), ("c", 1)], [("renamed", 0), ("c", 1)], [],
            ] {
                document.workers = workers
                try await expect(document, scenario, process)
            }
            #expect(try await scenario.machine("app-cp-0").metadata == kept.metadata)
        }
    }

    /// Gives the cluster the workers of `document` and expects everything to follow.
    private func expect(
        _ document: ClusterDocument, _ scenario: Scenario, _ process: OperatorProcess
    ) async throws {
        try await scenario.edit(
            document.name, ["workers": ClusterDocument.workers(document.workers)])
        let machines = try await scenario.waitForMachines(named: document.machineNames)
        let cluster = try await scenario.wait(for: document.name) {
            $0.isComplete && $0.status["machineCount"]?.integer == Int64(machines.count)
        }
        #expect(cluster.phase == "Provisioning")
        try expectManifests(process, in: document.name, equal: machines)
    }

    @Test("a control plane shrinks from 5 to 3 one Machine at a time, each when the one before is gone")
    func controlPlane() async throws {
        try await Scenario.run("shrink") { scenario in
            let process = try scenario.startOperator()
            try await scenario.create(ClusterDocument("app", controlPlane: 5))
            try await scenario.complete("app")
            for name in ["app-cp-3", "app-cp-4"] {
                try await scenario.patchMachine(name, ["metadata": ["finalizers": ["example.com/vm"]]])
            }
            try await scenario.edit("app", ["controlPlane": ["replicas": 3]])
            try await scenario.wait(for: "app", \.isObserved)
            #expect(try await terminating(scenario) == ["app-cp-4"])

            // A change of something else is no reason to go on.
            try await scenario.edit("app", ["workers": ClusterDocument.workers([("w", 1)])])
            try await scenario.wait(for: "app", \.isObserved)
            #expect(try await terminating(scenario) == ["app-cp-4"])

            try await release("app-cp-4", scenario)
            let seen = try await scenario.waitForMachines { machines in
                machines.contains { $0.name == "app-cp-3" && $0.metadata.isBeingDeleted }
            }
            #expect(!seen.contains { $0.name == "app-cp-4" })
            try await release("app-cp-3", scenario)
            let left = ["app-cp-0", "app-cp-1", "app-cp-2", "app-w-0"]
            let machines = try await scenario.waitForMachines(named: left)
            try await scenario.wait(for: "app") { $0.isComplete && $0.status["machineCount"] == 4 }
            try expectManifests(process, in: "app", equal: machines)
        }
    }

    private func terminating(_ scenario: Scenario) async throws -> [String] {
        try await scenario.machines().filter(\.metadata.isBeingDeleted).map(\.name)
    }

    private func release(_ name: String, _ scenario: Scenario) async throws {
        try await scenario.patchMachine(name, ["metadata": ["finalizers": .null]])
    }
}
