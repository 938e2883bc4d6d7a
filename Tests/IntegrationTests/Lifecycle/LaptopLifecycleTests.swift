// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport
import Testing

/// The commands that manage one cluster without a management cluster, on simulated nodes.
@Suite("A cluster from a laptop", .timeLimit(.minutes(10)), .enabled(if: Sanitizer.current == nil))
struct LaptopLifecycleTests {
    private let simulator: TalosSimulator
    private let laptop: Laptop

    init() async throws {
        simulator = try await TalosSimulator.start(delay: .milliseconds(50))
        laptop = try Laptop()
        let cluster = try await simulator.addCluster("lap")
        var addresses = ""
        for name in ["lap-cp-0", "lap-w-0"] {
            addresses += "    \(name): {address: \(try await simulator.addNode(name, to: "lap"))}\n"
        }
        try laptop.write("c.yaml", manifest(cluster["endpoint"]?.string ?? "", addresses))
    }

    private func manifest(_ endpoint: String, _ addresses: String) -> String {
        """
        apiVersion: vitistack.io/v1alpha1
        kind: KubernetesCluster
        metadata: {name: lap, namespace: default}
        spec:
          clusterName: lap
          talosVersion: v1.12.3
          kubernetesVersion: v1.34.1
          clusterEndpoint: \(endpoint)
          controlPlane: {replicas: 1, machineTemplate: {spec: {}}}
          workers: [{name: w, replicas: 1, machineTemplate: {spec: {}}}]
          rollout: {settle: 1s}
          machineData:
        \(addresses)
        """
    }

    private func run(_ arguments: String...) async throws -> (status: Subprocess.Ending, output: String) {
        try await laptop.run(arguments + ["-f", "c.yaml"])
    }

    @Test("apply makes a cluster of machines that wait, once, and a change reaches the nodes")
    func apply() async throws {
        let plan = try await run("apply", "--dry-run")
        #expect(plan.status == .exited(2) && plan.output.contains("lap-cp-0: gets its configuration"))
        #expect(try laptop.files() == ["c.yaml"])
        let unasked = try await run("apply")
        #expect(unasked.status == .exited(1) && unasked.output.contains("--yes does it"))
        let first = try await run("apply", "--yes")
        #expect(first.status == .exited(0), "\(first.output)")
        let health = try await run("health")
        #expect(health.status == .exited(0) && health.output.contains("ok: EtcdService"), "\(health.output)")
        #expect(try await run("diff", "--live").status == .exited(0))
        let again = try await run("apply", "--yes")
        #expect(again.status == .exited(0) && again.output.contains("nothing to do"))

        let text = try laptop.text("c.yaml")
        try laptop.write(
            "c.yaml", text + "  patches: [{inline: {machine: {sysctls: {vm.max_map_count: \"262144\"}}}}]\n")
        let difference = try await run("diff", "--live")
        #expect(difference.status == .exited(1) && difference.output.contains("machine.sysctls"))
        #expect(try await run("apply", "--yes").status == .exited(0))
        #expect(try await run("diff", "--live").status == .exited(0))
        #expect(try await simulator.violations().isEmpty)
        await simulator.stop()
    }

    @Test("reset wipes the machines, and says what it is about to do")
    func reset() async throws {
        #expect(try await run("bootstrap", "--yes").status == .exited(0))
        try await simulator.expect("teardown", in: "lap")
        let reset = try await run("reset", "--yes", "--wipe", "Ephemeral")
        #expect(reset.status == .exited(0), "\(reset.output)")
        #expect(reset.output.contains("its partitions STATE and EPHEMERAL are wiped"))
        let nodes = try await run("nodes")
        #expect(nodes.output.contains("maintenance"), "\(nodes.output)")
        await simulator.stop()
    }
}
