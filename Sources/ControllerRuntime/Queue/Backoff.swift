// SPDX-License-Identifier: Apache-2.0
import Platform

/// Draws a number from 0 up to, but not including, 1.
package typealias RandomFraction = @Sendable () -> Double

/// Waiting times that double with each failure up to a maximum.
package struct Backoff: Sendable, Hashable {
    /// The wait after the first failure.
    package var initial: Duration
    /// The longest wait before jitter.
    package var maximum: Duration
    /// The share of the wait that chance may add; 0 for none, 1 for up to twice the wait.
    package var jitter: Double

    package init(initial: Duration, maximum: Duration, jitter: Double = 0) {
        self.initial = initial
        self.maximum = maximum
        self.jitter = jitter
    }

    /// 1 s, 2 s, 4 s, 8 s … 5 min: the specification's table for a failing object.
    package static let reconcile = Backoff(initial: .seconds(1), maximum: .seconds(300))
    /// 800 ms doubling to 30 s, then up to twice that by chance: client-go's numbers for list and watch.
    package static let reflector = Backoff(initial: .milliseconds(800), maximum: .seconds(30), jitter: 1)

    /// The wait after that many failures in a row, 1 at least.
    package func delay(failures: Int, random: Double) -> Duration {
        let limit = maximum.clampedNanoseconds
        var nanoseconds = min(initial.clampedNanoseconds, limit)
        for _ in 1..<max(failures, 2) where failures > 1 && nanoseconds < limit {
            let (doubled, overflow) = nanoseconds.multipliedReportingOverflow(by: 2)
            nanoseconds = overflow ? limit : min(doubled, limit)
            if nanoseconds == limit { break }
        }
        return .nanoseconds(nanoseconds) * (1 + jitter * random)
    }
}

extension Duration {
    /// The duration moved by chance by up to `share` of it in either direction.
    package func jittered(by share: Double, random: Double) -> Duration {
        self * (1 + share * (2 * random - 1))
    }
}
