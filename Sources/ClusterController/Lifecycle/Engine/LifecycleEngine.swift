// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
package import Kubernetes
package import Observability
package import Platform

/// Carries clusters through their lives, one short pass after the other.
///
/// A pass looks at a cluster, decides, keeps the record of what was decided, does it, notes what became of it and
/// keeps that. It waits for nothing: whoever calls makes the next pass when `LifecyclePass.wake` says so. Passes over
/// different clusters may run side by side; of one cluster, one at a time.
package final class LifecycleEngine: Sendable {
    private let looking: any ClusterLooking
    private let performing: any ActionPerforming
    private let rules: PlanningRules
    private let journal: ActionJournal
    private let clock: any Clock
    private let readings = ClockReadings()

    package init(
        looking: any ClusterLooking, performing: any ActionPerforming, rules: PlanningRules = .planner,
        logger: Logger, clock: any Clock
    ) {
        self.looking = looking
        self.performing = performing
        self.rules = rules
        self.clock = clock
        journal = ActionJournal(logger)
    }

    /// Makes one pass over `cluster`, whose record is `stored`.
    ///
    /// Nothing is done before the record that says so is safe, and nothing on the ground of an old look. `depth` is
    /// how closely to look at least. If the wall clock was set since the last pass, the times in the record are too; one
    /// that is set meanwhile counts from the next pass on.
    @discardableResult
    package func pass(
        _ cluster: ManagedCluster, _ stored: LifecycleRecord, _ store: any LifecycleStore,
        depth: LookDepth = .quick
    ) async throws(LifecycleError) -> LifecyclePass {
        let reading = ClockReadings.Reading(clock)
        let record = stored.shifted(by: readings.jump(to: reading, of: cluster.key))
        var (look, decision) = await lookAndDecide(cluster, record, depth, since: reading)
        if look.depth == .quick, decision.record != record || !decision.actions.isEmpty {
            (look, decision) = await lookAndDecide(cluster, record, .close, since: reading)
        }
        if Task.isCancelled { throw .cancelled }
        journal.note(decision.record.halt, of: cluster.key)
        if decision.record != stored { try await keep(decision.record, store) }
        readings.keep(reading, of: cluster.key)
        let performed = await perform(decision.actions, cluster, look.observation, store)
        try await absorb(performed, &decision, look.observation, cluster, store, since: reading)
        looking.settle(look.observation, of: cluster.key)
        let after = context(cluster, look.observation, decision.record, since: reading)
        return LifecyclePass(
            record: decision.record, observation: look.observation,
            report: rules.report(after, decision), performed: performed,
            waits: decision.waits, wake: decision.wake)
    }

    /// Looks closely and decides, and does nothing: the record is as it was, and nobody has kept another.
    package func preview(_ cluster: ManagedCluster, _ record: LifecycleRecord) async -> LifecyclePass {
        let reading = ClockReadings.Reading(clock)
        let (look, decision) = await lookAndDecide(cluster, record, .close, since: reading)
        var unchanged = LifecycleDecision(record: record)
        unchanged.waits = decision.waits
        return LifecyclePass(
            record: record, observation: look.observation,
            report: rules.report(context(cluster, look.observation, record, since: reading), unchanged),
            waits: decision.waits, wake: decision.wake)
    }

    /// Forgets what is remembered of a cluster, which is gone or no longer managed here.
    package func forget(_ key: ObjectKey) {
        journal.forget(key)
        readings.forget(key)
        looking.forget(key)
    }

    private func lookAndDecide(
        _ cluster: ManagedCluster, _ record: LifecycleRecord, _ depth: LookDepth,
        since reading: ClockReadings.Reading
    ) async -> (ClusterLook, LifecycleDecision) {
        var look = await looking.look(at: cluster, record, depth)
        look.observation.at = reading.timestamp(at: clock.now)
        var record = record
        if let snapshot = look.snapshot { record.snapshot = snapshot }
        return (look, rules.decide(context(cluster, look.observation, record, since: reading)))
    }

    /// Carries out what was decided, all of it at the same time; the results are in the order of `actions`.
    private func perform(
        _ actions: [LifecycleAction], _ cluster: ManagedCluster, _ observation: ClusterObservation,
        _ store: any LifecycleStore
    ) async -> [PerformedAction] {
        guard !actions.isEmpty else { return [] }
        let performing = performing
        let results = await inParallel(Array(actions.enumerated()), Self.actionsAtATime) { index, action in
            (index, await performing.perform(action, in: cluster, observation, store))
        } isLast: { _ in
            false
        }
        return results.sorted { $0.0 < $1.0 }.map { PerformedAction(actions[$0.0], $0.1) }
    }

    /// Notes in the record of `decision` what became of its actions, and keeps it if that changes it.
    private func absorb(
        _ performed: [PerformedAction], _ decision: inout LifecycleDecision,
        _ observation: ClusterObservation, _ cluster: ManagedCluster, _ store: any LifecycleStore,
        since reading: ClockReadings.Reading
    ) async throws(LifecycleError) {
        let before = decision.record
        for step in performed {
            journal.note(step, of: cluster.key)
            let context = context(cluster, observation, decision.record, since: reading)
            rules.absorb(step.result, step.action, context, &decision.record)
        }
        guard decision.record != before else { return }
        journal.note(decision.record.halt, of: cluster.key)
        try await keep(decision.record, store)
    }

    private func keep(
        _ record: LifecycleRecord, _ store: any LifecycleStore
    ) async throws(LifecycleError) {
        do throws(LifecycleStoreError) {
            try await store.store(record)
        } catch {
            throw LifecycleError(error)
        }
    }

    private func context(
        _ cluster: ManagedCluster, _ observation: ClusterObservation, _ record: LifecycleRecord,
        since reading: ClockReadings.Reading
    ) -> FlowContext {
        FlowContext(
            desired: cluster.desired, observed: observation, record: record,
            now: reading.timestamp(at: clock.now))
    }

    /// As many as a roll-out over workers may reasonably ask for at once.
    private static let actionsAtATime = 16
}
