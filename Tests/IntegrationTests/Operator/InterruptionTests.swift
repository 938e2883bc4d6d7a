// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Operator: interruption", .timeLimit(.minutes(15)))
struct InterruptionTests {
    @Test(
        "an operator that ends in the middle is followed by one that creates the rest, and nothing twice",
        arguments: [Interruption.terminated, .killed])
    func restart(_ interruption: Interruption) async throws {
        try await Scenario.run("restart") { scenario in
            let first = try scenario.startOperator()
            let document = ClusterDocument("big", controlPlane: 7, workers: [("w", 60)])
            let created = try await scenario.create(document)
            try await scenario.waitForMachines { !$0.isEmpty }
            switch interruption {
            case .terminated: #expect(await first.stop() == .exited(0))
            case .killed: await first.kill()
            }
            let second = try scenario.startOperator(resultsPath: first.resultsPath)
            let cluster = try await scenario.wait(for: "big") {
                $0.isComplete && $0.status["machineCount"] == 67
            }
            let machines = try await scenario.machines()
            #expect(machines.map(\.name) == document.machineNames)
            #expect(machines.allSatisfy { $0.metadata.controller?.uid == created.metadata.uid })
            #expect(cluster.metadata.finalizers == ["cluster.vitistack.io/finalizer"])
            try expectManifests(second, in: "big", equal: machines)
            let files = Set(second.files(in: "big") ?? [])
            #expect(files == Set(machines.map { "\($0.name).yaml" } + [".talos-operator.json"]))

            // One whose answer the death of the operator cut off may have no 201 in the log.
            let creations = try await scenario.writes().filter { $0.isCreation && $0.resource == "machines" }
            #expect(Set(creations.map(\.name)).count == creations.count)
            let deletions = try await scenario.writes().filter { $0.verb == "delete" }
            #expect(deletions.isEmpty)
        }
    }

    enum Interruption: Sendable { case terminated, killed }

    @Test("an operator that dies while it deletes is followed by one that deletes the rest")
    func deathDuringDeletion() async throws {
        try await Scenario.run("delete-restart") { scenario in
            let first = try scenario.startOperator()
            try await scenario.create(ClusterDocument("big", controlPlane: 7, workers: [("w", 60)]))
            try await scenario.create(ClusterDocument("other"))
            try await scenario.wait(for: "big") { $0.isComplete && $0.status["machineCount"] == 67 }
            try await scenario.complete("other")
            _ = try await scenario.client.delete(StoredCluster.self, scenario.key("big"))
            try await scenario.waitForMachines { $0.count < 68 }
            await first.kill()
            let second = try scenario.startOperator(resultsPath: first.resultsPath)
            try await scenario.client.waitUntilGone(StoredCluster.self, scenario.key("big"))
            #expect(try await scenario.machines().map(\.name) == ["other-cp-0"])
            #expect(try FileSystem.list(second.resultsPath) == ["other"])
            let deletions = try await scenario.writes().filter { $0.verb == "delete" && $0.status == 200 }
            #expect(Set(deletions.map(\.name)).count == deletions.count)
        }
    }

    @Test("a restart when all is done writes nothing")
    func idleRestart() async throws {
        try await Scenario.run("idle-restart") { scenario in
            let first = try scenario.startOperator()
            try await scenario.create(ClusterDocument("app", controlPlane: 3, workers: [("w", 2)]))
            try await scenario.complete("app")
            #expect(await first.stop() == .exited(0))
            let before = try await scenario.writes().count
            let second = try scenario.startOperator(
                "--reconcile-interval=1s", resultsPath: first.resultsPath)
            await second.logLines("Reconciled", count: 2)
            #expect(try await scenario.writes().count == before)
        }
    }

    @Test("a cluster in which nothing changes costs no request, however often it is looked at")
    func settled() async throws {
        try await Scenario.run("settled") { scenario in
            let process = try scenario.startOperator(environment: ["RECONCILE_INTERVAL": "1s"])
            try await scenario.create(ClusterDocument("app", controlPlane: 3, workers: [("w", 2)]))
            try await scenario.complete("app")
            let start = await process.logLines("Reconciled", count: 2) ?? 0
            let before = try await scenario.requests().filter { $0.verb != "watch" }.count
            await process.logLines("Reconciled", count: 4, from: start)
            #expect(try await scenario.requests().filter { $0.verb != "watch" }.count == before)
            let reconciles = try await process.metric(
                "controller_runtime_reconcile_total{controller=\"KubernetesCluster\",result=\"requeue_after\"}"
            )
            #expect((reconciles ?? 0) >= 6)
        }
    }
}
