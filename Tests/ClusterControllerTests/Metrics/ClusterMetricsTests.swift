// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Observability
import Platform
import StructuredData
import Testing

@testable import ClusterController

@Suite("Metrics of clusters")
struct ClusterMetricsTests {
    @Test("Names, types and labels are those of the specification")
    func table() {
        let rows = ClusterMetricTable.specified.map {
            "\($0.name) \($0.kind.rawValue) \($0.labels.joined(separator: ","))"
        }
        #expect(
            rows == [
                "talos_operator_clusters_total gauge phase",
                "talos_operator_machines_generated counter cluster,role",
                "talos_operator_reconciliation_duration_seconds histogram controller",
                "talos_operator_reconciliation_errors_total counter controller,error_type",
                "talos_operator_file_operations_total counter operation,status",
            ])
        #expect(ClusterMetricTable.definitions.flatMap(\.problems).isEmpty)
    }

    @Test("Everything that can be known beforehand is there at zero")
    func zeros() throws {
        let bench = try ReconcilerBench()
        for phase in ["Pending", "Provisioning", "Running", "Failed", "Deleting"] {
            #expect(bench.metric(#"talos_operator_clusters_total{phase="\#(phase)"}"#) == "0")
        }
        for type in ["ValidationError", "MachineCreationError", "FileSystemError", "OwnerReferenceError"] {
            let series =
                #"talos_operator_reconciliation_errors_total{controller="KubernetesCluster",error_type="\#(type)"}"#
            #expect(bench.metric(series) == "0")
        }
        for operation in ["create", "update", "delete"] {
            let series = #"talos_operator_file_operations_total{operation="\#(operation)",status="success"}"#
            #expect(bench.metric(series) == "0")
        }
        let count = #"talos_operator_reconciliation_duration_seconds_count{controller="KubernetesCluster"}"#
        #expect(bench.metric(count) == "0")
    }

    @Test("Clusters, Machines and files are counted, and a deleted cluster leaves no series")
    func counting() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        #expect(bench.metric(#"talos_operator_clusters_total{phase="Pending"}"#) == "1")
        #expect(bench.metric(#"talos_operator_machines_generated{cluster="simple",role="worker"}"#) == "0")
        try await bench.settle()
        #expect(bench.metric(#"talos_operator_clusters_total{phase="Provisioning"}"#) == "1")
        #expect(bench.metric(#"talos_operator_clusters_total{phase="Pending"}"#) == "0")
        #expect(
            bench.metric(#"talos_operator_machines_generated{cluster="simple",role="controlplane"}"#) == "3")
        #expect(bench.metric(#"talos_operator_machines_generated{cluster="simple",role="worker"}"#) == "2")
        #expect(
            bench.metric(#"talos_operator_file_operations_total{operation="create",status="success"}"#) == "5"
        )
        bench.api.remove(ReconcilerBench.path)
        try bench.refresh()
        #expect(bench.metric(#"talos_operator_machines_generated{cluster="simple",role="worker"}"#) == nil)
    }

    @Test("Each cluster tells its one phase, a deleted one nothing")
    func phases() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try bench.apply(["controlPlane": ["replicas": 2]], name: "broken", namespace: "other")
        #expect(bench.phases == ["default/simple Pending", "other/broken Pending"])
        try await bench.settle()
        await bench.reconcile(ObjectKey(namespace: "other", name: "broken"))
        try bench.refresh()
        #expect(bench.phases == ["default/simple Provisioning", "other/broken Failed"])
        bench.api.remove(ReconcilerBench.path)
        try bench.refresh()
        #expect(bench.phases == ["other/broken Failed"])
    }

    @Test("Who does not lead tells nothing of single clusters")
    func standby() throws {
        let (registry, isLeading) = (MetricRegistry(), Locked(false))
        let (store, writers) = Store<KubernetesCluster>.make()
        let cluster = KubernetesCluster(
            metadata: ObjectMeta(name: "a", namespace: "b"), spec: .null, status: ClusterStatus())
        try #require(writers.first).replace(with: [cluster], version: "1")
        _ = ClusterMetrics(registry, clusters: store) { isLeading.withLock { $0 } }
        let series =
            #"talos_operator_cluster_phase{cluster_namespace="b",cluster_name="a",phase="Pending"} 1"#
        for leads in [false, true, false] {
            isLeading.withLock { $0 = leads }
            let lines = String(decoding: registry.render(), as: UTF8.self).split(separator: "\n")
            #expect(lines.contains { $0 == series } == leads)
            #expect(lines.contains { $0.hasPrefix("talos_operator_cluster_phase{") } == leads)
            #expect(lines.contains(#"talos_operator_clusters_total{phase="Pending"} 1"#))
        }
    }

    @Test("Of two clusters with one name the series stays until both are gone")
    func sameName() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try bench.apply(Fixture.simpleSpec, namespace: "other")
        await bench.reconcile()
        await bench.reconcile(ObjectKey(namespace: "other", name: "simple"))
        let series = #"talos_operator_machines_generated{cluster="simple",role="worker"}"#
        #expect(bench.metric(series) == "4")
        bench.api.remove(ReconcilerBench.path)
        try bench.refresh()
        #expect(bench.metric(series) == "4")
    }

    @Test(
        "Failures are counted by kind, conflicts are none",
        arguments: [
            (.failure(.validation([])), "ValidationError"),
            (.failure(.machineCreation("")), "MachineCreationError"),
            (.failure(.fileSystem(.directoriesTaken([]))), "FileSystemError"),
            (.failure(.ownerReference("")), "OwnerReferenceError"), (.failure(.api(.fenced, "")), nil),
            (.failure(.api(.undecodable(""), "")), "APIError"), (.timedOut, "Timeout"),
            (.success(.done), nil),
            (.cancelled, nil), (.failure(.conflict("")), nil),
        ] as [(ControllerRuntime.ReconcileOutcome, String?)])
    func errors(outcome: ControllerRuntime.ReconcileOutcome, type: String?) throws {
        let registry = MetricRegistry()
        let metrics = ClusterMetrics(registry, clusters: Store<KubernetesCluster>.make().store)
        metrics.controllerObserver.finished(outcome, .milliseconds(20))
        let lines = String(decoding: registry.render(), as: UTF8.self).split(separator: "\n")
        let counted = lines.filter { $0.contains("errors_total{") && $0.hasSuffix(" 1") }
        #expect(counted.count == (type == nil ? 0 : 1))
        #expect(counted.allSatisfy { $0.contains(#"error_type="\#(type ?? "")""#) })
        #expect(lines.contains { $0.hasSuffix("_count{controller=\"KubernetesCluster\"} 1") })
    }
}

extension ReconcilerBench {
    /// Namespace, name and phase of each cluster that the page of metrics tells of.
    fileprivate var phases: [String] {
        let lines = String(decoding: registry.render(), as: UTF8.self).split(separator: "\n")
        return lines.filter { $0.hasPrefix("talos_operator_cluster_phase{") && $0.hasSuffix("} 1") }
            .map { line in
                let values = line.split(separator: "\"").enumerated().filter { $0.offset % 2 == 1 }.map(
                    \.element)
                return "\(values[0])/\(values[1]) \(values[2])"
            }
    }
}
