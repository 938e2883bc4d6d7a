// SPDX-License-Identifier: Apache-2.0

/// How long decisions hold, and what those who send tokens may cost the API server and us.
package struct AuthorizerLimits: Sendable, Hashable {
    /// How long an allowed token is not asked about again: within that time a revocation takes effect.
    package var allowedLifetime: Duration
    /// The same for a refused one: within that time a new role takes effect.
    package var refusedLifetime: Duration
    /// How many tokens are remembered as allowed.
    package var allowedCount: Int
    /// How many are remembered as refused; beside the others, so that garbage drives no good token out.
    package var refusedCount: Int
    /// How many tokens are asked about at the same time.
    package var concurrency: Int
    /// How many unknown tokens may wait for that.
    package var waitingCount: Int
    /// How many requests may wait for the decision about one token.
    package var waitersPerToken: Int
    /// How long a token may wait to be asked about; shorter than a scraper's usual 10 s.
    package var patience: Duration
    /// How many unknown tokens may come at once.
    package var burst: Int
    /// How many may come in a second in the long run.
    package var perSecond: Int

    package init(
        allowedLifetime: Duration = .seconds(60), refusedLifetime: Duration = .seconds(10),
        allowedCount: Int = 64, refusedCount: Int = 1024, concurrency: Int = 4, waitingCount: Int = 64,
        waitersPerToken: Int = 256, patience: Duration = .seconds(8), burst: Int = 20, perSecond: Int = 10
    ) {
        self.allowedLifetime = allowedLifetime
        self.refusedLifetime = refusedLifetime
        self.allowedCount = max(1, allowedCount)
        self.refusedCount = max(1, refusedCount)
        self.concurrency = max(1, concurrency)
        self.waitingCount = max(1, waitingCount)
        self.waitersPerToken = max(1, waitersPerToken)
        self.patience = patience
        self.burst = max(1, burst)
        self.perSecond = max(1, perSecond)
    }
}
