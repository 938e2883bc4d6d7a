// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
import Kubernetes

/// What a reconcile found and did: all that the status is computed from.
package struct ClusterOutcome: Sendable, Hashable {
    /// How the manifests fared.
    package enum Files: Sendable, Hashable {
        /// They were not looked at, so what was said about them stays said.
        case untouched
        /// They are as they should be, in this directory below the results path.
        case generated(directory: String)
        /// They are not, and why.
        case failed(String)
    }

    /// How the Machines' configurations fared.
    package enum Config: Sendable, Hashable {
        /// They were not looked at, so what was said about them stays said.
        case untouched
        /// They are not the operator's to make, so nothing is said about them.
        case unmanaged
        /// They are stored as they should be; a sentence with counts.
        case generated(String)
        /// They are not: the reason of the condition, and a sentence for people.
        case failed(reason: String, message: String)
    }

    /// How the cluster's life goes.
    package enum Lifecycle: Sendable, Hashable {
        /// It was not looked at, so what was said about it stays said.
        case untouched
        /// It is not the operator's to manage, so nothing is said about it.
        case unmanaged
        /// What is to be told of it, and the record as it is stored.
        case seen(LifecycleReport, LifecycleRecord, FleetStanding?)
        /// It could not be looked at, and why.
        case failed(String)
    }

    /// What is wrong with the specification; empty if nothing is.
    package var problems: [FieldProblem] = []
    package var warnings: [FieldProblem] = []
    /// The Machines that the specification asks for; nil if it is invalid.
    package var desired: [DesiredMachine]?
    /// The Machines that the cluster controls, after all writes.
    package var machines: [Machine] = []
    package var created = 0
    package var deleted = 0
    /// Why desired Machines do not exist or are not as they should be, one sentence each.
    package var machineProblems: [String] = []
    package var files = Files.untouched
    package var config = Config.untouched
    package var lifecycle = Lifecycle.untouched

    /// The outcome so far: nothing but the Machines that there are.
    package init(machines: [Machine] = []) {
        self.machines = machines
    }

    /// Adds what became of the Machines, of which `machines` exist now.
    mutating func take(_ results: MachineResults, _ desired: [DesiredMachine], _ machines: [Machine]) {
        self.desired = desired
        self.machines = machines
        machineProblems = results.problems
        created = results.created.count
        deleted = results.deleted
    }

    /// Adds what became of the cluster's life, after which `machines` exist.
    mutating func take(_ life: LifecycleResult, _ machines: [Machine]) {
        lifecycle = life.outcome
        self.machines = machines
    }

    /// The Machines that the specification asks for and that exist; all of them if it is invalid.
    var current: [Machine] {
        guard let desired else { return machines }
        let wanted = Set(desired.map(\.key))
        return machines.filter { wanted.contains($0.key) }
    }

    /// Whether the configurations cannot be as they should before somebody changes something.
    var isConfigRefused: Bool {
        if case .failed(let reason, _) = config { reason != ConditionReason.configFailed } else { false }
    }

    /// Whether there is a control plane and every Machine of it is ready.
    var isControlPlaneReady: Bool {
        let controlPlane = current.filter { $0.role == .controlPlane }
        let count = desired?.count { $0.role == .controlPlane } ?? max(controlPlane.count, 1)
        return controlPlane.count { $0.isReadyToStay } == count
    }
}

extension Machine {
    /// Whether it is ready and not on its way out.
    var isReadyToStay: Bool { isReady && !metadata.isBeingDeleted }

    /// The role that its label tells.
    var role: MachineRole? {
        metadata.labels[APINames.roleLabel].flatMap(MachineRole.init)
    }
}
