// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle
import StructuredData
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

    @Test("A machine whose installation fails gets no second configuration until its new key is vouched for")
    func failedInstallation() async throws {
        let simulator = try await TalosSimulator.start()
        var bench = try await EngineBench(simulator, name: "demo", controlPlanes: 1)
        try await simulator.setCondition("disk-not-empty", true, of: "demo-cp-0", in: "demo")
        let halted = try await bench.passes(lasting: true) { $0.record.halt != nil }
        #expect(halted.record.halt?.reason == .installFailed && halted.record.halt?.node == "demo-cp-0")
        try await simulator.setCondition("disk-not-empty", false, of: "demo-cp-0", in: "demo")
        let still = try await bench.pass()
        #expect(still.performed.isEmpty && still.record.halt?.reason == .installFailed)
        bench.cluster.desired.resumeToken = "the console shows this key"
        try await bench.passes { $0.report.health.isHealthy && $0.record.operations.isEmpty }
        #expect(try await simulator.violations().isEmpty)
        await simulator.stop()
    }

    @Test(
        "Talos is upgraded by the call of the release that runs, node by node",
        arguments: [("v1.11.6", "v1.12.3"), ("v1.13.0", "v1.13.1")])
    func upgrade(from: String, to: String) async throws {
        let simulator = try await TalosSimulator.start()
        let snapshots = try TemporaryDirectory()
        var bench = try await EngineBench(
            simulator, name: "demo", controlPlanes: 3, workers: 1, talos: from,
            snapshots: SnapshotDirectory(path: snapshots.path))
        bench.cluster.desired.policy.upgrade.snapshot = true
        try await bench.passes { $0.report.health.isHealthy && $0.record.operations.isEmpty }
        bench.want(talos: to)
        let wanted = try #require(Release(to))
        try await bench.withLongCalls {
            let pass = try await bench.passes { pass in
                pass.record.operations.isEmpty
                    && pass.observation.nodes.values.allSatisfy { $0.talos == wanted && $0.isWell }
            }
            #expect(pass.record.halt == nil && pass.record.snapshot != nil)
        }
        #expect(try await simulator.violations().isEmpty)
        await simulator.stop()
    }

    @Test("A node that takes long to answer a request to upgrade holds no pass, and is not asked again")
    func slowUpgrade() async throws {
        let simulator = try await TalosSimulator.start()
        var bench = try await EngineBench(simulator, name: "demo", controlPlanes: 1, talos: "v1.11.6")
        try await bench.passes { $0.report.health.isHealthy && $0.record.operations.isEmpty }
        let hold = try await simulator.add(SimulatorFault("/Upgrade$", action: .hold))
        bench.want(talos: "v1.12.3")
        let wanted = try #require(Release("v1.12.3"))
        try await bench.withLongCalls {
            try await bench.passes { pass in
                if case .running(.upgrade(_, .legacy)) = pass.observation.nodes["demo-cp-0"]?.longCall {
                    return true
                }
                return false
            }
            try await simulator.removeFault(hold)
            try await bench.passes { pass in
                pass.record.operations.isEmpty && pass.observation.nodes["demo-cp-0"]?.talos == wanted
            }
        }
        let requests = try await simulator.journal().filter {
            $0["method"]?.string?.hasSuffix("/Upgrade") == true
        }
        #expect(requests.count == 1, "\(requests)")
        await simulator.stop()
    }

    @Test("What only the next release of Talos understands is configured after the upgrade to it")
    func configurationOfTheNextRelease() async throws {
        let simulator = try await TalosSimulator.start()
        var bench = try await EngineBench(
            simulator, name: "demo", controlPlanes: 1, workers: 1, talos: "v1.12.3")
        try await bench.passes { $0.report.health.isHealthy && $0.record.operations.isEmpty }
        try await bench.want(
            "apiVersion: v1alpha1\nkind: BlackholeRouteConfig\nname: 192.0.2.0/24\n", talos: "v1.13.0")
        let wanted = try #require(Release("v1.13.0"))
        try await bench.withLongCalls {
            let first = try await bench.passes { !$0.record.operations.isEmpty }
            #expect(first.waits.contains { $0.message.contains("wait for the upgrade of Talos") })
            try await bench.passes { pass in
                pass.record.operations.isEmpty
                    && pass.observation.nodes.values.allSatisfy {
                        $0.talos == wanted && $0.config == .matches
                    }
            }
        }
        #expect(try await simulator.violations().isEmpty)
        await simulator.stop()
    }
}
