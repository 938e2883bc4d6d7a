// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
import Kubernetes
import Platform

/// What it takes to manage the lives of clusters; there only if the operator may make configurations.
package struct LifecycleManagement: Sendable {
    /// What carries a cluster on, pass by pass.
    let engine: LifecycleEngine
    /// The rules over all clusters by which roll-outs begin; empty if there are none.
    let fleet: FleetPolicy
    /// How long a pass may take before it is cut off: far less than a reconcile, since other clusters wait for a worker.
    let passLimit: Duration
    let memory = LifecycleMemory()

    package init(
        engine: LifecycleEngine, fleet: FleetPolicy = FleetPolicy(), passLimit: Duration = .seconds(60)
    ) {
        self.engine = engine
        self.fleet = fleet
        self.passLimit = passLimit
    }

    func forget(_ cluster: ObjectKey) {
        engine.forget(cluster)
        memory.forget(cluster)
    }
}

/// What is worth remembering about the lives of clusters between two passes.
///
/// It saves work and decides nothing: after a restart all of it is made anew. Administrators' certificates are here alone
/// and never in a status.
final class LifecycleMemory: Sendable {
    /// Credentials, and all that they were made for.
    struct Issued: Sendable {
        /// The cluster's UID, the version of its bundle's Secret, and a digest of the authorities.
        var purpose: String
        var credentials: ClusterCredentials
        var issued: Timestamp
        var renewal: Timestamp
    }

    /// A cluster in which there was nothing to do but to look again.
    struct Quiet: Sendable {
        var subject: LifecycleSubject
        var result: LifecycleResult
        /// When its nodes were asked last.
        var at: Instant

        /// Whether they are to be asked again, in a reconcile that comes in every `interval`: in every second one as
        /// long as all is as it should be, unless something is to be done at a time that has come.
        func isDue(at now: Instant, _ interval: Duration) -> Bool {
            guard case .seen(let report, _, _) = result.outcome, report.state == .running,
                report.isAsItShouldBe
            else { return true }
            let age = now - at
            // Half an interval for reconciles that come a little early.
            return age >= interval * 3 / 2 || result.wake.map { age >= $0 } == true
        }
    }

    /// What a cluster was seen to be, and since when.
    private struct Standing {
        var progress: LifecycleProgress
        var since: Instant
    }

    private struct Entry {
        var issued: Issued?
        var quiet: Quiet?
        var standing: Standing?
    }

    private let entries = Locked<[ObjectKey: Entry]>([:])

    func forget(_ cluster: ObjectKey) {
        entries.withLock { $0[cluster] = nil }
    }

    /// Credentials for that purpose that are in the first half of their lives, and not ahead of it, by a clock that was
    /// set back since.
    func credentials(of cluster: ObjectKey, for purpose: String, at now: Timestamp) -> ClusterCredentials? {
        let issued = entries.withLock { $0[cluster]?.issued }
        guard let issued, issued.purpose == purpose, issued.issued <= now, now < issued.renewal
        else { return nil }
        return issued.credentials
    }

    func note(_ issued: Issued, of cluster: ObjectKey) {
        entries.withLock { $0[cluster, default: Entry()].issued = issued }
    }

    /// How long a cluster has been as it is now: no time at all if it was seen otherwise last.
    func age(of progress: LifecycleProgress, _ cluster: ObjectKey, at now: Instant) -> Duration {
        entries.withLock { entries in
            if let known = entries[cluster]?.standing, known.progress == progress { return now - known.since }
            entries[cluster, default: Entry()].standing = Standing(progress: progress, since: now)
            return .zero
        }
    }

    func quiet(_ cluster: ObjectKey) -> Quiet? {
        entries.withLock { $0[cluster]?.quiet }
    }

    func note(_ quiet: Quiet?, of cluster: ObjectKey) {
        entries.withLock { entries in
            if quiet != nil || entries[cluster] != nil { entries[cluster, default: Entry()].quiet = quiet }
        }
    }
}
