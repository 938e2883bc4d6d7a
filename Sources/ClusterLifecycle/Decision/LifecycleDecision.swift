// SPDX-License-Identifier: Apache-2.0
package import Platform

/// What every decision is made from.
package struct FlowContext: Sendable {
    package let desired: DesiredCluster
    package let observed: ClusterObservation
    package let record: LifecycleRecord
    package let now: Timestamp
    /// Whether something that comes first is under way: what runs goes on, and nothing is begun.
    package let isHeld: Bool

    package init(
        desired: DesiredCluster, observed: ClusterObservation, record: LifecycleRecord, now: Timestamp,
        isHeld: Bool = false
    ) {
        self.desired = desired
        self.observed = observed
        self.record = record
        self.now = now
        self.isHeld = isHeld
    }
}

/// What is to be done about a cluster now.
///
/// The record is stored before the first action; if that fails nothing is done. The actions do not depend on each
/// other and may be carried out side by side.
package struct LifecycleDecision: Sendable, Hashable {
    package var record: LifecycleRecord
    package var actions: [LifecycleAction] = []
    /// What is waited for, most important first; empty if nothing is.
    package var waits: [Wait] = []
    /// When to look again at the latest, even if nothing is heard; nil for the usual interval.
    package var wake: Duration?

    package init(record: LifecycleRecord) {
        self.record = record
    }

    /// Asks for another look after that time at the latest.
    package mutating func wake(within duration: Duration) {
        wake = wake.map { min($0, duration) } ?? duration
    }
}

/// Something that is waited for.
package struct Wait: Sendable, Hashable {
    /// The node it is about; nil for the cluster.
    package var node: String?
    /// A sentence.
    package var message: String
    /// When waiting ends in a halt; nil if it may last.
    package var until: Timestamp?
    /// The reason that this would be a halt for, if the cluster depended on the node; nil if nothing is wrong.
    package var problem: HaltReason?

    package init(
        _ message: String, node: String? = nil, until: Timestamp? = nil, problem: HaltReason? = nil
    ) {
        self.message = message
        self.node = node
        self.until = until
        self.problem = problem
    }

    /// The sentence for a reader who sees nothing else: with the node's name, once.
    package var sentence: String {
        guard let node else { return message }
        let words = message.split { !($0.isLetter || $0.isNumber || $0 == "-" || $0 == ".") }
        return words.contains { $0 == node } ? message : "\(node): \(message)"
    }
}
