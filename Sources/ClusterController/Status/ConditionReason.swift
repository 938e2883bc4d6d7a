// SPDX-License-Identifier: Apache-2.0

/// The reasons of conditions, which are those of events too.
package enum ConditionReason {
    package static let validationSucceeded = "ValidationSucceeded"
    package static let validationFailed = "ValidationFailed"
    package static let creationSucceeded = "CreationSucceeded"
    package static let creationFailed = "CreationFailed"
    package static let generationSucceeded = "GenerationSucceeded"
    package static let generationFailed = "GenerationFailed"
    /// Every Machine's configuration is made and stored.
    package static let configSucceeded = "ConfigSucceeded"
    /// The configuration that the specification and its layers make is invalid.
    package static let configInvalid = "ConfigInvalid"
    /// A Secret could not be read or written.
    package static let configFailed = "ConfigFailed"
    /// The cluster's secrets are gone or others, and no new ones are made.
    package static let secretsLost = "SecretsLost"
    /// The operator was started without the right to make configurations.
    package static let managementDisabled = "ManagementDisabled"
    /// Ready: every Machine exists and is ready.
    package static let machinesReady = "MachinesReady"
    /// Not ready: Machines are missing or not ready yet.
    package static let machinesNotReady = "MachinesNotReady"
    /// Not ready: a provider has given up on a Machine.
    package static let machinesFailed = "MachinesFailed"
    /// Etcd was seen to run.
    package static let bootstrapped = "Bootstrapped"
    /// No node was asked to begin etcd yet, or it was not seen to run yet.
    package static let notBootstrapped = "NotBootstrapped"
    /// Every check of the cluster passes.
    package static let checksPassed = "ChecksPassed"
    /// A check of the cluster fails, or nobody could say.
    package static let checksFailed = "ChecksFailed"
    /// Something is done to a node.
    package static let operationUnderWay = "OperationUnderWay"
    /// Nothing is done to any node.
    package static let nothingUnderWay = "NothingUnderWay"
    /// Nodes have other configurations than the operator gave them.
    package static let configDrifted = "ConfigDrifted"
    /// Nodes have configurations that cannot be compared with those they are to have.
    package static let configUnknown = "ConfigUnknown"
    /// Nodes have the configurations that the operator gave them, or are about to get others.
    package static let configInSync = "ConfigInSync"
    /// Nothing is begun with the nodes until somebody has looked; the message begins with the reason for that.
    package static let halted = "Halted"
    /// Nothing keeps the operator from what it has to do.
    package static let notHalted = "NotHalted"
    /// The nodes could not be looked at.
    package static let lifecycleFailed = "LifecycleFailed"
    /// Ready: every Machine is ready, every node is as it should be, and every check passes.
    package static let clusterRunning = "ClusterRunning"
    /// Not ready: the Machines are there, and not all of the cluster runs as it should.
    package static let clusterNotRunning = "ClusterNotRunning"
    /// Not ready: the cluster is to be deleted, and somebody has protected it from that.
    package static let deletionProtected = "DeletionProtected"
    /// Not ready: the cluster is to be deleted, and its nodes cannot be wiped first.
    package static let resetBlocked = "ResetBlocked"
    /// Not ready: the cluster is being deleted.
    package static let deleting = "Deleting"
}
