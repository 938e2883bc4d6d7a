// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import Observability
import Platform

/// Logs what is done to clusters and why it stops, each thing once and not at every pass that finds it so.
final class ActionJournal: Sendable {
    private struct Memory {
        var halt: Halt?
        /// The last line about each node.
        var lines: [String: PerformedAction] = [:]
    }

    private let logger: Logger
    private let memories = Locked<[ObjectKey: Memory]>([:])

    init(_ logger: Logger) {
        self.logger = logger
    }

    func note(_ performed: PerformedAction, of key: ObjectKey) {
        let node = performed.action.node
        let isNew = memories.withLock { memories in
            memories[key, default: Memory()].lines.updateValue(performed, forKey: node) != performed
        }
        guard isNew else { return }
        let fields: LogFields = [
            "cluster": .string(key.name), "namespace": .string(key.namespace), "node": .string(node),
            "action": .string(performed.action.kind.logName), "result": .string(performed.result.logText),
        ]
        if performed.result.isGood {
            logger.info("Lifecycle action", fields)
        } else {
            logger.warning("Lifecycle action came to nothing", fields)
        }
    }

    func note(_ halt: Halt?, of key: ObjectKey) {
        let previous = memories.withLock { memories in
            let previous = memories[key]?.halt
            if previous != halt { memories[key, default: Memory()].halt = halt }
            return previous
        }
        guard let halt, halt != previous else { return }
        logger.error(
            "Lifecycle halted",
            [
                "cluster": .string(key.name), "namespace": .string(key.namespace),
                "node": .string(halt.node ?? ""), "reason": .string(halt.reason.rawValue),
                "detail": .string(halt.message),
            ])
    }

    func forget(_ key: ObjectKey) {
        memories.withLock { $0[key] = nil }
    }
}

extension ActionResult {
    /// For a log line.
    var logText: String {
        switch self {
        case .done: "done"
        case .running: "running"
        case .partly(let left): "partly: \(left)"
        case .notNow(let reason): "not now: \(reason)"
        case .refused(let reason): "refused: \(reason)"
        case .alreadyDone: "already done"
        case .unknown(let reason): "unknown: \(reason)"
        }
    }

    fileprivate var isGood: Bool {
        switch self {
        case .done, .running, .partly, .alreadyDone: true
        case .notNow, .refused, .unknown: false
        }
    }
}

extension LifecycleAction.Kind {
    /// One word or two for a log line.
    var logName: String {
        switch self {
        case .apply(.install): "install"
        case .apply(.noReboot): "apply"
        case .apply(.staged): "stage"
        case .apply(.try): "try"
        case .setImage(let component, let release): "set image \(component.rawValue) \(release)"
        case .bootstrap: "bootstrap"
        case .pull(let image, _): "pull \(image)"
        case .upgrade(let image, _): "upgrade \(image)"
        case .reboot: "reboot"
        case .reset: "reset"
        case .forfeitLeadership: "forfeit leadership"
        case .leaveEtcd: "leave etcd"
        case .removeMember(let id): "remove member \(String(id, radix: 16))"
        case .snapshot: "snapshot"
        case .cordon: "cordon"
        case .uncordon: "uncordon"
        case .drain(let force): force ? "drain by force" : "drain"
        case .deleteNode: "delete node"
        case .deleteMachine: "delete machine"
        case .syncManifests: "sync manifests"
        }
    }
}
