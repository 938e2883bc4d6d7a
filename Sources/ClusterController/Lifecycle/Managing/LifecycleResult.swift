// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime

/// What became of a pass over a cluster, and what that means for its reconcile.
struct LifecycleResult: Sendable {
    var outcome: ClusterOutcome.Lifecycle
    /// When to look again at the latest; nil for the usual interval.
    var wake: Duration?
    /// Ends the reconcile once all else is done.
    var error: ReconcileError?
    /// Whether there was nothing to do and nothing is under way.
    var isQuiet = false
    /// Whether keys are being made, and everything else waits for them.
    var isPending = false

    /// The cluster's life is not the operator's to manage.
    static let unmanaged = LifecycleResult(outcome: .unmanaged, isQuiet: true)
    /// It is, and was not looked at.
    static let untouched = LifecycleResult(outcome: .untouched)
    /// The cluster's keys are being made.
    static let pending = LifecycleResult(outcome: .untouched, isPending: true)

    private init(outcome: ClusterOutcome.Lifecycle, isQuiet: Bool = false, isPending: Bool = false) {
        self.outcome = outcome
        self.isQuiet = isQuiet
        self.isPending = isPending
    }

    /// There was no pass, or one that came to nothing.
    init(problem: String, error: ReconcileError? = nil) {
        outcome = .failed(problem)
        self.error = error
    }

    init(
        _ pass: LifecyclePass, _ managed: ManagedCluster, before: LifecycleRecord, _ standing: FleetStanding?
    ) {
        let next = FleetStanding.after(standing, pass, managed.desired)
        outcome = .seen(pass.report, pass.record, next)
        wake = pass.wake
        isQuiet =
            pass.performed.isEmpty && pass.record == before && pass.record.operations.isEmpty
    }
}
