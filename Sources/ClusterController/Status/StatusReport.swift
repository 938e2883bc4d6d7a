// SPDX-License-Identifier: Apache-2.0
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
        let phase = Self.phase(outcome)
        writer.reportReadiness(outcome, phase)
        self.init(
            cluster, phase, outcome.machines, controlPlaneReady: outcome.isControlPlaneReady, writer)
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

    private init(
        _ cluster: KubernetesCluster, _ phase: ClusterPhase, _ machines: [Machine], controlPlaneReady: Bool,
        _ writer: ConditionWriter
    ) {
        var status = cluster.status
        status.phase = phase
        status.conditions = writer.conditions
        status.controlPlaneReady = controlPlaneReady
        status.workersReady = machines.count { $0.role == .worker && $0.isReadyToStay }
        status.machineCount = machines.count
        status.observedGeneration = cluster.metadata.generation
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
        return [
            "metadata": ["resourceVersion": .string(cluster.metadata.resourceVersion.text)],
            "status": updated.json,
        ]
    }

    private static func phase(_ outcome: ClusterOutcome) -> ClusterPhase {
        guard let desired = outcome.desired, !outcome.isConfigRefused else { return .failed }
        let current = outcome.current
        if current.contains(where: { $0.state == .failed }) { return .failed }
        if outcome.machines.isEmpty { return .pending }
        let isComplete =
            outcome.machineProblems.isEmpty && current.count(where: \.isReadyToStay) == desired.count
        return isComplete ? .running : .provisioning
    }
}
