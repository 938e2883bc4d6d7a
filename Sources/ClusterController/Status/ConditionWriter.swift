// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform

/// Says in conditions what a reconcile found; the transition time moves only when a status does.
struct ConditionWriter {
    /// In bytes: fits onto a screen, and far into the 32 KiB of a condition.
    private static let longestMessage = 2000

    private(set) var conditions: [ConditionType: Condition]
    private let generation: Int64
    private let now: Timestamp

    init(_ cluster: KubernetesCluster, at now: Timestamp) {
        conditions = cluster.status.conditions
        generation = cluster.metadata.generation
        self.now = now
    }

    mutating func set(_ type: ConditionType, _ isTrue: Bool, _ reason: String, _ message: String) {
        // The API keeps whole seconds; a fraction would make the condition differ from itself.
        let second = Timestamp(nanosecondsSince1970: Int64(now.secondsSince1970) * 1_000_000_000)
        let known = conditions[type].map { [$0] } ?? []
        conditions[type] =
            known.setting(
                type.rawValue, isTrue ? .true : .false, reason: reason,
                message: message.truncated(toBytes: Self.longestMessage), observedGeneration: generation,
                at: second
            ).first
    }

    /// Takes back what was said.
    mutating func drop(_ type: ConditionType) {
        conditions[type] = nil
    }

    mutating func reportTopology(_ outcome: ClusterOutcome) {
        guard outcome.problems.isEmpty else {
            let problems = outcome.problems.map(\.description).joined(separator: "; ")
            return set(.topologyValid, false, ConditionReason.validationFailed, problems)
        }
        let warnings = outcome.warnings.map { "; warning: \($0)" }.joined()
        let count = outcome.desired?.count ?? 0
        set(
            .topologyValid, true, ConditionReason.validationSucceeded,
            "A topology of \(count) Machines\(warnings)")
    }

    /// Says nothing about the Machines of a specification that cannot be read.
    mutating func reportMachines(_ outcome: ClusterOutcome) {
        guard let desired = outcome.desired else { return }
        let problems = outcome.machineProblems
        if problems.isEmpty {
            set(
                .machinesCreated, true, ConditionReason.creationSucceeded,
                "All \(desired.count) Machines exist")
        } else {
            set(.machinesCreated, false, ConditionReason.creationFailed, problems.joined(separator: "; "))
        }
    }

    mutating func reportFiles(_ outcome: ClusterOutcome) {
        switch outcome.files {
        case .untouched:
            break
        case .generated(let directory):
            set(.filesGenerated, true, ConditionReason.generationSucceeded, "Manifests are in \(directory)")
        case .failed(let problem):
            set(.filesGenerated, false, ConditionReason.generationFailed, problem)
        }
    }

    /// Says nothing, and takes back what was said, about configurations that are not the operator's to make.
    mutating func reportConfig(_ outcome: ClusterOutcome) {
        switch outcome.config {
        case .untouched: break
        case .unmanaged: conditions[.configGenerated] = nil
        case .generated(let message): set(.configGenerated, true, ConditionReason.configSucceeded, message)
        case .failed(let reason, let message): set(.configGenerated, false, reason, message)
        }
    }

    /// Says what a deletion waits for.
    mutating func reportDeletion(_ machines: Int, _ filesProblem: String?) {
        if let filesProblem { set(.filesGenerated, false, ConditionReason.generationFailed, filesProblem) }
        let message =
            "Waiting for \(filesProblem == nil ? "\(machines) Machines" : "its manifests") to be gone"
        set(.ready, false, ConditionReason.deleting, message)
    }

    mutating func reportReadiness(_ outcome: ClusterOutcome) {
        guard let desired = outcome.desired else {
            return set(.ready, false, ConditionReason.validationFailed, "The specification is invalid")
        }
        if case .failed(let reason, _) = outcome.config {
            return set(.ready, false, reason, "The Machines' configurations are not as they should be")
        }
        let failed = outcome.current.filter { $0.state == .failed }.map(\.metadata.name).sorted()
        if !failed.isEmpty {
            return set(
                .ready, false, ConditionReason.machinesFailed, "Failed: \(failed.joined(separator: ", "))")
        }
        let ready = outcome.current.count(where: \.isReadyToStay)
        let areReady = ready == desired.count && outcome.machineProblems.isEmpty
        if reportLife(outcome.lifecycle, areMachinesReady: areReady) { return }
        if areReady {
            return set(.ready, true, ConditionReason.machinesReady, "All \(desired.count) Machines are ready")
        }
        set(
            .ready, false, ConditionReason.machinesNotReady, "\(ready) of \(desired.count) Machines are ready"
        )
    }
}
