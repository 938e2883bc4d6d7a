// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import StructuredData

/// All that a pass over a cluster is made from and that the API objects say.
struct LifecycleSubject: Sendable {
    var spec: ClusterSpec
    /// What each node is to be given, by its name; a node without an entry is given nothing now.
    var configs: [String: NodeRoster.NodeConfig]

    init(_ spec: ClusterSpec, configs: [String: NodeRoster.NodeConfig] = [:]) {
        self.spec = spec
        self.configs = configs
    }

    /// The nodes of a cluster and where they may be.
    func roster(owned: [Machine], _ record: LifecycleRecord) -> NodeRoster {
        var roster = NodeRoster(spec, owned: owned, record)
        roster.configs = configs
        return roster
    }

    /// What the cluster is to be, its annotations included.
    func desired(
        _ cluster: KubernetesCluster, _ nodes: [DesiredNode], fleetObstacle: String? = nil
    ) -> DesiredCluster {
        var desired = DesiredCluster(spec, nodes: nodes, isBeingDeleted: cluster.metadata.isBeingDeleted)
        let annotations = cluster.metadata.annotations
        desired.isPaused = cluster.isPaused
        desired.approvedPlan = annotations[APINames.approvedPlanAnnotation]
        desired.resumeToken = annotations[APINames.resumeAnnotation]
        desired.policy.deletion.isProtected = cluster.isProtected
        desired.fleetObstacle = fleetObstacle
        return desired
    }
}

extension KubernetesCluster {
    /// Whether an annotation is there that says anything but `false`.
    func isOn(_ annotation: String) -> Bool {
        metadata.annotations[annotation].map { $0 != "false" } ?? false
    }

    /// Whether nothing new may be begun with its nodes, by specification or annotation.
    var isPaused: Bool { spec["paused"]?.bool == true || isOn(APINames.pausedAnnotation) }

    /// Whether somebody keeps the cluster from being deleted.
    var isProtected: Bool { isOn(APINames.deletionProtectionAnnotation) }
}
