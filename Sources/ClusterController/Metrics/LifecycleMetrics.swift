// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import Kubernetes
import Observability
import StructuredData

/// What is told of the lives of clusters, read from their statuses at every scrape; told by the leader alone.
enum LifecycleMetricTable {
    private static let cluster = ["cluster_namespace", "cluster_name"]

    static let state = MetricDefinition.gauge(
        "talos_operator_lifecycle_state",
        help: "1 for what is going on with a cluster with management Full, as in its status.",
        labels: cluster + ["state"])
    static let halted = MetricDefinition.gauge(
        "talos_operator_lifecycle_halted", help: "1 for the reason why nothing is begun with a cluster.",
        labels: cluster + ["reason"])
    static let healthy = MetricDefinition.gauge(
        "talos_operator_lifecycle_healthy", help: "Whether every check of a cluster passes, 1 or 0.",
        labels: cluster)
    static let nodes = MetricDefinition.gauge(
        "talos_operator_lifecycle_nodes", help: "Nodes of a cluster, by whether they are ready.",
        labels: cluster + ["ready"])
    static let drifted = MetricDefinition.gauge(
        "talos_operator_lifecycle_drifted_nodes",
        help: "Nodes of a cluster that are configured otherwise than they were given.", labels: cluster)
    static let operations = MetricDefinition.gauge(
        "talos_operator_lifecycle_operations", help: "What is under way with the nodes of a cluster.",
        labels: cluster + ["operation"])
    static let approvals = MetricDefinition.gauge(
        "talos_operator_lifecycle_approvals_waiting",
        help: "Whether a plan for a cluster waits for its approval, 1 or 0.", labels: cluster)
    static let members = MetricDefinition.gauge(
        "talos_operator_lifecycle_etcd_members", help: "Members of a cluster's etcd.",
        labels: cluster + ["kind"])

    static let fleet = MetricDefinition.gauge(
        "talos_operator_lifecycle_fleet",
        help: "1 for where a cluster stands in a roll-out over all clusters, waiting or begun.",
        labels: cluster + ["standing"])

    /// All of them.
    static let definitions = [
        state, halted, healthy, nodes, drifted, operations, approvals, members, fleet,
    ]

    /// Declares them in `registry`; one look at the statuses serves all.
    static func register(
        in registry: MetricRegistry, _ clusters: Store<KubernetesCluster>,
        isLeading: @escaping @Sendable () -> Bool
    ) {
        for definition in definitions {
            registry.gauge(definition) {
                guard isLeading() else { return [] }
                return clusters.list().flatMap { cluster in
                    readings(definition, cluster).map { labels, value in
                        GaugeReading(
                            labels: [cluster.key.namespace, cluster.key.name] + labels, value: value)
                    }
                }
            }
        }
    }

    private static func readings(
        _ definition: MetricDefinition, _ cluster: KubernetesCluster
    ) -> [([String], Double)] {
        guard let lifecycle = cluster.status.lifecycle else { return [] }
        switch definition.name {
        case state.name: return lifecycle.state.map { [([$0.rawValue], 1)] } ?? []
        case healthy.name: return [([], lifecycle.isHealthy ? 1 : 0)]
        case approvals.name: return [([], lifecycle.state == .waitingForApproval ? 1 : 0)]
        case fleet.name:
            switch lifecycle.standing {
            case .waiting: return [(["waiting"], 1)]
            case .begun: return [(["begun"], 1)]
            case nil: return []
            }
        default: return readings(definition, lifecycle.json)
        }
    }

    private static func readings(
        _ definition: MetricDefinition, _ status: JSONValue
    ) -> [([String], Double)] {
        switch definition.name {
        case halted.name:
            return status["halt"]?["reason"]?.string.map { [([$0], 1)] } ?? []
        case nodes.name:
            let nodes = status["nodes"]?.array ?? []
            let ready = nodes.count { $0["ready"] == true }
            return [(["true"], Double(ready)), (["false"], Double(nodes.count - ready))]
        case drifted.name:
            return [([], Double(status["drifted"]?.array?.count ?? 0))]
        case operations.name:
            let names = (status["steps"]?.array ?? []).compactMap { $0["operation"]?.string }
            return Dictionary(grouping: names) { $0 }.map { ([$0.key], Double($0.value.count)) }
        case members.name:
            guard let etcd = status["etcd"] else { return [] }
            return ["voters", "learners"].map { ([$0], Double(etcd[$0]?.integer ?? 0)) }
        default:
            return []
        }
    }
}

extension LifecycleAction.Kind {
    /// The action in one word, without what it is done with.
    var metricLabel: String {
        switch self {
        case .apply(.install): "install"
        case .apply(.noReboot): "apply"
        case .apply(.staged): "stage"
        case .apply(.try): "try"
        case .setImage: "set_image"
        case .bootstrap: "bootstrap"
        case .pull: "pull"
        case .upgrade: "upgrade"
        case .reboot: "reboot"
        case .reset: "reset"
        case .forfeitLeadership: "forfeit_leadership"
        case .leaveEtcd: "leave_etcd"
        case .removeMember: "remove_member"
        case .snapshot: "snapshot"
        case .cordon: "cordon"
        case .uncordon: "uncordon"
        case .drain: "drain"
        case .deleteNode: "delete_node"
        case .deleteMachine: "delete_machine"
        case .syncManifests: "sync_manifests"
        }
    }
}

extension ActionResult {
    /// The result in one word.
    var metricLabel: String {
        switch self {
        case .done: "done"
        case .running: "running"
        case .partly: "partly"
        case .notNow: "not_now"
        case .refused: "refused"
        case .alreadyDone: "already_done"
        case .unknown: "unknown"
        }
    }
}
