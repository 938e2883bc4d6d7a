// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData
import Talos

/// What becomes of a cluster's nodes, where `spec.management` is Full.
extension KubernetesClusterReconciler {
    /// Looks at the nodes of a cluster in which there was nothing to do, and does what there is to do now.
    ///
    /// While all is as it should be nodes are asked in every second interval: most of what the operator costs at rest is
    /// asking them.
    ///
    /// - Returns: nil if all is as it was, and there is nothing to tell.
    func lookAgain(
        _ cluster: inout KubernetesCluster, _ owned: [Machine]
    ) async throws(ReconcileError) -> LifecycleResult? {
        guard let quiet = lifecycle?.memory.quiet(cluster.key), quiet.isDue(at: clock.now, interval),
            let step = LifecycleStep(self, quiet.subject)
        else { return nil }
        let result = try await step.run(&cluster, owned)
        guard result.isQuiet, result.outcome == quiet.result.outcome else { return result }
        rest(quiet.subject, result, cluster.key)
        return nil
    }

    /// How long until the next look at a cluster in which there was nothing new.
    func nextLookAtRest(_ key: ObjectKey) -> ReconcileResult {
        guard let quiet = lifecycle?.memory.quiet(key) else { return nextLook(at: key) }
        return nextLook(at: key, quiet.result, seen: clock.now - quiet.at)
    }

    /// Carries on the life of a cluster whose Machines were just looked after, unless that has been done `early`.
    func carryOn(
        _ cluster: inout KubernetesCluster, _ subject: LifecycleSubject, _ early: LifecycleResult?
    ) async throws(ReconcileError) -> LifecycleResult {
        if let early { return early }
        guard subject.spec.management == .full else {
            lifecycle?.forget(cluster.key)
            return .unmanaged
        }
        // That it is switched off the configurations have told already.
        guard let step = LifecycleStep(self, subject) else { return .untouched }
        return try await step.run(&cluster, machines.list(ownedBy: cluster.metadata.uid))
    }

    /// Remembers a cluster in which there is nothing to do but to look again.
    func rest(_ subject: LifecycleSubject, _ life: LifecycleResult, _ key: ObjectKey) {
        guard case .seen = life.outcome else { return }
        lifecycle?.memory.note(
            LifecycleMemory.Quiet(subject: subject, result: life, at: clock.now), of: key)
    }

    /// How long until the next look: soon while something is under way or expected, and otherwise at the cluster's own
    /// slot of the interval.
    func nextLook(
        at key: ObjectKey, _ life: LifecycleResult, seen age: Duration = .zero
    ) -> ReconcileResult {
        guard case .seen(let report, _, _) = life.outcome else { return nextLook(at: key) }
        let wake = max(life.wake.map { $0 - age } ?? interval, .seconds(1))
        let slot = TimeSlot(of: key, in: interval).next(after: clock.timestamp)
        let sooner = min(wake, pause(report, key), untilRenewal(of: key))
        return sooner < slot ? .requeue(after: sooner) : .requeueExactly(after: slot)
    }

    private func pause(_ report: LifecycleReport, _ key: ObjectKey) -> Duration {
        guard let memory = lifecycle?.memory else { return interval }
        let age = memory.age(of: LifecycleProgress(report), key, at: clock.now)
        return report.isAsItShouldBe ? interval : LifecycleProgress.pause(after: age)
    }

    // MARK: Deletion

