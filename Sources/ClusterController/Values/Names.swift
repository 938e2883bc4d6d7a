// SPDX-License-Identifier: Apache-2.0
import Platform

/// The Talos name of a cluster: a DNS-1123 label, for it becomes part of object names, labels and file paths.
package struct ClusterName: ParsedText, CustomStringConvertible {
    package let description: String

    package init?(_ text: String) {
        guard DNS1123.isLabel(text) else { return nil }
        description = text
    }

    package static func rule(against text: String) -> String { DNS1123.labelRule }
}

/// The name of a worker group: a DNS-1123 label that cannot be taken for the control plane's `cp`.
package struct WorkerGroupName: ParsedText, CustomStringConvertible {
    package let description: String

    package init?(_ text: String) {
        guard DNS1123.isLabel(text), text != MachineRole.controlPlaneNamePart else { return nil }
        description = text
    }

    package static func rule(against text: String) -> String {
        text == MachineRole.controlPlaneNamePart
            ? "another name: \"cp\" names the control plane's Machines" : DNS1123.labelRule
    }
}

/// What a Machine is in its cluster; the raw value is both the label and the Talos machine type.
package enum MachineRole: String, Sendable, Hashable, CaseIterable {
    case controlPlane = "controlplane"
    case worker

    /// What stands between cluster name and index in the name of a control plane Machine.
    package static let controlPlaneNamePart = "cp"
}

/// How many Machines a part of the topology has.
package struct ReplicaCount: Sendable, Hashable {
    /// The most workers of one group; more is a slip of the finger.
    package static let maximumOfGroup: Int64 = 1000
    /// The most Machines of one cluster: Kubernetes itself is built for 5000 nodes.
    package static let maximumOfCluster = 5000

    package let value: Int

    /// Control planes: an odd number, so that etcd keeps its quorum when a member is lost; nil otherwise.
    package init?(controlPlane count: Int64) {
        guard [1, 3, 5, 7].contains(count) else { return nil }
        value = Int(count)
    }

    /// Workers of one group: 0 to `maximumOfGroup`; nil otherwise.
    package init?(workers count: Int64) {
        guard (0...Self.maximumOfGroup).contains(count) else { return nil }
        value = Int(count)
    }
}
