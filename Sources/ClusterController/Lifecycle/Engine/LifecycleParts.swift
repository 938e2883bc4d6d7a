// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle

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

    package init(_ observation: ClusterObservation, _ depth: LookDepth) {
        self.observation = observation
        self.depth = depth
    }
}

/// Looks at clusters and changes nothing; what it cannot see it leaves unknown.
package protocol ClusterLooking: Sendable {
    /// Looks at least as closely as `depth` says.
    func look(
        at cluster: ManagedCluster, _ record: LifecycleRecord, _ depth: LookDepth
    ) async -> ClusterLook
}

/// Carries out actions, each by one request or by one round of evictions.
package protocol ActionPerforming: Sendable {
    /// Carries out `action` on the ground of what was seen just before.
    func perform(
        _ action: LifecycleAction, in cluster: ManagedCluster, _ observation: ClusterObservation,
        _ store: any LifecycleStore
    ) async -> ActionResult
}

/// Decides; `LifecyclePlanner` but for tests.
package struct PlanningRules: Sendable {
    package var decide: @Sendable (FlowContext) -> LifecycleDecision
    /// Notes what became of an action.
    package var absorb: @Sendable (ActionResult, LifecycleAction, FlowContext, inout LifecycleRecord) -> Void

    package init(
        decide: @escaping @Sendable (FlowContext) -> LifecycleDecision,
        absorb:
            @escaping @Sendable (ActionResult, LifecycleAction, FlowContext, inout LifecycleRecord) ->
            Void
    ) {
        self.decide = decide
        self.absorb = absorb
    }
}
