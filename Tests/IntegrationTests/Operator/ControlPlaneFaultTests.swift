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
        try await ProxiedScenario.run("grace") { run in
            let hold = try await run.proxy.add(
                FaultRule(
                    matching: RequestMatch(methods: ["PATCH"], path: "/machines/"),
                    action: .hold(.beforeForwarding)))
            let process = try run.startOperator("--grace-period=1s")
            try await run.scenario.create(ClusterDocument("app"))
            try await run.proxy.fault(of: hold)
            #expect(await process.stop() == .exited(1))
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
            try await scenario.releaseAll()
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
}
