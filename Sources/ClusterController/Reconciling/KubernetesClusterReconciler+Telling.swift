// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import Kubernetes

/// What people are told of a pass besides the status.
extension KubernetesClusterReconciler {
    /// Counts what was done, and tells of operations that have begun and ended.
    func tell(_ pass: LifecyclePass, of managed: ManagedCluster, before: LifecycleRecord) {
        for performed in pass.performed { metrics.count(performed) }
        if let halt = pass.record.halt, halt != before.halt { metrics.count(halt) }
        guard let cluster = clusters.get(managed.key) else { return }
        for news in OperationNews.all(from: before, to: pass.record) {
            events.record(
                news.type, reason: news.reason, message: news.message, about: ObjectReference(cluster))
        }
    }
}

/// An operation on a node that has begun or is over, for an Event.
struct OperationNews: Sendable, Hashable {
    /// The reasons of these Events; see the page about the lifecycle.
    enum Reason {
        static let begun = "OperationBegun"
        static let ended = "OperationEnded"
        static let notReset = "NotReset"
    }

    /// In one pass; more is said in one sentence.
    private static let limit = 10

    var reason: String
    var message: String

    var type: EventType { reason == Reason.notReset ? .warning : .normal }

    /// What differs between two records; what was given up is told by the halt.
    static func all(from old: LifecycleRecord, to new: LifecycleRecord) -> [OperationNews] {
        let begun = new.operations.filter { old.operations[$0.key]?.started != $0.value.started }
        let ended = old.operations.filter { new.operations[$0.key]?.started != $0.value.started }
        let givenUp = new.operations.filter {
            $0.value.isGivenUp && old.operations[$0.key]?.isGivenUp != true
        }
        return news(Reason.begun, begun) + news(Reason.notReset, givenUp)
            + (new.halt == nil ? news(Reason.ended, ended) : [])
    }

    private static func news(_ reason: String, _ operations: [String: NodeOperation]) -> [OperationNews] {
        let sorted = operations.sorted { $0.key < $1.key }
        let word =
            switch reason {
            case Reason.begun: "has begun"
            case Reason.ended: "has ended"
            default: "is over without a reset: the node does not answer, and its Machine is deleted as it is"
            }
        var news = sorted.prefix(limit).map { node, operation in
            OperationNews(reason: reason, message: "\(operation.kind.name) of \(node) \(word)")
        }
        if sorted.count > limit {
            news.append(OperationNews(reason: reason, message: "and \(sorted.count - limit) more"))
        }
        return news
    }
}
