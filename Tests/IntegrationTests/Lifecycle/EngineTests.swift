// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle
import TestSupport
import Testing

@Suite("The engine on simulated nodes", .timeLimit(.minutes(5)))
struct EngineTests {
    @Test("Machines that wait for their configuration become a cluster that is well", arguments: [1, 3])
    func create(controlPlanes: Int) async throws {
        let simulator = try await TalosSimulator.start()
        let bench = try await EngineBench(simulator, name: "demo", controlPlanes: controlPlanes, workers: 1)
        let pass = try await bench.passes { $0.report.health.isHealthy && $0.record.operations.isEmpty }
        #expect(pass.record.bootstrap?.isConfirmed == true)
        #expect(pass.observation.nodes.values.allSatisfy { $0.config == .matches })
        #expect(try await simulator.violations().isEmpty)
        await simulator.stop()
    }
}
