// SPDX-License-Identifier: Apache-2.0
package import Platform

/// What cannot be seen by looking at a cluster and must not be forgotten: it is written before anything is done by it.
///
/// Whoever carries on with a cluster, after a restart or in the place of another, knows from this and from a new look
/// what was under way.
package struct LifecycleRecord: Sendable, Hashable {
    /// The one bootstrap of the cluster; once it is there it is never taken back.
    package var bootstrap: BootstrapRecord?
    /// What is under way, by the node it is done to; one of the control plane at most.
    package var operations: [String: NodeOperation] = [:]
    /// Why nothing more is begun; nil if nothing is in the way.
    package var halt: Halt?
    /// The items of the plan that were approved, each by its digest.
    package var approvedItems: Set<String> = []
    /// What is known about single nodes, by name.
    package var nodes: [String: NodeRecord] = [:]
    /// The cluster is being taken down since.
    package var teardownSince: Timestamp?
    /// The version of Kubernetes that the present upgrade leads to; nil if none is under way.
    package var kubernetesTarget: Release?
    /// The next release of Talos on the way to the desired one; nil if none is under way.
    package var talosTarget: Release?
    /// When a snapshot of etcd was last kept, and where.
    package var snapshot: SnapshotRecord?

    package init() {}
}

/// The request that made a cluster of a node, once.
package struct BootstrapRecord: Sendable, Hashable {
    /// The node that was asked; no other one is ever asked.
    package var node: String
    package var since: Timestamp
    /// Whether etcd has been seen to run since.
    package var isConfirmed: Bool
    /// Whether the node has said that it does so, or that it has done so before: it is not asked again then.
    package var isAccepted = false
    /// What the node said the last time; no secret.
    package var lastError: String?

    package init(node: String, since: Timestamp, isConfirmed: Bool = false) {
        self.node = node
        self.since = since
        self.isConfirmed = isConfirmed
    }
}

/// One node's part of what is under way.
package struct NodeOperation: Sendable, Hashable {
    /// What is done to the node.
    package enum Kind: Sendable, Hashable {
        /// The first configuration, given in maintenance mode.
        case install
        /// Another configuration; the digest of the desired one.
        case configure(digest: String)
        /// Another release of Talos or other extensions, by the installer's image.
        case upgrade(image: String, to: Release)
        /// A component of Kubernetes.
        case component(KubernetesComponent, to: Release)
        /// The node leaves for good.
        case remove
        /// The machine was lost and its member of etcd is taken out, so that another can take its place.
        case replace
        /// A reset at the end of the cluster.
        case teardown
    }

    package var kind: Kind
    package var step: OperationStep
    /// When the operation began.
    package var started: Timestamp
    /// When the step began: its deadline counts from here.
    package var since: Timestamp
    /// The boot of the node before it was disturbed.
    package var bootID: String?
    /// How many times the request of this step was made.
    package var attempts = 0
    /// What the last try said; no secret.
    package var lastError: String?
    /// Since when the node has been well without interruption.
    package var wellSince: Timestamp?
    /// Its member of etcd, which it is known by from here on.
    package var memberID: UInt64?
    /// Whether it stands still because of a halt: when that is lifted the step has all its time again.
    package var isHalted = false

    package init(_ kind: Kind, _ step: OperationStep, at now: Timestamp) {
        self.kind = kind
        self.step = step
        started = now
        since = now
    }

    /// Goes on to the next step.
    package mutating func advance(to next: OperationStep, at now: Timestamp) {
        step = next
        since = now
        attempts = 0
        lastError = nil
        wellSince = nil
    }
}

/// The steps of all operations; each operation goes through some of them, in an order of its own.
package enum OperationStep: String, Sendable, Hashable, CaseIterable {
    case checking = "Checking"
    case snapshotting = "Snapshotting"
    case pulling = "PullingImage"
    case cordoning = "Cordoning"
    case draining = "Draining"
    case applying = "Applying"
    case installing = "Installing"
    case rebooting = "Rebooting"
    case verifying = "Verifying"
    case settling = "Settling"
    case uncordoning = "Uncordoning"
    case syncing = "SyncingManifests"
    case forfeiting = "ForfeitingLeadership"
    case leavingEtcd = "LeavingEtcd"
    case removingMember = "RemovingMember"
    case resetting = "Resetting"
    case deletingNode = "DeletingNode"
    case deletingMachine = "DeletingMachine"
}

