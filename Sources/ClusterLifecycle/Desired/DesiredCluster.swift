// SPDX-License-Identifier: Apache-2.0
import PKI
package import Talos

/// What a cluster is to be, as far as its life is concerned: everything that a user decides and nothing that is observed.
package struct DesiredCluster: Sendable, Hashable {
    package var name: String
    /// The release of Talos that every node is to run.
    package var talos: Release
    /// The release of Kubernetes that every component is to run.
    package var kubernetes: Release
    /// Control plane first, then the workers, each by rising index.
    package var nodes: [DesiredNode]
    package var policy: LifecyclePolicy
    /// Whether nothing may be begun; what is observed is still told.
    package var isPaused: Bool
    /// Whether the cluster is to be taken down.
    package var isBeingDeleted: Bool
    /// The hash of the plan that somebody has approved; nil if none has been.
    package var approvedPlan: String?
    /// Changes whenever somebody asks to go on after a halt; the halt remembers what it was.
    package var resumeToken: String?
    /// What the cluster's secrets say about a bootstrap that they have served for, node and time; nil if nothing.
    ///
    /// It counts where nothing else tells of one: a record can be lost that the secrets outlive.
    package var earlierBootstrap: String?
    /// Why no change may be begun with nodes that run, by the rules over all clusters, as a sentence; nil if one may.
    ///
    /// It is asked for last, and a wait of just these words says that nothing else is in the way.
    package var fleetObstacle: String?

    package init(
        name: String, talos: Release, kubernetes: Release, nodes: [DesiredNode],
        policy: LifecyclePolicy = LifecyclePolicy(), isPaused: Bool = false, isBeingDeleted: Bool = false,
        approvedPlan: String? = nil, resumeToken: String? = nil, earlierBootstrap: String? = nil,
        fleetObstacle: String? = nil
    ) {
        self.name = name
        self.talos = talos
        self.kubernetes = kubernetes
        self.nodes = nodes
        self.policy = policy
        self.isPaused = isPaused
        self.isBeingDeleted = isBeingDeleted
        self.approvedPlan = approvedPlan
        self.resumeToken = resumeToken
        self.earlierBootstrap = earlierBootstrap
        self.fleetObstacle = fleetObstacle
    }
}

/// One node that there is to be, or that is to go.
package struct DesiredNode: Sendable, Hashable {
    /// The name of its Machine, which is the name of the Kubernetes node too.
    package var name: String
    package var role: NodeRole
    /// Whether the specification has no place for it any more: it is to be removed in good order.
    package var isSurplus: Bool
    /// Whether its machine is there, as far as its provider says; without one nothing can be done to the node.
    package var hasMachine: Bool
    /// Whether the machine is on its way out or gone by somebody else's doing.
    package var isMachineLeaving: Bool
    /// The digest of the configuration it is to have; nil if there is none to give it now.
    package var configDigest: String?
    /// The image that installs the release of Talos it is to run, with its extensions.
    package var installer: String
    /// The identity of the image's extensions; nil for one without a schematic.
    package var schematic: String?

    package init(
        name: String, role: NodeRole, isSurplus: Bool = false, hasMachine: Bool = true,
        isMachineLeaving: Bool = false, configDigest: String?, installer: String, schematic: String? = nil
    ) {
        self.name = name
        self.role = role
        self.isSurplus = isSurplus
        self.hasMachine = hasMachine
        self.isMachineLeaving = isMachineLeaving
        self.configDigest = configDigest
        self.installer = installer
        self.schematic = schematic
    }
}

/// What a node is in its cluster.
package enum NodeRole: String, Sendable, Hashable, CaseIterable {
    case controlPlane = "controlplane"
    case worker
}

/// A released version, such as `v1.12.3` or `v1.13.0-beta.1`, compared by its numbers.
package struct Release: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var major: Int
    package var minor: Int
    package var patch: Int
    /// What follows the numbers after a hyphen; empty for a proper release.
    package var suffix: String

    package init(major: Int = 1, minor: Int, patch: Int = 0, suffix: String = "") {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.suffix = suffix
    }

    /// Reads `v1.2.3`, `1.2.3` and `v1.2.3-rc.1`; nil for anything else.
    package init?(_ text: some StringProtocol) {
        let bare = text.hasPrefix("v") ? text.dropFirst() : text[...]
        let parts = bare.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = (parts.first ?? "").split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 3, parts.count == 1 || parts.last?.isEmpty == false,
            numbers.allSatisfy({
                !$0.isEmpty && $0.utf8.count <= 9 && $0.utf8.allSatisfy { (48...57).contains($0) }
            }),
            let major = Int(numbers[0]), let minor = Int(numbers[1]), let patch = Int(numbers[2])
        else { return nil }
        self.init(major: major, minor: minor, patch: patch, suffix: parts.count == 2 ? String(parts[1]) : "")
    }

    /// Compares the numbers, and where they are equal puts a pre-release before its release.
    package static func < (left: Release, right: Release) -> Bool {
        (left.major, left.minor, left.patch, left.suffix.isEmpty ? 1 : 0, left.suffix)
            < (right.major, right.minor, right.patch, right.suffix.isEmpty ? 1 : 0, right.suffix)
    }

    package var description: String {
        "v\(major).\(minor).\(patch)\(suffix.isEmpty ? "" : "-\(suffix)")"
    }

    /// Major and minor.
    package var line: TalosVersion { TalosVersion(major: major, minor: minor) }
}

extension DesiredCluster {
    /// A digest of what is desired, without approval, pause and resumption: another one ends a halt.
    package var digest: String {
        let nodes = nodes.map {
            "\($0.name) \($0.role.rawValue) \($0.isSurplus) \($0.configDigest ?? "-") \($0.installer)"
        }
        let hops = policy.upgrade.hops.values.sorted().map { "through \($0)" }
        let parts = [name, talos.description, kubernetes.description, "\(isBeingDeleted)"] + nodes + hops
        return String(SHA256.hexadecimal(of: Array(parts.joined(separator: "\n").utf8)).prefix(16))
    }
}
