// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
package import Kubernetes

/// How closely a cluster is looked at.
package enum LookDepth: Sendable, Hashable {
    /// One cheap request to each node; what else is known is what the last close look has found.
    case quick
    /// Everything anew.
    case close
}

/// A look at a cluster.
package struct ClusterLook: Sendable {
    package var observation: ClusterObservation
    /// How closely it was looked at; a quick look is made a close one where there is reason to.
    package var depth: LookDepth
    /// A snapshot of etcd that has been kept since the last pass.
    package var snapshot: SnapshotRecord?

    package init(
        _ observation: ClusterObservation, _ depth: LookDepth, snapshot: SnapshotRecord? = nil
    ) {
        self.observation = observation
        self.depth = depth
        self.snapshot = snapshot
    }
}

/// Looks at clusters and changes nothing; what it cannot see it leaves unknown.
package protocol ClusterLooking: Sendable {
    /// Looks at least as closely as `depth` says.
    func look(
        at cluster: ManagedCluster, _ record: LifecycleRecord, _ depth: LookDepth
    ) async -> ClusterLook

    /// Takes note that a pass has acted on what `observation` tells, so that what is told once need not be kept.
    func settle(_ observation: ClusterObservation, of key: ObjectKey)

    /// Forgets what is remembered of a cluster.
    func forget(_ key: ObjectKey)
}

/// Carries out actions, each by one request or by one round of evictions.
package protocol ActionPerforming: Sendable {
    /// Carries out `action` on the ground of what was seen just before.
    func perform(
        _ action: LifecycleAction, in cluster: ManagedCluster, _ observation: ClusterObservation,
        _ store: any LifecycleStore
    ) async -> ActionResult
}

/// Decides and tells; the planner but for tests.
package struct PlanningRules: Sendable {
    package var decide: @Sendable (FlowContext) -> LifecycleDecision
    /// Notes what became of an action.
    package var absorb: @Sendable (ActionResult, LifecycleAction, FlowContext, inout LifecycleRecord) -> Void

    /// Tells of a cluster after a decision, whose record has what became of its actions.
    package var report: @Sendable (FlowContext, LifecycleDecision) -> LifecycleReport

    package init(
        decide: @escaping @Sendable (FlowContext) -> LifecycleDecision,
        absorb:
            @escaping @Sendable (ActionResult, LifecycleAction, FlowContext, inout LifecycleRecord) ->
            Void,
        report: @escaping @Sendable (FlowContext, LifecycleDecision) -> LifecycleReport
    ) {
        self.decide = decide
        self.absorb = absorb
        self.report = report
    }

    /// The rules themselves.
    package static let planner = PlanningRules(
        decide: LifecyclePlanner.decide, absorb: LifecyclePlanner.absorb
    ) { context, decision in
        LifecycleReport.make(context, decision)
    }
}