/// What is known about a node between two looks.
package struct NodeRecord: Sendable, Hashable {
    /// The public key it showed in maintenance mode the first time; another one is refused.
    package var fingerprint: String?
    /// Whether it was ever seen with a configuration of this cluster.
    package var wasConfigured = false
    /// The digest of the desired configuration that it was last seen to have.
    package var appliedDigest: String?
    /// The last address that it answered at.
    package var address: String?
    /// Since when it has not answered; nil while it does.
    package var silentSince: Timestamp?
    /// Since when its machine has been ready.
    package var readySince: Timestamp?
    /// Since when a control-plane node has been known to run no etcd; nil if that is not known.
    ///
    /// A machine that was found empty has not run any since 1970.
    package var etcdIdleSince: Timestamp?
    /// The last change of its configuration that was staged or tried out, by its hash: neither is done twice.
    package var handledChange: String?

    package init() {}
}

/// A snapshot of etcd that was kept.
package struct SnapshotRecord: Sendable, Hashable {
    package var at: Timestamp
    package var location: String

    package init(at: Timestamp, location: String) {
        self.at = at
        self.location = location
    }
}

/// Why nothing more is begun until somebody has looked.
package struct Halt: Sendable, Hashable {
    package var reason: HaltReason
    package var message: String
    package var node: String?
    package var since: Timestamp
    /// The resume token at that time; another one ends the halt.
    package var resumeToken: String?
    /// The generation of the plan at that time: another desired state ends the halt.
    package var desiredHash: String

    package init(
        _ reason: HaltReason, _ message: String, node: String?, at since: Timestamp, resumeToken: String?,
        desiredHash: String
    ) {
        self.reason = reason
        self.message = message
        self.node = node
        self.since = since
        self.resumeToken = resumeToken
        self.desiredHash = desiredHash
    }
}

/// The reasons for a halt; there is a page about each.
package enum HaltReason: String, Sendable, Hashable, CaseIterable {
    /// A machine never answered, or shows another key than at first.
    case contactTimedOut = "ContactTimedOut"
    case identityChanged = "IdentityChanged"
    /// A node does not take its configuration.
    case configRejected = "ConfigRejected"
    /// A node has taken another configuration and is not well with it.
    case configFailed = "ConfigFailed"
    /// A node was configured and did not come up.
    case installTimedOut = "InstallTimedOut"
    /// A machine waits for its configuration again after it was given one, with another key.
    case installFailed = "InstallFailed"
    /// It is not known what became of the one bootstrap, and it does not show in time.
    case bootstrapUncertain = "BootstrapUncertain"
    /// The cluster's secrets say that it was bootstrapped, and neither the record nor anything that shows does.
    case bootstrappedBefore = "BootstrappedBefore"
    /// The cluster was bootstrapped once, and no etcd is left.
    case clusterLost = "ClusterLost"
    /// Something else than this cluster's etcd was found where it should be.
    case foreignEtcd = "ForeignEtcd"
    case etcdUnhealthy = "EtcdUnhealthy"
    /// A step would take the quorum from etcd.
    case quorumAtRisk = "QuorumAtRisk"
    case unsupportedPath = "UnsupportedPath"
    case imagePullFailed = "ImagePullFailed"
    case drainTimedOut = "DrainTimedOut"
    case upgradeFailed = "UpgradeFailed"
    /// A node came up again with what it ran before.
    case upgradeRolledBack = "UpgradeRolledBack"
    case rebootTimedOut = "RebootTimedOut"
    case componentFailed = "ComponentFailed"
    case removalFailed = "RemovalFailed"
    case resetFailed = "ResetFailed"
    case snapshotFailed = "SnapshotFailed"
    /// The cluster is protected from deletion.
    case deletionProtected = "DeletionProtected"
}
