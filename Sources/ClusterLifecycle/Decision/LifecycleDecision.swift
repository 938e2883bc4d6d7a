// SPDX-License-Identifier: Apache-2.0
package import Platform

/// What every decision is made from.
package struct FlowContext: Sendable {
    package let desired: DesiredCluster
    package let observed: ClusterObservation
    package let record: LifecycleRecord
    package let now: Timestamp

    package init(
        desired: DesiredCluster, observed: ClusterObservation, record: LifecycleRecord, now: Timestamp
    ) {
        self.desired = desired
        self.observed = observed
        self.record = record
        self.now = now
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
}

/// Something that is waited for.
package struct Wait: Sendable, Hashable {
    /// The node it is about; nil for the cluster.
    package var node: String?
    /// A sentence.
    package var message: String
    /// When waiting ends in a halt; nil if it may last.
    package var until: Timestamp?

    package init(_ message: String, node: String? = nil, until: Timestamp? = nil) {
        self.message = message
        self.node = node
        self.until = until
    }
}
