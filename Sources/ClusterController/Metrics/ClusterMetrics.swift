// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
package import ControllerRuntime
import Kubernetes
package import Observability
import Platform

/// The metrics of clusters, as a table: the specification's, and one more.
package enum ClusterMetricTable {
    static let clusters = MetricDefinition.gauge(
        "talos_operator_clusters_total", help: "Clusters, by phase.", labels: ["phase"])
    static let machinesGenerated = MetricDefinition.counter(
        "talos_operator_machines_generated", help: "Machines created, by cluster and role.",
        labels: ["cluster", "role"])
    static let reconcileDuration = MetricDefinition.histogram(
        "talos_operator_reconciliation_duration_seconds", help: "How long a reconcile takes.",
        labels: ["controller"], buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60])
    static let reconcileErrors = MetricDefinition.counter(
        "talos_operator_reconciliation_errors_total", help: "Reconciles that failed, by kind of failure.",
        labels: ["controller", "error_type"])
    static let fileOperations = MetricDefinition.counter(
        "talos_operator_file_operations_total", help: "Manifests written and removed.",
        labels: ["operation", "status"])

    /// Not `namespace` and `cluster`: Prometheus itself puts labels of these names on what it scrapes.
    static let clusterPhase = MetricDefinition.gauge(
        "talos_operator_cluster_phase",
        help: "1 for the phase that a cluster is in; told by the leader alone.",
        labels: ["cluster_namespace", "cluster_name", "phase"])

    static let certificateExpiry = MetricDefinition.gauge(
        "talos_operator_client_certificate_expiry_timestamp_seconds",
        help:
            "When the client certificate in a cluster's talosconfig or kubeconfig ends; told by the leader alone.",
        labels: ["cluster_namespace", "cluster_name", "certificate"])

    static let actions = MetricDefinition.counter(
        "talos_operator_lifecycle_actions_total",
        help: "What was done to nodes of clusters with management Full, and what became of it.",
        labels: ["action", "result"])
    static let halts = MetricDefinition.counter(
        "talos_operator_lifecycle_halts_total", help: "Clusters that halted, by reason.", labels: ["reason"])

    /// Those of the specification, in its order.
    package static let specified = [
        clusters, machinesGenerated, reconcileDuration, reconcileErrors, fileOperations,
    ]
    /// All of them.
    package static let definitions =
        specified + [clusterPhase, certificateExpiry, actions, halts] + LifecycleMetricTable.definitions
}

