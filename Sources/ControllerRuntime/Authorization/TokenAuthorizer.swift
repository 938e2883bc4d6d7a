// SPDX-License-Identifier: Apache-2.0
import HTTP
package import Kubernetes
package import Observability
package import Platform

/// Decides by the word of the API server who may read what we serve: TokenReview, then SubjectAccessReview.
///
/// Decisions hold for a while (`AuthorizerLimits`), so a scraper costs two requests a minute however often it
/// comes. An error is never an allowance, and never ends one that still holds.
package final class TokenAuthorizer: Sendable {
    /// Asks about one token.
    package typealias Review = @Sendable (_ token: String) async -> AccessDecision

    private struct State {
        var cache: DecisionCache
        var queue: ReviewQueue
        var isClosed = false
        /// Why the last review came to no decision, so that it is logged once.
        var problem: AccessDecision?
    }

    private let limits: AuthorizerLimits
    private let clock: any Clock
    private let logger: Logger
    private let review: Review
    private let state: Locked<State>
    private let wakeup = Wakeup()

    /// Asks with `review`, while `run` runs.
    package init(
        limits: AuthorizerLimits = AuthorizerLimits(), clock: any Clock, logger: Logger,
        review: @escaping Review
    ) {
        self.limits = limits
        self.clock = clock
        self.logger = logger
        self.review = review
        state = Locked(
            State(cache: DecisionCache(limits: limits), queue: ReviewQueue(limits: limits, now: clock.now)))
    }

    /// The decision if it is known, or certain not to come; otherwise nil, and `later` gets it from another thread.
    ///
    /// It does not wait.
    package func decide(
        _ token: String, later: @escaping @Sendable (AccessDecision) -> Void
    ) -> AccessDecision? {
        let job = ReviewQueue.Job(digest: SHA256Digest(of: token.utf8), token: token)
        let now = clock.now
        let decision = state.withLock { state -> AccessDecision? in
            guard !state.isClosed else { return .unavailable("stopping") }
            if let known = state.cache.decision(for: job.digest, at: now) { return known }
            let isRenewal = state.cache.wasAllowed(job.digest)
            let isWaiting = state.queue.add(job, isRenewal: isRenewal, now: now, waiter: later)
            return isWaiting ? nil : .unavailable("too many unknown tokens")
        }
        if decision == nil { wakeup.ring() }
        return decision
    }

    /// Asks about tokens until the task is cancelled; after that every decision is `unavailable`.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            while !Task.isCancelled {
                if running == limits.concurrency {
                    await group.next()
                    running -= 1
                }
                guard let job = nextJob() else {
                    await wakeup.wait()
                    continue
                }
                running += 1
                group.addTask { await self.carryOut(job) }
            }
        }
        let waiters = state.withLock { state in
            state.isClosed = true
            return state.queue.takeAll()
        }
        for waiter in waiters { waiter(.unavailable("stopping")) }
    }

    private func nextJob() -> ReviewQueue.Job? {
        let now = clock.now
        let (overdue, job) = state.withLock { state in
            (state.queue.takeOverdue(at: now), state.queue.take())
        }
        for waiter in overdue { waiter(.unavailable("the API server is slow")) }
        return job
    }

    private func carryOut(_ job: ReviewQueue.Job) async {
        // The decision is as old as the question.
        let time = clock.now
        let decision = await review(job.token)
        let (waiters, isNews) = state.withLock { state in
            state.cache.remember(decision, for: job.digest, asOf: time)
            let isNews = !decision.isFinal && state.problem != decision
            state.problem = decision.isFinal ? nil : decision
            return (state.queue.finish(job.digest), isNews)
        }
        log(decision, isNews: isNews)
        for waiter in waiters { waiter(decision) }
    }

    private func log(_ decision: AccessDecision, isNews: Bool) {
        switch decision {
        case .allowed: break
        case .unauthenticated: logger.debug("Token refused")
        case .forbidden(let user): logger.warning("Access refused", ["user": .string(user)])
        case .unavailable(let reason), .failed(let reason):
            if isNews { logger.warning("Cannot decide on access", ["reason": .string(reason)]) }
        }
    }
}

extension TokenAuthorizer {
    /// Asks the API server behind `client` who bears the token, and whether they may get `path`.
    ///
    /// Each question is asked once and answered within four seconds, so that a scraper hears of a failure before
    /// it gives up.
    package static func reviews(by client: KubernetesClient, path: String) -> Review {
        var client = client
        // Asking changes nothing, so those who do not lead may ask too.
        client.fence = nil
        client.retry = .never
        client.timeout = .seconds(4)
        return { [client] token in
            do throws(APIError) {
                guard let user = try await client.reviewToken(token) else { return .unauthenticated }
                let isAllowed = try await client.reviewAccess(of: user, verb: "get", nonResourcePath: path)
                return isAllowed ? .allowed : .forbidden(user: user.name)
            } catch {
                return AccessDecision(error)
            }
        }
    }
}
