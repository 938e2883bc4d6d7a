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
    /// Not ready: the cluster is being deleted.
    package static let deleting = "Deleting"
}
