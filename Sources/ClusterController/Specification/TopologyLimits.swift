// SPDX-License-Identifier: Apache-2.0

/// What only the whole topology can tell: lengths of generated names, Machines in total.
struct TopologyLimits {
    /// A Machine's name becomes a host name and a label value.
    static let longestMachineName = 63

    let clusterName: Checked<ClusterName>
    let controlPlane: Checked<ControlPlane>
    let workers: [Checked<WorkerGroup>]

    /// Reports each part whose longest Machine name is too long, and a cluster that is too large.
    func check() {
        if let name = clusterName.part { checkNames(name) }
        let total = workers.reduce(controlPlane.part?.replicas.value ?? 0) { sum, group in
            sum + (group.part?.replicas.value ?? 0)
        }
        if total > ReplicaCount.maximumOfCluster, let last = workers.last {
            last.field["replicas"].report(
                "makes \(total) Machines in all, at most \(ReplicaCount.maximumOfCluster) are allowed")
        }
    }

    private func checkNames(_ name: ClusterName) {
        let last = (controlPlane.part?.replicas.value ?? 1) - 1
        check(TopologyNode.name(name, nil, last), at: clusterName.field)
        for group in workers {
            guard let part = group.part, part.replicas.value > 0 else { continue }
            check(TopologyNode.name(name, part.name, part.replicas.value - 1), at: group.field["name"])
        }
    }

    private func check(_ name: String, at field: Field) {
        guard name.utf8.count > Self.longestMachineName else { return }
        field.report(
            "the Machine name \(Field.quote(name)) has \(name.utf8.count) characters, "
                + "at most \(Self.longestMachineName) are allowed")
    }
}
