// SPDX-License-Identifier: Apache-2.0
package import Platform

/// What people are told about a cluster's life: the same for a status, a terminal and a metric.
///
/// It holds nothing that changes at every look, such as an age or a position in etcd's log: equal states make equal
/// reports, so that a status is written only when there is something to tell.
package struct LifecycleReport: Sendable, Hashable {
    /// What the cluster is doing, in one word.
    package enum State: String, Sendable, Hashable, CaseIterable {
        case notStarted = "NotStarted"
        case waitingForMachines = "WaitingForMachines"
        case installing = "Installing"
        case bootstrapping = "Bootstrapping"
        case running = "Running"
        /// It is complete, nothing is under way, and it is not healthy.
        case degraded = "Degraded"
        case configuring = "Configuring"
        case upgradingTalos = "UpgradingTalos"
        case upgradingKubernetes = "UpgradingKubernetes"
        case scalingDown = "ScalingDown"
        case replacing = "Replacing"
        case tearingDown = "TearingDown"
        case halted = "Halted"
        case paused = "Paused"
        case waitingForApproval = "WaitingForApproval"
        case waitingForWindow = "WaitingForWindow"
    }

    /// One thing that is done to one node.
    package struct Step: Sendable, Hashable {
        package var node: String
        /// As `NodeOperation.Kind.name`.
        package var operation: String
        package var step: OperationStep
        package var since: Timestamp
        /// What the last try said.
        package var message: String?
    }

    /// How a node's configuration compares with the one it is to have.
    package enum Config: String, Sendable, Hashable, CaseIterable {
        case unknown = "Unknown"
        case inSync = "InSync"
        /// Another one was asked for and has not reached the node yet.
        case pending = "Pending"
        /// As `pending`, and it takes a reboot.
        case pendingReboot = "PendingReboot"
        /// Nobody asked for another one, and yet the node has one.
        case drifted = "Drifted"
        /// It is there and takes effect with the next reboot.
        case staged = "Staged"
        /// The node would refuse it.
        case refused = "Refused"
    }

    /// A node's member of etcd.
    package struct Member: Sendable, Hashable {
        package var id: UInt64
        package var isLeader: Bool
        package var isLearner: Bool

        /// As etcd's own tools write it.
        package var hexadecimal: String { String(id, radix: 16) }
    }

    /// A row of the table of nodes.
    package struct Node: Sendable, Hashable {
        package var name: String
        package var role: NodeRole
        package var address: String?
        /// The stage that the node tells, or why there is none: `no machine`, `no address`, `unreachable`, `refused`.
        package var stage: String
        /// Ready for Talos and, once Kubernetes has been seen, for Kubernetes.
        package var isReady: Bool
        /// What is wrong with it, in a sentence; nil if nothing is known to be.
        package var problem: String?
        package var talos: Release?
        package var schematic: String?
        /// The kubelet's.
        package var kubernetes: Release?
        package var config: Config
        /// Why it is not known how the configuration compares; nil if it is, or if there is no more to say.
        package var configProblem: String?
        package var member: Member?
        package var step: OperationStep?
        /// Whether it is on its way out.
        package var isLeaving: Bool
    }

    /// What is to be done to nodes that run.
    package struct Plan: Sendable, Hashable {
        /// One thing that is to be done.
        package struct Item: Sendable, Hashable {
            package var node: String
            /// What is done, in words, with no secret in it.
            package var summary: String
            package var isApproved: Bool

            package init(node: String, summary: String, isApproved: Bool) {
                self.node = node
                self.summary = summary
                self.isApproved = isApproved
            }
        }

        package var hash: String
        package var items: [Item]

        package init(hash: String, items: [Item]) {
            self.hash = hash
            self.items = items
        }

        package var isApproved: Bool { items.allSatisfy(\.isApproved) }
    }

    /// What etcd is, in a few numbers.
    package struct Etcd: Sendable, Hashable {
        package var voters: Int
        package var learners: Int
        /// The node that leads; nil if none does or it is not known.
        package var leader: String?
        /// Alarms that are raised, as in `NOSPACE on a1b2`.
        package var alarms: [String]
    }

    /// The lowest and the highest release among nodes that told theirs.
    package struct Versions: Sendable, Hashable {
        package var lowest: Release
        package var highest: Release
    }

    package var state: State
    /// A sentence for people.
    package var message: String
    /// Since when; nil if that is not kept.
    package var since: Timestamp?
    package var halt: Halt?
    /// What is under way, by node.
    package var steps: [Step]
    /// What is waited for, most important first.
    package var waits: [Wait]
    package var nodes: [Node]
    package var plan: Plan?
    package var health: HealthVerdict
    package var etcd: Etcd?
    package var talos: Versions?
    package var kubernetes: Versions?

    /// The nodes whose configuration is not what was rendered, though nobody asked for a change.
    package var drifted: [String] { nodes.filter { $0.config == .drifted }.map(\.name) }
}
