// SPDX-License-Identifier: Apache-2.0
import HTTP

/// Which failed requests are sent again, and when; pure, so that every rule is one line of a table.
///
/// There is no throttle on our side: API priority and fairness on the server does that better, and tells us
/// with 429 and Retry-After, which this obeys. Credentials refused with 401 are not its concern, and neither
/// are watches, whose owner resumes them.
package struct RetryPolicy: Sendable, Hashable {
    /// What to do after a failed attempt.
    package enum Decision: Sendable, Hashable {
        case fail
        case retry(after: Duration)
    }

    /// How often a request is sent at most while the server asks for patience: 429, or a Retry-After.
    package var maximumAttempts: Int
    /// How often it is sent at most otherwise.
    ///
    /// Few, because some failures look passing and are not: servers before 1.21 answer 500 to an apply that does
    /// not fit the schema.
    package var attemptsUnasked: Int
    /// The longest that all attempts and the waits between them may take together.
    package var budget: Duration
    /// The most that is believed of a server's Retry-After.
    package var longestServerDelay: Duration
    /// The wait after the first failure where the server asks for none; it doubles each time.
    package var firstDelay: Duration
    /// Where the doubling stops.
    package var longestDelay: Duration

    package init(
        maximumAttempts: Int = 10, attemptsUnasked: Int = 4, budget: Duration = .seconds(60),
        longestServerDelay: Duration = .seconds(300),
        firstDelay: Duration = .milliseconds(100), longestDelay: Duration = .seconds(5)
    ) {
        self.maximumAttempts = maximumAttempts
        self.attemptsUnasked = attemptsUnasked
        self.budget = budget
        self.longestServerDelay = longestServerDelay
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
    }

    /// Ten attempts within a minute: longer waits belong to the work queue, which holds no worker meanwhile.
    package static let standard = RetryPolicy()
    /// One attempt: for leader election, which has its own clock.
    package static let never = RetryPolicy(maximumAttempts: 1)

    /// Whether to send a request again after `error`.
    ///
    /// - `attempt`: how often it has been sent, from 1.
    /// - `elapsed`: the time since it was first sent.
    /// - `jitter`: a random number in 0..<1, which spreads clients that failed together.
    package func decide(
        attempt: Int, _ repeatability: APIRequest.Repeatability, after error: APIError, elapsed: Duration,
        jitter: Double
    ) -> Decision {
        guard attempt < limit(after: error), Self.mayRepeat(repeatability, after: error) else { return .fail }
        let delay = delay(attempt: attempt, retryAfter: error.status?.retryAfter, jitter: jitter)
        return elapsed + delay < budget ? .retry(after: delay) : .fail
    }

    /// How often a request that fails with `error` is sent at most.
    package func limit(after error: APIError) -> Int {
        let isAsked = error.status?.code == 429 || error.status?.retryAfter != nil
        return isAsked ? maximumAttempts : min(maximumAttempts, attemptsUnasked)
    }

    private static func mayRepeat(_ repeatability: APIRequest.Repeatability, after error: APIError) -> Bool {
        switch error {
        case .status(let status): mayRepeat(repeatability, after: status)
        case .transport(.interrupted): repeatability != .onlyIfUnprocessed
        case .transport(.timedOut): repeatability == .idempotent
        // No connection: whoever asked backs off as a whole, instead of each request on its own.
        case .transport, .undecodable, .invalidRequest, .credentials, .fenced: false
        }
    }

    private static func mayRepeat(_ repeatability: APIRequest.Repeatability, after status: APIStatus) -> Bool
    {
        switch status.code {
        // The server turns a request away with 429 before it does anything.
        case 429: true
        // So does the API server with this pair, but a load balancer in front may not.
        case 503 where status.retryAfter != nil: repeatability != .onlyIfUnprocessed
        case 504 where status.isTooLargeResourceVersion: false
        case 500, 502, 503, 504: repeatability == .idempotent
        default: false
        }
    }

    /// What the server asks for and up to a fifth more, or half to all of the doubled delay.
    private func delay(attempt: Int, retryAfter: Duration?, jitter: Double) -> Duration {
        if let retryAfter { return min(retryAfter, longestServerDelay) * (1 + 0.2 * jitter) }
        let doublings = min(attempt - 1, 20)
        return min(firstDelay * (1 << doublings), longestDelay) * (0.5 + 0.5 * jitter)
    }
}
