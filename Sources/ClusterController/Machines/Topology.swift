// SPDX-License-Identifier: Apache-2.0

/// The Machines that a cluster is to have: control plane first, then the worker groups as they are listed, each
/// by rising index.
package struct Topology: Sendable, Hashable {
    package var nodes: [TopologyNode]

    /// The topology a specification asks for; names are unique, for validation has seen to it.
    package init(_ spec: ClusterSpec) {
        let name = spec.clusterName
        let controlPlane = (0..<spec.controlPlane.replicas.value).map { index in
            TopologyNode(
                clusterName: name, group: nil, index: index, template: spec.controlPlane.template)
        }
        let workers = spec.workers.flatMap { group in
            (0..<group.replicas.value).map { index in
                TopologyNode(clusterName: name, group: group.name, index: index, template: group.template)
            }
        }
        nodes = controlPlane + workers
    }
}

/// One place in a topology.
package struct TopologyNode: Sendable, Hashable {
    package var clusterName: ClusterName
    /// Nil for the control plane.
    package var group: WorkerGroupName?
    /// Counts from 0 within the control plane or the group.
    package var index: Int
    package var template: MachineTemplate

    package var role: MachineRole { group == nil ? .controlPlane : .worker }

    /// The name of its Machine.
    package var name: String { Self.name(clusterName, group, index) }

    /// `{cluster-name}-cp-{index}` or `{cluster-name}-{worker-group}-{index}`.
    static func name(_ cluster: ClusterName, _ group: WorkerGroupName?, _ index: Int) -> String {
        "\(cluster)-\(group?.description ?? MachineRole.controlPlaneNamePart)-\(index)"
    }
}
