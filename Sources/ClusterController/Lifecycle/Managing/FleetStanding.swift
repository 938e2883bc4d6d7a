// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
package import Platform
import StructuredData

/// Where a cluster stands among all: it is kept in the status, so that a restart forgets no turn.
package enum FleetStanding: Sendable, Hashable {
    case waiting(since: Timestamp)
    case begun(since: Timestamp)

    /// The member of the status that it is kept in.
    static let key = "fleet"

    init?(_ value: JSONValue?) {
        if let since = value?["begunAt"]?.string.flatMap({ Timestamp(rfc3339: $0) }) {
            self = .begun(since: since)
        } else if let since = value?["waitingSince"]?.string.flatMap({ Timestamp(rfc3339: $0) }) {
            self = .waiting(since: since)
        } else {
            return nil
        }
    }

    var json: JSONValue {
        switch self {
        case .waiting(let since): ["waitingSince": .string(since.rfc3339())]
        case .begun(let since): ["begunAt": .string(since.rfc3339())]
        }
    }

    /// Where a cluster stands after a pass.
    ///
    /// - Parameters:
    ///   - standing: where it stood before.
    ///   - pass: what was seen and done.
    ///   - desired: what the pass was made for; its obstacle is why nothing could be begun.
    /// - Returns: nil if there is nothing to change.
    static func after(
        _ standing: FleetStanding?, _ pass: LifecyclePass, _ desired: DesiredCluster
    ) -> FleetStanding? {
        let now = pass.observation.at
        if pass.record.isChanging {
            if case .begun = standing { return standing }
            return .begun(since: now)
        }
        if let obstacle = desired.fleetObstacle {
            guard pass.waits.contains(where: { $0.message.hasSuffix(obstacle) }) else { return nil }
            if case .waiting = standing { return standing }
            return .waiting(since: now)
        }
        return pass.report.isBehind(desired) ? standing : nil
    }
}

extension LifecycleRecord {
    /// Whether a node that runs is being given something else than it has.
    fileprivate var isChanging: Bool {
        if talosTarget != nil || kubernetesTarget != nil { return true }
        return operations.values.contains { operation in
            switch operation.kind {
            case .configure, .upgrade, .component: true
            case .install, .remove, .replace, .teardown: false
            }
        }
    }
}

extension LifecycleReport {
    /// Whether nodes have yet to be given something else than they have.
    fileprivate func isBehind(_ desired: DesiredCluster) -> Bool {
        if plan?.items.isEmpty == false { return true }
        return nodes.contains { node in
            (node.talos ?? desired.talos) != desired.talos
                || (node.kubernetes ?? desired.kubernetes) != desired.kubernetes
        }
    }
}

extension KubernetesCluster {
    /// The cluster as the rules over all clusters see it; nil if they are not about it: it has never run, or it goes.
    var fleetMember: FleetMember? {
        guard let lifecycle = status.lifecycle, !metadata.isBeingDeleted,
            status.conditions[.bootstrapped]?.isTrue == true
        else { return nil }
        return FleetMember(
            id: key.description, labels: metadata.labels, turn: turn(lifecycle),
            isHalted: lifecycle.state == .halted, wellSince: wellSince,
            isPaused: isPaused)
    }

    private func turn(_ lifecycle: LifecycleStatus) -> FleetMember.Turn {
        switch lifecycle.standing {
        case .begun: return .begun
        case .waiting(let since): return .waiting(since: since)
        case nil: break
        }
        switch lifecycle.state {
        case .configuring, .upgradingTalos, .upgradingKubernetes: return .begun
        case .waitingForApproval, .waitingForWindow: return .pending
        default: break
        }
        return lifecycle.hasPlan || status.observedGeneration != metadata.generation ? .pending : .idle
    }

    /// Since when it has been ready and nothing has been under way.
    private var wellSince: Timestamp? {
        guard let ready = status.conditions[.ready], ready.isTrue,
            let progress = status.conditions[.progressing], !progress.isTrue
        else { return nil }
        return max(ready.lastTransitionTime, progress.lastTransitionTime)
    }
}
