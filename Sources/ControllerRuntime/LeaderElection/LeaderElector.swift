// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Observability
package import Platform

/// Leadership was lost and cannot be had again by this process.
package struct LeadershipLost: Error, Sendable, Hashable, CustomStringConvertible {
    package let reason: String
    package var description: String { "leader election lost: \(reason)" }
}

/// What a leader elector tells about itself; the default tells nobody.
package struct LeaderElectorObserver: Sendable {
    /// Whether we lead has changed.
    package var leading: @Sendable (Bool) -> Void
    /// A renewal found the lease changed by another and had to read it first.
    package var slowPath: @Sendable () -> Void

    package init(
        leading: @escaping @Sendable (Bool) -> Void = { _ in }, slowPath: @escaping @Sendable () -> Void = {}
    ) {
        self.leading = leading
        self.slowPath = slowPath
    }
}

/// Sees to it that of many processes one acts, by holding a Lease.
///
/// Used once: `acquire`, then `keep` for as long as the work lasts, then `release` when all work has ended.
/// The fence is open only while nobody else can have the lease, by the clock that runs on in suspend.
package final class LeaderElector: Sendable {
    /// How long after its lease has run out a leader that does not notice is taken for hung.
    static let watchdogTolerance = Duration.seconds(20)

    package let settings: LeaderElectionSettings
    private let client: KubernetesClient
    private let fence: WriteFence
    private let clock: any Clock
    private let random: RandomFraction
    private let logger: Logger
    private let observer: LeaderElectorObserver
    private let election: Locked<LeaderElection>
    private let lastError = Locked<APIError?>(nil)

    /// `client` should have a connection of its own, so that other requests do not delay renewals.
    package init(
        _ settings: LeaderElectionSettings, client: KubernetesClient, fence: WriteFence, clock: any Clock,
        random: @escaping RandomFraction, logger: Logger,
        observer: LeaderElectorObserver = LeaderElectorObserver()
    ) {
        self.settings = settings
        var client = client
        client.fence = nil
        client.retry = .never
        // One request that hangs must not use up the deadline.
        client.timeout = max(.seconds(1), settings.renewDeadline / 2)
        self.client = client
        self.fence = fence
        self.clock = clock
        self.random = random
        self.logger = logger.with(["lease": .string(settings.key.description)])
        self.observer = observer
        election = Locked(LeaderElection(settings: settings))
    }

    package var isLeader: Bool { election.withLock { $0.isLeader } }

    /// Returns when we lead, or when the task is cancelled; ask `isLeader`.
    package func acquire() async {
        logger.info("Waiting for leadership", ["identity": .string(settings.identity)])
        while !Task.isCancelled {
            await attempt(until: clock.now + settings.renewDeadline)
            if isLeader {
                observer.leading(true)
                logger.info("Leading", ["identity": .string(settings.identity)])
                return
            }
            // The sleep fails only by cancellation, which ends the loop.
            do { try await clock.sleep(until: nextTry) } catch {}
        }
    }

    /// After the retry period, or as soon as the holder's lease runs out.
    private var nextTry: Instant {
        let now = clock.now
        let retry = now + settings.retryPeriod * (1 + LeaderElectionSettings.acquireJitter * random())
        guard let expiry = election.withLock({ $0.expiry }), expiry > now else { return retry }
        return min(retry, expiry)
    }

    /// Renews the lease; returns when the task is cancelled, still leading.
    ///
    /// - Throws: `LeadershipLost` when another has the lease or it could not be renewed in time.
    package func keep() async throws(LeadershipLost) {
        var delay = settings.retryPeriod
        while true {
            guard let deadline = election.withLock({ $0.leaderUntil }) else { return }
            // The sleep fails only by cancellation, which ends the loop.
            do { try await clock.sleep(until: min(clock.now + delay, deadline)) } catch {}
            if Task.isCancelled { return }
            guard clock.now < deadline else { throw lost("the lease could not be renewed in time") }
            let before = election.withLock { $0.renewedAt }
            await attempt(until: deadline)
            if Task.isCancelled { return }
            let (renewedAt, holder) = election.withLock { ($0.renewedAt, $0.holder) }
            guard holder == settings.identity || holder.isEmpty else { throw lost("\(holder) has the lease") }
            // After a failure there is less time left, so the next try comes sooner.
            delay = renewedAt == before ? settings.retryPeriod / 2 : settings.retryPeriod
        }
    }

    /// Gives the lease back, so that another can take it at once; call when all work has ended.
    ///
    /// It asks first whether the lease is still ours, and gives up when it would have run out anyway.
    package func release() async {
        guard isLeader else { return }
        fence.close()
        resign()
        let isReleased = await withDeadline(clock.now + settings.renewDeadline, on: clock) {
            await self.giveBack()
        }
        if isReleased == true {
            logger.info("Lease released")
        } else {
            logger.warning("Lease could not be released; it will run out")
        }
    }

    /// Unhealthy if we believe to lead although the lease ran out long ago: the process hangs.
    package var watchdog: HealthResult {
        guard let renewedAt = election.withLock({ $0.renewedAt }) else { return .healthy }
        let age = clock.now - renewedAt
        guard age > settings.leaseDuration + Self.watchdogTolerance else { return .healthy }
        return .unhealthy("the lease was last renewed \(Int(age.seconds)) s ago")
    }

    /// Unhealthy if the server does not let us stand for election; waiting for another to stop is healthy.
    package var readiness: HealthResult {
        guard let error = lastError.withLock({ $0 }), let status = error.status else { return .healthy }
        guard status.code == 401 || status.code == 403 else { return .healthy }
        return .unhealthy("lease \(settings.key): \(status)")
    }

    // MARK: Requests

    /// One try to get or renew the lease, ended at `deadline` if it hangs.
    private func attempt(until deadline: Instant) async {
        let error: APIError? =
            await withDeadline(deadline, on: clock) {
                do throws(APIError) {
                    try await self.claim()
                    return nil as APIError?
                } catch {
                    return error
                }
            } ?? nil
        lastError.withLock { $0 = error }
        guard let error, !error.isCancelled else { return }
        logger.warning("Lease request failed", ["error": .describing(error)])
    }

    private func claim() async throws(APIError) {
        if isLeader {
            do throws(APIError) {
                return try await send()
            } catch {
                // Without an answer nothing is known; with one, the lease is not what we believe it to be.
                guard error.status != nil else { throw error }
                observer.slowPath()
            }
        }
        try await observe()
        do throws(APIError) {
            try await send()
        } catch {
            // Somebody was faster; who it was will be seen next time.
            guard error.isConflict || error.isAlreadyExists else { throw error }
            try await observe()
        }
    }

    private func observe() async throws(APIError) {
        var lease: Lease?
        do throws(APIError) {
            lease = try await client.get(Lease.self, settings.key)
        } catch {
            guard error.isNotFound else { throw error }
        }
        let now = clock.now
        let (before, after) = election.withLock { election in
            let before = election.holder
            election.observe(lease, at: now)
            return (before, election.holder)
        }
        if before != after, !after.isEmpty { logger.info("Lease holder", ["holder": .string(after)]) }
    }

    /// Sends the claim that follows from what is known, if any does.
    private func send() async throws(APIError) {
        let (start, timestamp) = (clock.now, clock.timestamp)
        let lease: Lease
        switch election.withLock({ $0.claim(at: start, timestamp: timestamp) }) {
        case .standBy: return
        case .create(let object):
            lease = try await client.create(Lease.self, object, namespace: settings.key.namespace)
        case .replace(let object):
            lease = try await client.replace(Lease.self, settings.key, object)
        }
        let now = clock.now
        let until = election.withLock { election in
            election.renewed(lease, sentAt: start, now: now)
            return election.leaderUntil
        }
        if let until { fence.open(until: until) }
    }

    private func giveBack() async -> Bool {
        while !Task.isCancelled {
            do throws(APIError) {
                try await observe()
                let timestamp = clock.timestamp
                guard let object = election.withLock({ $0.released(timestamp: timestamp) }) else {
                    return false
                }
                _ = try await client.replace(Lease.self, settings.key, object)
                return true
            } catch {
                logger.debug("Lease release failed", ["error": .describing(error)])
                // The sleep fails only by cancellation, which ends the loop.
                if !error.isConflict { do { try await clock.sleep(for: .milliseconds(500)) } catch {} }
            }
        }
        return false
    }

    // MARK: Losing

    private func resign() {
        election.withLock { $0.resign() }
        observer.leading(false)
    }

    private func lost(_ reason: String) -> LeadershipLost {
        fence.close()
        resign()
        return LeadershipLost(reason: reason)
    }
}
