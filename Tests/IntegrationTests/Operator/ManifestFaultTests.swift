// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Operator: manifests that cannot be written", .timeLimit(.minutes(15)))
struct ManifestFaultTests {
    @Test("a full disk does not keep Machines from being made; the manifests follow when there is room")
    func fullDisk() async throws {
        try await Scenario.run("full-disk") { scenario in
            guard let disk = try await SmallDisk.make() else { return }
            try await disk.fill()
            do {
                let process = try scenario.startOperator(resultsPath: disk.path)
                try await expectRecovery(scenario, process) { try await disk.makeRoom() }
            } catch {
                await disk.remove()
                throw error
            }
            await disk.remove()
        }
    }

    @Test("a results path that cannot be used does not keep Machines from being made")
    func unusablePath() async throws {
        try await Scenario.run("unusable-path") { scenario in
            let directory = try TemporaryDirectory.make()
            _ = await (try Subprocess(["/usr/bin/touch", "\(directory)/file"])).ending()
            let process = try scenario.startOperator(resultsPath: "\(directory)/file/results")
            try await expectRecovery(scenario, process) {
                _ = await (try Subprocess(["/bin/rm", "\(directory)/file"])).ending()
            }
            _ = await (try Subprocess(["/bin/rm", "-r", directory])).ending()
        }
    }

    /// Expects a cluster without manifests, and one with manifests after `mend`.
    private func expectRecovery(
        _ scenario: Scenario, _ process: OperatorProcess, mend: () async throws -> Void
    ) async throws {
        try await scenario.create(ClusterDocument("app", workers: [("w", 2)]))
        let failed = try await scenario.wait(for: "app", \.isObserved)
        #expect(failed.verdict("FilesGenerated") == "False/GenerationFailed")
        #expect(failed.verdict("MachinesCreated") == "True/CreationSucceeded")
        #expect(failed.phase == "Provisioning")
        let machines = try await scenario.machines()
        #expect(machines.count == 3)
        try await scenario.event(about: "app", reason: "GenerationFailed")
        await process.logLine("Reconcile failed")
        let errors = "talos_operator_reconciliation_errors_total"
        let count = try await process.metric(
            "\(errors){controller=\"KubernetesCluster\",error_type=\"FileSystemError\"}")
        #expect((count ?? 0) >= 1)
        try await mend()
        try await scenario.complete("app")
        try expectManifests(process, in: "app", equal: machines)
        try await scenario.event(about: "app", reason: "GenerationSucceeded")
        #expect(try await scenario.events(about: "app").count == 2)
    }
}
