// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// The whole program on a real management cluster and simulated machines, from `kubectl apply` on.
///
/// One after the other: each has a simulator of its own, and a busy one is a slow one.
@Suite("End to end", .serialized, .timeLimit(.minutes(10)))
struct EndToEndTests {
    @Test("One kubectl apply makes a cluster of three control planes and two workers of nothing")
    func create() async throws {
        try await EndToEndBench.run("e2e-create") { bench in
            let process = try await bench.startOperator()
            await process.logLine("Caches are filled")
            let clock = SystemClock()
            try await bench.apply(bench.document("alpha", controlPlane: 3, workers: 2))
            try await bench.scenario.waitForMachines { machines in
                machines.count == 5 && machines.allSatisfy { $0.status["phase"] == "Running" }
            }
            let ready = clock.now
            let cluster = try await bench.running("alpha")
            print("END TO END: 3+2 nodes run \((clock.now - ready).seconds) s after their Machines are ready")

            expectTable(of: cluster)
            #expect(cluster.verdict("Bootstrapped") == "True/Bootstrapped")
            #expect(cluster.life["etcd"]?["voters"] == 3)
            #expect(try await bench.simulator.state(of: "alpha")["bootstraps"]?.array?.count == 1)
            let nodes = try await bench.workload("alpha").list(WorkloadNode.self, ObjectSelection()).items
            #expect(
                nodes.map(\.name).sorted() == [
                    "alpha-cp-0", "alpha-cp-1", "alpha-cp-2", "alpha-w-0", "alpha-w-1",
                ])
            try await bench.expectRest(of: process)
        }
    }

    private func expectTable(of cluster: StoredCluster) {
        #expect(cluster.nodes.compactMap { $0["name"]?.string } == cluster.allNodeNames)
        for node in cluster.nodes {
            let isControlPlane = node["role"]?.string == "controlplane"
            #expect(node["ready"] == true && node["problem"] == nil, "\(node)")
            #expect(node["talos"] == "v1.12.3" && node["kubernetes"] == "v1.34.1", "\(node)")
            #expect(node["config"] == "InSync" && node["stage"] == "running", "\(node)")
            #expect((node["etcd"]?["member"] != nil) == isControlPlane, "\(node)")
        }
        #expect(cluster.life["nodesReady"] == "5/5")
    }
}

extension RawObject<StoredClusterKind> {
    /// What the topology of these tests makes, in the order of the table.
    fileprivate var allNodeNames: [String] {
        let controlPlane = spec("controlPlane")?["replicas"]?.integer ?? 0
        let workers = spec("workers")?.array?.first?["replicas"]?.integer ?? 0
        return (0..<controlPlane).map { "\(name)-cp-\($0)" } + (0..<workers).map { "\(name)-w-\($0)" }
    }
}

enum WorkloadNodeKind: RawKind {
    static let definition = ResourceDefinition(
        group: "", version: "v1", kind: "Node", plural: "nodes", isNamespaced: false)
}

/// A node of a managed cluster, with everything that its API server has of it.
typealias WorkloadNode = RawObject<WorkloadNodeKind>

extension EndToEndBench {
    /// Expects that looking at clusters with nothing to do writes nothing, once what was found out has been told.
    func expectRest(of process: OperatorProcess, sourceLocation: SourceLocation = #_sourceLocation)
        async throws
    {
        try await looks(4, of: process)
        let writes = try await scenario.writes().count
        try await looks(4, of: process)
        let after = try await scenario.writes().dropFirst(writes)
        #expect(after.map { "\($0.verb) \($0.resource) \($0.name)" } == [], sourceLocation: sourceLocation)
    }

    /// Waits until the operator has looked at clusters so many times more.
    func looks(_ count: Double, of process: OperatorProcess) async throws {
        let series = #"controller_runtime_reconcile_time_seconds_count{controller="KubernetesCluster"}"#
        let before = try await process.metric(series) ?? 0
        while try await process.metric(series) ?? 0 < before + count {
            try await SystemClock().sleep(for: .milliseconds(100))
        }
    }
}