    /// Takes down what runs on a cluster's machines before these go; nil once they may.
    ///
    /// Where nodes are to be wiped first that takes keys and a valid specification. Without them it waits and says so,
    /// until somebody says that the machines may go as they are.
    func takeDown(_ cluster: inout KubernetesCluster) async throws(ReconcileError) -> ReconcileResult? {
        let owned = machines.list(ownedBy: cluster.metadata.uid)
        if cluster.isProtected {
            return try await wait(
                cluster, owned, ConditionReason.deletionProtected,
                "Nothing is deleted while the annotation \(APINames.deletionProtectionAnnotation) is there")
        }
        if cluster.isManaged, cluster.isPaused {
            return try await wait(
                cluster, owned, ConditionReason.deleting, "Nothing is deleted while the cluster is paused")
        }
        guard cluster.resetsNodes, !owned.isEmpty else { return nil }
        guard case .valid(var spec, _) = ClusterValidation(cluster.spec) else {
            return try await block(cluster, owned, "the specification is invalid")
        }
        spec.pinnedContract = cluster.metadata.annotations[APINames.configContractAnnotation]
            .flatMap { TalosVersion($0) }
        guard let step = LifecycleStep(self, LifecycleSubject(spec)) else {
            return try await block(cluster, owned, "the operator was started without --config-management")
        }
        let result = try await step.run(&cluster, owned)
        let left = machines.list(ownedBy: cluster.metadata.uid)
        switch result.outcome {
        case .failed(let problem):
            return try await block(cluster, left, problem)
        case .seen(let report, _, _):
            if left.isEmpty { return nil }
            var outcome = ClusterOutcome(machines: left)
            outcome.lifecycle = result.outcome
            try await self.report(
                StatusReport(deleting: cluster, left, outcome, report.message, at: clock.timestamp), outcome)
            return nextLook(at: cluster.key, result)
        case .unmanaged, .untouched:
            return .requeue(after: interval)
        }
    }

    private func block(
        _ cluster: KubernetesCluster, _ owned: [Machine], _ problem: String
    ) async throws(ReconcileError) -> ReconcileResult {
        let way = "to delete them as they are, set the annotation \(APINames.skipResetAnnotation)"
        return try await wait(
            cluster, owned, ConditionReason.resetBlocked, "The nodes cannot be reset: \(problem); \(way)")
    }

    private func wait(
        _ cluster: KubernetesCluster, _ owned: [Machine], _ reason: String, _ message: String
    ) async throws(ReconcileError) -> ReconcileResult {
        let report = StatusReport(
            deleting: cluster, owned, ClusterOutcome(), message, reason: reason, at: clock.timestamp)
        try await self.report(report, ClusterOutcome())
        return .requeue(after: interval)
    }
}

extension KubernetesCluster {
    /// What the specification says, valid or not: a cluster has to be deleted either way.
    private var deletion: (isManaged: Bool, reset: String, retainsSecrets: Bool) {
        let policy = spec["deletion"]
        return (
            spec["management"]?.string == Management.full.rawValue,
            policy?["reset"]?.string ?? DeletionPolicy().reset.rawValue,
            policy?["retainSecrets"]?.bool ?? DeletionPolicy().retainSecrets
        )
    }

    /// Whether the cluster's life is the operator's to manage.
    fileprivate var isManaged: Bool { deletion.isManaged }

    /// Whether nodes are to be wiped before their Machines go.
    ///
    fileprivate var resetsNodes: Bool {
        let (isManaged, reset, _) = deletion
        return isManaged && hasLived && reset != DeletionPolicy.Reset.none.rawValue
            && !isOn(APINames.skipResetAnnotation)
    }

    /// Whether a node was ever given a configuration; what cannot be read counts as a life.
    private var hasLived: Bool {
        if metadata.annotations[APINames.bootstrappedAnnotation] != nil { return true }
        guard let status = status.lifecycle else { return false }
        do throws(LifecycleRecordError) {
            let record = try status.record()
            return !record.operations.isEmpty || record.bootstrap != nil
                || record.halt?.reason == .bootstrappedBefore
                || record.nodes.contains { $0.value.wasConfigured }
        } catch {
            return true
        }
    }

    /// Whether the bundle of secrets outlives the cluster.
    var retainsSecrets: Bool { deletion.isManaged && deletion.retainsSecrets }
}

/// When, in every interval, it is a cluster's turn to be looked at: at the one of its slots that follows from its name.
///
/// Not all clusters at once, so that there is no rush; and many of them together, so that the program sleeps in between
/// and libcurl, which goes through all idle connections in each second with a request, does so in few of them.
struct TimeSlot {
    /// How many there are in an interval.
    static let count: Int64 = 6

    private let interval: Int64
    private let phase: Int64

    init(of key: ObjectKey, in interval: Duration) {
        let (seconds, attoseconds) = interval.components
        self.interval = max(seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000, Self.count)
        let number = Int64(Digest.value(of: key.description.utf8) % UInt64(Self.count))
        phase = self.interval / Self.count * number
    }

    /// How long until the next slot; no longer than the interval.
    func next(after now: Timestamp) -> Duration {
        let since = (now.nanosecondsSince1970 - phase) % interval
        return .nanoseconds(interval - (since < 0 ? since + interval : since))
    }
}
