// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import Platform
import TestSupport

@testable import ClusterController

/// The nodes of clusters, of which a test says what is seen, decided and what becomes of it.
final class FakeNodes: ClusterLooking, ActionPerforming {
    /// What one look is told.
    typealias Look = @Sendable (ManagedCluster) async -> ClusterObservation
    /// What is decided.
    typealias Decide = @Sendable (FlowContext) -> LifecycleDecision
    /// What becomes of an action.
    typealias Perform =
        @Sendable (LifecycleAction, ManagedCluster, any LifecycleStore) async -> ActionResult
    /// What the report is made to say.
    typealias Retouch = @Sendable (inout LifecycleReport) -> Void

    private struct Script {
        var look: Look = { FakeNodes.wellNodes($0) }
        var decide: Decide = { LifecycleDecision(record: $0.record) }
        var perform: Perform = { _, _, _ in .done }
        var retouch: Retouch = { _ in }
    }

    private let script = Locked(Script())
    /// Every cluster that was looked at, as the engine was told of it.
    let looks = Journal<ManagedCluster>()
    let performed = Journal<LifecycleAction>()

    /// Everything seen and nothing amiss.
    @Sendable
    static func wellNodes(_ cluster: ManagedCluster) -> ClusterObservation {
        var observation = ClusterObservation(at: Fixture.noon)
        for node in cluster.desired.nodes {
            var seen = NodeObservation(contact: .configured, address: "10.0.0.1:50000")
            seen.stage = .running
            seen.isReady = true
            seen.config = .matches
            observation.nodes[node.name] = seen
        }
        return observation
    }

    func look(_ look: @escaping Look) { script.withLock { $0.look = look } }
    func decide(_ decide: @escaping Decide) { script.withLock { $0.decide = decide } }
    func perform(_ perform: @escaping Perform) { script.withLock { $0.perform = perform } }

    func report(_ retouch: @escaping Retouch) { script.withLock { $0.retouch = retouch } }

    /// What the engine decides by: the script, and reports as they are made.
    var rules: PlanningRules {
        PlanningRules(
            decide: { [self] context in script.withLock { $0.decide }(context) },
            absorb: { result, action, context, record in
                record.operations[action.node]?.lastError = "\(result)"
            },
            report: { [self] context, decision in
                var report = PlanningRules.planner.report(context, decision)
                script.withLock { $0.retouch }(&report)
                return report
            })
    }

    func look(
        at cluster: ManagedCluster, _ record: LifecycleRecord, _ depth: LookDepth
    ) async -> ClusterLook {
        looks.append(cluster)
        return ClusterLook(await script.withLock { $0.look }(cluster), .close)
    }

    func settle(_ observation: ClusterObservation, of key: ObjectKey) {}
    func forget(_ key: ObjectKey) {}

    func perform(
        _ action: LifecycleAction, in cluster: ManagedCluster, _ observation: ClusterObservation,
        _ store: any LifecycleStore
    ) async -> ActionResult {
        performed.append(action)
        return await script.withLock { $0.perform }(action, cluster, store)
    }
}