/// Counts what happens to clusters.
package struct ClusterMetrics: Sendable {
    /// The `controller` label.
    package static let controllerName = "KubernetesCluster"
    private static let errorTypes = [
        "ValidationError", "MachineCreationError", "FileSystemError", "OwnerReferenceError", "APIError",
        "Timeout",
    ]

    private let machinesGenerated: Counter
    private let reconcileDuration: HistogramSeries
    private let reconcileErrors: Counter
    private let fileOperations: Counter
    private let actions: Counter
    private let halts: Counter

    /// Declares the metrics, at zero, in `registry`; what counts clusters is read from `clusters` at every scrape.
    ///
    /// So are ends of client certificates from `secrets`, if the operator makes any. What is told of each cluster is told only while `isLeading`, so that replicas neither multiply nor contradict it.
    package init(
        _ registry: MetricRegistry, clusters: Store<KubernetesCluster>,
        secrets: Store<ClusterSecret>? = nil,
        isLeading: @escaping @Sendable () -> Bool = { true }
    ) {
        machinesGenerated = registry.counter(ClusterMetricTable.machinesGenerated)
        reconcileDuration = registry.histogram(ClusterMetricTable.reconcileDuration).labels(
            Self.controllerName)
        reconcileErrors = registry.counter(ClusterMetricTable.reconcileErrors)
        fileOperations = registry.counter(ClusterMetricTable.fileOperations)
        actions = registry.counter(ClusterMetricTable.actions)
        halts = registry.counter(ClusterMetricTable.halts)
        for reason in HaltReason.allCases { _ = halts.labels(reason.rawValue) }
        LifecycleMetricTable.register(in: registry, clusters, isLeading: isLeading)
        for type in Self.errorTypes { _ = reconcileErrors.labels(Self.controllerName, type) }
        for operation in ManifestOperation.allCases {
            for status in ["success", "error"] { _ = fileOperations.labels(operation.rawValue, status) }
        }
        let phases = registry.gauge(ClusterMetricTable.clusters)
        registry.onCollect { [machinesGenerated] in
            let clusters = clusters.list()
            Self.count(clusters, phases)
            // Clusters that are gone must not leave series behind; of two with one name both must be.
            let names = Set(clusters.map(\.metadata.name))
            for name in names {
                for role in MachineRole.allCases { _ = machinesGenerated.labels(name, role.rawValue) }
            }
            machinesGenerated.remove { labels in !labels.prefix(1).allSatisfy(names.contains) }
        }
        registry.gauge(ClusterMetricTable.clusterPhase) {
            guard isLeading() else { return [] }
            return clusters.list().map { cluster in
                let labels = [cluster.key.namespace, cluster.key.name, cluster.currentPhase.rawValue]
                return GaugeReading(labels: labels, value: 1)
            }
        }
        registry.gauge(ClusterMetricTable.certificateExpiry) {
            guard isLeading(), let secrets else { return [] }
            return Self.certificates(secrets, clusters)
        }
    }

    /// Of clusters that have their configurations made here now: nobody renews the certificates of others.
    private static func certificates(
        _ secrets: Store<ClusterSecret>, _ clusters: Store<KubernetesCluster>
    ) -> [GaugeReading] {
        secrets.list().compactMap { secret in
            guard let expiry = secret.certificateExpiry, let kind = secret.kind,
                let owner = secret.metadata.controller,
                let cluster = clusters.get(ObjectKey(namespace: secret.key.namespace, name: owner.name)),
                cluster.metadata.uid == owner.uid, cluster.status.conditions[.configGenerated] != nil
            else { return nil }
            return GaugeReading(
                labels: [cluster.key.namespace, cluster.key.name, kind.rawValue],
                value: Double(expiry.secondsSince1970))
        }
    }

    /// A Machine was created.
    func countMachine(of cluster: ObjectKey, _ role: MachineRole) {
        machinesGenerated.labels(cluster.name, role.rawValue).increment()
    }

    /// Something was done to a node.
    func count(_ performed: PerformedAction) {
        actions.labels(performed.action.kind.metricLabel, performed.result.metricLabel).increment()
    }

    /// A cluster has halted.
    func count(_ halt: Halt) {
        halts.labels(halt.reason.rawValue).increment()
    }

    /// Counts what a `ManifestStore` does.
    package var manifestObserver: ManifestObserver {
        { [fileOperations] operation, succeeded in
            fileOperations.labels(operation.rawValue, succeeded ? "success" : "error").increment()
        }
    }

    /// Counts what a `Controller` does; a conflict is no error.
    package var controllerObserver: ControllerObserver {
        ControllerObserver(finished: { [reconcileDuration, reconcileErrors] outcome, duration in
            reconcileDuration.observe(duration.seconds)
            switch outcome {
            case .failure(let error) where error.disposition != .conflict:
                reconcileErrors.labels(Self.controllerName, error.errorType).increment()
            case .timedOut:
                reconcileErrors.labels(Self.controllerName, "Timeout").increment()
            case .success, .failure, .cancelled:
                break
            }
        })
    }

    /// Every phase has a series.
    private static func count(_ clusters: [KubernetesCluster], _ phases: Gauge) {
        var counts: [ClusterPhase: Int] = [:]
        for cluster in clusters { counts[cluster.currentPhase, default: 0] += 1 }
        for phase in ClusterPhase.allCases { phases.labels(phase.rawValue).set(Double(counts[phase] ?? 0)) }
    }
}

extension KubernetesCluster {
    /// The phase that counts: one without a status is pending, and one that is to go is deleted whatever its status says.
    fileprivate var currentPhase: ClusterPhase {
        metadata.isBeingDeleted ? .deleting : status.phase ?? .pending
    }
}
