// SPDX-License-Identifier: Apache-2.0

/// The reasons of conditions, which are those of events too.
package enum ConditionReason {
    package static let validationSucceeded = "ValidationSucceeded"
    package static let validationFailed = "ValidationFailed"
    package static let creationSucceeded = "CreationSucceeded"
    package static let creationFailed = "CreationFailed"
    package static let generationSucceeded = "GenerationSucceeded"
    package static let generationFailed = "GenerationFailed"
    /// Ready: every Machine exists and is ready.
    package static let machinesReady = "MachinesReady"
    /// Not ready: Machines are missing or not ready yet.
    package static let machinesNotReady = "MachinesNotReady"
    /// Not ready: a provider has given up on a Machine.
    package static let machinesFailed = "MachinesFailed"
    /// Not ready: the cluster is being deleted.
    package static let deleting = "Deleting"
}
