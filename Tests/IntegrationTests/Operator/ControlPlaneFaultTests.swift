// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Operator: control plane faults", .serialized, .timeLimit(.minutes(15)))
struct ControlPlaneFaultTests {
    /// A control plane for this suite alone, which restarts and suspends its API server.
    private static let controlPlane = Task {
        let controlPlane = try await ControlPlane.start("operator-faults")
        try await controlPlane.installOperatorResources()
        return controlPlane
    }

    @Test("an API server that is killed under load costs nothing but time")
    func restartUnderLoad() async throws {
        try await Scenario.run("api-restart", on: Self.controlPlane.value) { scenario in
            let process = try scenario.startOperator("--max-concurrent-reconciles=4")
            await process.logLine("Caches are filled")
            let documents = (0..<12).map { ClusterDocument("c\($0)", controlPlane: 3, workers: [("w", 5)]) }
            for document in documents { try await scenario.create(document) }
            try await scenario.waitForMachines { !$0.isEmpty }
            try await scenario.controlPlane.restartAPIServer(kill: true)

            for document in documents {
                let cluster = try await scenario.complete(document.name)
                let machines = try await scenario.machines().filter {
                    $0.metadata.controller?.uid == cluster.metadata.uid
                }
                #expect(machines.map(\.name) == document.machineNames)
                try expectManifests(process, in: document.name, equal: machines)
            }
            #expect(try await scenario.machines().count == 12 * 8)
            #expect(try await process.probe("/readyz").status == 200)
            // What happens from now on is seen, by watches that are new.
            _ = try await scenario.client.delete(StoredMachine.self, scenario.key("c0-w-0"))
            try await scenario.waitForMachines { $0.count == 12 * 8 }
            #expect(await process.stop() == .exited(0))
        }
    }

    @Test("a second signal ends the program at once, whatever it waits for")
    func secondSignal() async throws {
        try await Scenario.run("second-signal", on: Self.controlPlane.value) { scenario in
            let process = try scenario.startOperator(
                "--leader-elect", "--leader-election-namespace", scenario.namespace)
            await process.logLine("Leading")
            try await scenario.controlPlane.signal("apiserver", SIGSTOP)
            // The lease cannot be given back to a server that does not answer.
            process.process.signal(SIGTERM)
            await process.logLine("Stopping")
            process.process.signal(SIGTERM)
            let ending = await process.process.ending()
            try await scenario.controlPlane.signal("apiserver", SIGCONT)
            #expect(ending == .exited(1))
        }
    }

    @Test("work that hangs is cut off when the grace period is over")
    func gracePeriod() async throws {
        try await Scenario.run("grace", on: Self.controlPlane.value) { scenario in
            let process = try scenario.startOperator("--grace-period=1s")
            await process.logLine("Caches are filled")
            try await scenario.create(ClusterDocument("app", controlPlane: 7, workers: [("w", 200)]))
            try await scenario.waitForMachines { !$0.isEmpty }
            try await scenario.controlPlane.signal("apiserver", SIGSTOP)
            let ending = await process.stop()
            try await scenario.controlPlane.signal("apiserver", SIGCONT)
            #expect(ending == .exited(1))
            #expect(process.process.lines.contains { $0.contains("\"Grace period is over\"") })
        }
    }

    @Test("an operator that starts before the API server waits for it")
    func lateServer() async throws {
        try await Scenario.run("late-server", on: Self.controlPlane.value) { scenario in
            try await scenario.create(ClusterDocument("app"))
            try await scenario.controlPlane.signal("apiserver", SIGKILL)
            let process = try scenario.startOperator()
            await process.logLine("List or watch failed")
            #expect(try await process.probe("/readyz").status == 500)
            #expect(try await process.probe("/healthz").status == 200)
            try await scenario.controlPlane.restartAPIServer()
            await process.logLine("Caches are filled")
            try await scenario.complete("app")
            #expect(try await process.probe("/readyz").status == 200)
        }
    }

    @Test("kinds that are installed after the operator started are found")
    func lateKinds() async throws {
        try await Scenario.run("late-kinds", on: Self.controlPlane.value) { scenario in
            let (controlPlane, files) = (scenario.controlPlane, "\(Repository.root)/config/crd")
            try await releaseAll(scenario)
            try await controlPlane.kubectl("delete", "-f", files)
            let process = try scenario.startOperator()
            await process.logLine("List or watch failed")
            #expect(try await process.probe("/readyz").status == 500)
            try await controlPlane.kubectl("apply", "--validate=false", "-f", files)
            await process.logLine("Caches are filled")
            try await scenario.create(ClusterDocument("app"))
            try await scenario.complete("app")
        }
    }

    /// Takes away the finalizers of clusters whose operators have ended, which would hold their kind.
    private func releaseAll(_ scenario: Scenario) async throws {
        for cluster in try await scenario.client.list(StoredCluster.self).items {
            _ = try await scenario.client.mergePatch(
                StoredCluster.self, cluster.key, ["metadata": ["finalizers": .null]])
        }
    }

    @Test("a token that is replaced in its file is used without a restart, and never logged")
    func tokenRotation() async throws {
        try await Scenario.run("token", on: Self.controlPlane.value) { scenario in
            let controlPlane = scenario.controlPlane
            let process = try scenario.startOperator()
            try await scenario.create(ClusterDocument("before"))
            try await scenario.complete("before")

            let former = try token(of: controlPlane)
            let next = try FileSystem.read(controlPlane.operatorNextTokenFile, limit: 4096)
            try FileSystem.replace(controlPlane.operatorTokenFile, with: next)
            try await revoke(former, controlPlane)

            try await scenario.create(ClusterDocument("after"))
            try await scenario.complete("after")
            #expect(try await scenario.machines().map(\.name) == ["after-cp-0", "before-cp-0"])
            let lines = process.process.lines
            for secret in [former, String(decoding: next, as: UTF8.self)] {
                #expect(!lines.contains { $0.contains(secret) })
            }
            #expect(await process.stop() == .exited(0))
        }
    }

    /// Makes the API server forget a token.
    private func revoke(_ token: String, _ controlPlane: ControlPlane) async throws {
        let file = controlPlane.tokenAuthFile
        let lines = String(decoding: try FileSystem.read(file, limit: 1 << 16), as: UTF8.self)
            .split(separator: "\n").filter { !$0.hasPrefix(token) }
        try FileSystem.replace(file, with: Array((lines.joined(separator: "\n") + "\n").utf8))
        try await controlPlane.restartAPIServer(kill: true)
    }
}
