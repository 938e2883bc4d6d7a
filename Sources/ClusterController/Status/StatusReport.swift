// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
package import Platform
package import StructuredData

/// The status of a cluster after a reconcile, and what of it has to be told to the API server.
package struct StatusReport: Sendable, Hashable {
    package let status: ClusterStatus
    /// The cluster it is about, as it was before.
    let cluster: KubernetesCluster

    /// The status of a cluster that stays.
    package init(_ cluster: KubernetesCluster, _ outcome: ClusterOutcome, at now: Timestamp) {
        var writer = ConditionWriter(cluster, at: now)
        writer.reportTopology(outcome)
        writer.reportMachines(outcome)
        writer.reportFiles(outcome)
        writer.reportConfig(outcome)
        writer.reportLifecycle(outcome)
        let phase = Self.phase(outcome)
        writer.reportReadiness(outcome)
        self.init(
            cluster, phase, outcome.machines, controlPlaneReady: outcome.isControlPlaneReady, writer,
            outcome.lifecycle)
    }

    /// The status of a cluster that waits for its Machines to be gone.
    ///
    /// - Parameters:
    ///   - cluster: the cluster, as it was before.
    ///   - machines: the Machines that are still there.
    ///   - filesProblem: why its manifests cannot be removed, if they cannot.
    ///   - now: the time to report.
    package init(
        deleting cluster: KubernetesCluster, _ machines: [Machine], filesProblem: String? = nil,
        at now: Timestamp
    ) {
        var writer = ConditionWriter(cluster, at: now)
        writer.reportDeletion(machines.count, filesProblem)
        self.init(cluster, .deleting, machines, controlPlaneReady: false, writer)
    }

    /// The status of a cluster whose nodes are taken down before their Machines go, or which may not go yet.
    ///
    /// - Parameters:
    ///   - cluster: the cluster, as it was before.
    ///   - machines: the Machines that are still there.
    ///   - outcome: how the taking down goes.
    ///   - message: what is done or waited for.
    ///   - reason: why it is not ready.
    ///   - now: the time to report.
    init(
        deleting cluster: KubernetesCluster, _ machines: [Machine], _ outcome: ClusterOutcome,
        _ message: String, reason: String = ConditionReason.deleting, at now: Timestamp
    ) {
        var writer = ConditionWriter(cluster, at: now)
        writer.reportLifecycle(outcome)
        writer.set(.ready, false, reason, message)
        self.init(cluster, .deleting, machines, controlPlaneReady: false, writer, outcome.lifecycle)
    }

    private init(
        _ cluster: KubernetesCluster, _ phase: ClusterPhase, _ machines: [Machine], controlPlaneReady: Bool,
        _ writer: ConditionWriter, _ lifecycle: ClusterOutcome.Lifecycle = .untouched
    ) {
        var status = cluster.status
        status.phase = phase
        status.conditions = writer.conditions
        status.controlPlaneReady = controlPlaneReady
        status.workersReady = machines.count { $0.role == .worker && $0.isReadyToStay }
        status.machineCount = machines.count
        status.observedGeneration = cluster.metadata.generation
        switch lifecycle {
        case .untouched, .failed: break
        case .unmanaged: status.lifecycle = nil
        case .seen(let report, let record, let standing):
            status.lifecycle = LifecycleStatus(report, record, standing: standing)
        }
        self.status = status
        self.cluster = cluster
    }

    /// The merge patch for the status subresource; nil if nothing but `lastUpdated` would change.
    ///
    /// It holds the version that the report is about, so that it cannot overwrite what somebody else changed.
    package func patch(at now: Timestamp) -> JSONValue? {
        guard status != cluster.status else { return nil }
        var updated = status
        updated.lastUpdated = now
        var json = updated.json.object ?? JSONObject()
        // A merge patch leaves what it does not name: what is not told any more has to be taken away.
        let told = cluster.status.lifecycle?.json
        json["lifecycle"] = JSONValue.mergePatch(
            from: told ?? .null, to: updated.lifecycle?.json ?? .null)
        return [
            "metadata": ["resourceVersion": .string(cluster.metadata.resourceVersion.text)],
            "status": .object(json),
        ]
    }

    private static func phase(_ outcome: ClusterOutcome) -> ClusterPhase {
        guard let desired = outcome.desired, !outcome.isConfigRefused else { return .failed }
        let current = outcome.current
        if current.contains(where: { $0.state == .failed }) { return .failed }
        if outcome.machines.isEmpty { return .pending }
        switch outcome.lifecycle {
        case .seen(let report, let record, _): return phase(report, record)
        case .failed, .untouched, .unmanaged: break
        }
        let isComplete =
            outcome.machineProblems.isEmpty && current.count(where: \.isReadyToStay) == desired.count
        return isComplete ? .running : .provisioning
    }

    /// Of a cluster whose life is managed the nodes count, not what a provider says of their machines.
    private static func phase(_ report: LifecycleReport, _ record: LifecycleRecord) -> ClusterPhase {
        switch report.state {
        case .halted:
            record.bootstrap?.isConfirmed == true && report.halt?.reason != .clusterLost ? .running : .failed
        case .notStarted, .waitingForMachines, .installing, .bootstrapping: .provisioning
        case .tearingDown: .deleting
        default: record.bootstrap?.isConfirmed == true ? .running : .provisioning
        }
    }
}
