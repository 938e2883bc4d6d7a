// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
import Kubernetes
package import StructuredData
package import Talos

/// The specification of a cluster, checked: what its Machines are made from.
package struct ClusterSpec: Sendable, Hashable {
    package var clusterName: ClusterName
    package var kubernetesVersion: Version
    package var talosVersion: Version
    package var endpoint: ClusterEndpoint
    package var podSubnets: [CIDR]
    package var serviceSubnets: [CIDR]
    /// The disk that Talos is installed to.
    package var installDisk: String
    package var controlPlane: ControlPlane
    /// In the order of the specification, names unique.
    package var workers: [WorkerGroup]
    package var management: Management
    /// Settings of Talos as the user wrote them, of which this type has some read already.
    package var talosConfig: JSONObject
    /// The secret token of `talosConfig`, with which nodes join the cluster; nil if it is generated.
    package var talosToken: String?
    /// The authority of the Talos API of `talosConfig`; nil if it is generated.
    package var talosAuthority: KeyAndCertificate?
    /// The layers of all machines, the lowest first.
    package var patches: [LayerSource]
    /// The layers of single machines, by the names of the Machines; some may not be there.
    package var machinePatches: [String: [LayerSource]]
    /// Values for layers.
    package var data: JSONObject
    /// Values of single machines, which are laid over those of `data`.
    package var machineData: [String: JSONObject]
    package var schematic: SchematicSpec?
    /// What the machines are, by which their configurations are checked.
    package var validationMode: ValidationMode
    /// The version of Talos whose configurations the cluster's nodes were made with; nil for that of `talosVersion`.
    package var pinnedContract: TalosVersion?
    /// How the cluster's life is to be managed; counts with management Full.
    package var lifecycle: LifecyclePolicy
    /// Whether nothing new may be begun with the cluster.
    package var isPaused: Bool

    /// What stands in for fields that the specification leaves out.
    package enum Default {
        package static let podSubnets = ["10.244.0.0/16"].compactMap(CIDR.init)
        package static let serviceSubnets = ["10.96.0.0/12"].compactMap(CIDR.init)
        package static let installDisk = "/dev/sda"
    }
}

extension ClusterSpec {
    /// The version of Talos whose configurations are generated.
    ///
    /// Of a cluster whose nodes are upgraded it stays what it was at first, as with Talos' own tools: another release
    /// of Talos changes nothing in a configuration but the installer's image.
    package var talosContract: TalosVersion { pinnedContract ?? TalosVersion(talosVersion) }

    /// The image that installs Talos with what the schematic has in it; nil without one.
    package var installer: InstallerImage? { schematic?.installer(of: talosVersion.description) }

    /// What is wrong if the cluster was renamed although it controls the Machines `owned`; nil if it was not.
    ///
    /// They cannot be renamed along with it, and to replace every one of them is not what an edit of a name asks for.
    package func renameProblem(_ owned: [Machine]) -> FieldProblem? {
        let names = Set(owned.map { $0.metadata.labels[APINames.clusterNameLabel] ?? "" })
        // A label alone proves nothing, since it can be edited; the Machines' own names cannot.
        guard names.count == 1, let name = names.first, name != clusterName.description, !name.isEmpty,
            owned.allSatisfy({ $0.metadata.name.hasPrefix("\(name)-") })
        else { return nil }
        return FieldProblem(
            path: "spec.clusterName", problem: "must stay \(name), the name of its \(owned.count) Machines")
    }
}

/// The control plane of a cluster.
package struct ControlPlane: Sendable, Hashable {
    package var replicas: ReplicaCount
    package var template: MachineTemplate
    /// The layers of these machines, the lowest first.
    package var patches: [LayerSource] = []
}

/// Workers that are alike.
package struct WorkerGroup: Sendable, Hashable {
    package var name: WorkerGroupName
    package var replicas: ReplicaCount
    package var template: MachineTemplate
    /// The layers of these machines, the lowest first.
    package var patches: [LayerSource] = []
}

/// What the user wants in every Machine of one part of the topology; unknown fields travel untouched.
package struct MachineTemplate: Sendable, Hashable {
    package var labels: [String: String] = [:]
    package var annotations: [String: String] = [:]
    package var spec = JSONObject()
}
