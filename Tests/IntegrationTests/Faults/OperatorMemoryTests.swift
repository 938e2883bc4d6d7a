// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Faults: little memory", .timeLimit(.minutes(FaultForm.choose(short: 15, long: 60))))
struct OperatorMemoryTests {
    /// What the chart lets the operator have.
    private static let limit = 128 << 20
    private static let clusters = FaultForm.choose(short: 30, long: 1000)

    @Test("with the memory of the chart's limit it makes all Machines and starts again among them")
    func cappedMemory() async throws {
        // So many objects would be in the way of others.
        let controlPlane = FaultForm.current == .long ? try await ControlPlane.start("memory") : nil
        try await controlPlane?.installOperatorResources()
        try await Scenario.run("memory-cap", on: controlPlane) { scenario in
            let group = await MemoryGroup.make(limit: Self.limit)
            let first = try start(scenario, group)
            await first.logLine("Caches are filled")
            let converged = try await measured {
                try await concurrently(0..<Self.clusters, width: 8) { number in
                    let document = ClusterDocument("c\(number)", controlPlane: 3, workers: [("w", 5)])
                    try await scenario.create(document)
                }
                try await waitForAll(scenario)
            }
            #expect(try await scenario.machines().count == Self.clusters * 8)
            let working = try ProcessUsage(first).peakResidentBytes
            #expect(await first.stop() == .exited(0))

            let second = try start(scenario, group)
            await second.logLine("Caches are filled")
            await second.logLines("Reconciled", count: Self.clusters)
            let starting = try ProcessUsage(second).peakResidentBytes
            #expect(await second.stop() == .exited(0))
            #expect(max(working, starting) < Self.limit)
            #expect(group?.kills() ?? 0 == 0)
            FaultReport.record(
                row: "capped-memory", fault: "The process may have no more than 128 MiB of memory",
                promise: "It does its work and starts again with that",
                measured: [
                    "clusters": .count(Self.clusters), "Machines": .count(Self.clusters * 8),
                    "all made after": .duration(converged), "peak RSS": .bytes(working),
                    "peak RSS of the next start": .bytes(starting),
                    "limit set by": .text(group == nil ? "nobody: no control group" : "a control group"),
                ])
            await group?.remove()
        }
        try await controlPlane?.stop()
    }

    private func start(_ scenario: Scenario, _ group: MemoryGroup?) throws -> OperatorProcess {
        try scenario.startOperator(flags: ["--max-concurrent-reconciles=4"], wrapper: group?.wrapper ?? [])
    }

    /// Lists now and then: to watch so many would take more than the operator does.
    private func waitForAll(_ scenario: Scenario) async throws {
        let selection = ObjectSelection(namespace: scenario.namespace)
        while true {
            let clusters = try await scenario.client.list(StoredCluster.self, selection).items
            if clusters.count(where: { $0.isComplete && $0.status["machineCount"] == 8 }) == Self.clusters {
                return
            }
            try await SystemClock().sleep(for: .milliseconds(500))
        }
    }
}
