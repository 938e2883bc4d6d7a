// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

/// The conditions of clusters whose lives the operator manages.
extension ConditionWriter {
    /// The conditions that no other cluster has.
    private static let types: [ConditionType] = [.bootstrapped, .healthy, .progressing, .drifted, .halted]

    /// Says how a cluster's life goes; takes back what was said of one that is not the operator's to manage.
    mutating func reportLifecycle(_ outcome: ClusterOutcome) {
        switch outcome.lifecycle {
        case .untouched: break
        case .unmanaged: for type in Self.types { drop(type) }
        case .failed(let problem): set(.healthy, false, ConditionReason.lifecycleFailed, problem)
        case .seen(let report, let record, _):
            reportBootstrap(record.bootstrap)
            reportHealth(report.health)
            reportProgress(report)
            reportDrift(report)
            reportHalt(report.halt)
        }
    }

    private mutating func reportBootstrap(_ bootstrap: BootstrapRecord?) {
        guard let bootstrap else {
            return set(
                .bootstrapped, false, ConditionReason.notBootstrapped, "No node was asked to begin etcd yet")
        }
        if bootstrap.isConfirmed {
            set(
                .bootstrapped, true, ConditionReason.bootstrapped,
                "Etcd was begun on \(Self.name(bootstrap.node)) at \(bootstrap.since.rfc3339())")
        } else {
            set(
                .bootstrapped, false, ConditionReason.notBootstrapped,
                "\(Self.name(bootstrap.node)) was asked to begin etcd at \(bootstrap.since.rfc3339())")
        }
    }

    private static func name(_ node: String) -> String { node.isEmpty ? "a node that is not known" : node }

    private mutating func reportHealth(_ health: HealthVerdict) {
        guard let problem = health.firstProblem else {
            return set(.healthy, true, ConditionReason.checksPassed, "Every check passes")
        }
        set(.healthy, false, ConditionReason.checksFailed, "\(problem.name.rawValue): \(problem.message)")
    }

    private mutating func reportProgress(_ report: LifecycleReport) {
        guard !report.steps.isEmpty else {
            return set(
                .progressing, false, ConditionReason.nothingUnderWay, "Nothing is done to any node")
        }
        let steps = report.steps.map { "\($0.node): \($0.operation), \($0.step.rawValue)" }
        set(.progressing, true, ConditionReason.operationUnderWay, steps.joined(separator: "; "))
    }

    private mutating func reportDrift(_ report: LifecycleReport) {
        let unknown = report.nodes.compactMap { node in node.configProblem.map { "\(node.name): \($0)" } }
        let nodes = report.drifted
        guard !nodes.isEmpty else {
            guard unknown.isEmpty else {
                return set(
                    .drifted, false, ConditionReason.configUnknown,
                    "Could not be compared: \(unknown.joined(separator: "; "))")
            }
            return set(
                .drifted, false, ConditionReason.configInSync,
                "No node is configured otherwise than it was given")
        }
        set(
            .drifted, true, ConditionReason.configDrifted,
            "Configured otherwise than they were given: \(nodes.joined(separator: ", "))")
    }

    private mutating func reportHalt(_ halt: Halt?) {
        guard let halt else {
            return set(.halted, false, ConditionReason.notHalted, "Nothing is in the way")
        }
        let node = halt.node.map { " (\($0))" } ?? ""
        set(.halted, true, ConditionReason.halted, "\(halt.reason.rawValue)\(node): \(halt.message)")
    }

    /// Says whether a cluster whose life is managed is ready; false if that is for its Machines to decide.
    mutating func reportLife(_ lifecycle: ClusterOutcome.Lifecycle, areMachinesReady: Bool) -> Bool {
        switch lifecycle {
        case .untouched, .unmanaged:
            return false
        case .failed(let problem):
            set(.ready, false, ConditionReason.lifecycleFailed, problem)
        case .seen(let report, _, _):
            if let halt = report.halt {
                set(.ready, false, ConditionReason.halted, "\(halt.reason.rawValue): \(halt.message)")
            } else if report.isAsItShouldBe {
                guard areMachinesReady else { return false }
                set(.ready, true, ConditionReason.clusterRunning, report.message)
            } else {
                set(.ready, false, ConditionReason.clusterNotRunning, report.message)
            }
        }
        return true
    }
}

extension LifecycleReport {
    /// Whether the cluster serves, whatever it may wait for; nothing is under way and nothing is wrong.
    var isAsItShouldBe: Bool {
        guard health.isHealthy, steps.isEmpty else { return false }
        switch state {
        case .running, .paused, .waitingForApproval, .waitingForWindow: return true
        default: return false
        }
    }
}
