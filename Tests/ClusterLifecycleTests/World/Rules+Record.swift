// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

extension World {
    /// Judges what an operator writes down, in the place of what it has read.
    mutating func judge(
        _ record: LifecycleRecord, after before: LifecycleRecord, _ situation: Situation, at clock: Timestamp
    ) {
        if let old = before.bootstrap, record.bootstrap?.node != old.node {
            violate(
                .bootstrapRemembered, "\(old.node) was noted, and now \(record.bootstrap?.node ?? "nobody")")
        }
        if let halt = record.halt, halt != before.halt { judge(halt) }
        let begun = record.operations.filter {
            before.operations[$0.key] == nil || before.operations[$0.key]?.kind != $0.value.kind
        }
        for (name, operation) in begun.sorted(by: { $0.key < $1.key }) {
            let install = LifecycleAction(.apply(.install(fingerprint: "")), on: name)
            let isOther = before.halt?.node == name && node(name)?.incarnation != haltedIncarnation
            let mayComeUp =
                operation.kind == .install
                && (isOther || before.halt?.letsOthersComeUp(with: install) ?? true)
            if before.halt != nil, record.halt == before.halt, !mayComeUp {
                violate(.quietWhileHalted, "\(operation.kind) of \(name) is begun")
            }
            if situation.desired.isPaused, operation.kind != .teardown {
                violate(.quietWhilePaused, "\(operation.kind) of \(name) is begun")
            }
            judgeBeginning(of: operation, on: name, situation, clock)
            // A change that takes no reboot begins with being applied.
            if operation.disturbs, operation.step != .applying, operation.step != .uncordoning {
                judgeWorkers(name, record, situation)
            }
        }
        // A machine that has never joined etcd is none of the control plane.
        let disturbed = record.operations.filter { name, operation in
            operation.disturbs && node(name)?.etcd != nil
                && situation.desired.nodes.contains { $0.name == name && $0.role == .controlPlane }
        }
        if disturbed.count > 1, !situation.desired.isBeingDeleted {
            violate(.oneControlPlane, "operations on \(disturbed.keys.sorted())")
        }
    }

    /// Judges that work on a worker is begun, while others are worked on or are down anyway.
    private mutating func judgeWorkers(
        _ name: String, _ record: LifecycleRecord, _ situation: Situation
    ) {
        let workers = situation.desired.nodes.filter { $0.role == .worker && !$0.isSurplus }
        guard workers.contains(where: { $0.name == name }), !situation.desired.isBeingDeleted else { return }
        let unavailable = workers.filter { worker in
            guard let node = node(worker.name) else { return false }
            let isDown = node.disturber != nil && node.disturbedAt < situation.seenAt && node.installed != nil
            return isDown || record.operations[worker.name]?.disturbs == true
        }
        let limit = situation.desired.policy.rollout.maxUnavailable.number(of: workers.count)
        // One that is down anyway may be worked on.
        let isDown = node(name)?.disturber == .world
        if unavailable.count > limit, !isDown {
            violate(.workersAtATime, "\(name) is begun, beside \(unavailable.map(\.name))")
        }
    }

    private mutating func judge(_ halt: Halt) {
        trace.note("halt \(halt.reason.rawValue) \(halt.node ?? "-"): \(halt.message)", at: now)
        haltedIncarnation = halt.node.flatMap { node($0)?.incarnation }
        if halt.message.isEmpty { violate(.haltExplained, "\(halt.reason.rawValue) says nothing") }
        let isAboutCluster: Set<HaltReason> = [
            .clusterLost, .foreignEtcd, .etcdUnhealthy, .quorumAtRisk, .unsupportedPath, .snapshotFailed,
            .deletionProtected, .bootstrapUncertain, .bootstrappedBefore,
        ]
        if halt.node == nil, !isAboutCluster.contains(halt.reason) {
            violate(.haltExplained, "\(halt.reason.rawValue) names no node")
        }
    }

    private mutating func judgeBeginning(
        of operation: NodeOperation, on name: String, _ situation: Situation, _ clock: Timestamp
    ) {
        switch operation.kind {
        // To make a node schedulable again is what nobody waits for.
        case .configure where operation.step == .uncordoning: return
        case .configure, .upgrade, .component: break
        default: return
        }
        let policy = situation.desired.policy
        if !policy.windows.isEmpty, !policy.windows.contains(where: { $0.isOpenByTheBook(at: clock) }) {
            violate(.window, "\(operation.kind) of \(name) at \(clock.rfc3339())")
        }
        if policy.rollout.approval == .manual, !isApproved(operation) {
            violate(.approval, "\(operation.kind) of \(name)")
        }
    }

    /// Whether somebody has approved of what was desired when they did.
    private func isApproved(_ operation: NodeOperation) -> Bool {
        approvals.contains { approved in
            switch operation.kind {
            case .configure(let digest): approved.nodes.contains { $0.configDigest == digest }
            case .upgrade(let image, let release):
                release <= approved.talos
                    && approved.nodes.contains { $0.schematic == InstallerImage(image)?.schematic }
            case .component(_, let release): release == approved.kubernetes
            default: true
            }
        }
    }
}

extension NodeOperation {
    /// Whether it takes the node down, or may.
    var disturbs: Bool {
        switch kind {
        case .configure, .upgrade, .remove, .teardown: true
        case .install, .component, .replace: false
        }
    }
}

extension MaintenanceWindow {
    /// Whether it is open, minute by minute back to when it opened.
    func isOpenByTheBook(at time: Timestamp) -> Bool {
        let minute = time.secondsSince1970 / 60
        return (0..<max(0, Int(duration.components.seconds) / 60)).contains { back in
            let then = minute - back
            // 1970-01-01 was a Thursday.
            return then % 1440 == opensAt && (days.isEmpty || days.contains((then / 1440 + 4) % 7))
        }
    }
}
