// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A point on the machine's own time line: nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`).
///
/// It never jumps with the wall clock, so back-off, leases and deadlines are measured with it alone.
package struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since boot.
    package var nanoseconds: Int64

    /// The instant that many nanoseconds after boot.
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// An instant that no clock reaches: 292 years after boot.
    package static let distantFuture = Instant(nanoseconds: .max)

    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The later instant; stays at `distantFuture` instead of overflowing.
    package static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.clampedNanoseconds)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// The time from `right` to `left`; negative if `left` is the earlier one.
    package static func - (left: Instant, right: Instant) -> Duration {
        .nanoseconds(left.nanoseconds.subtractingReportingOverflow(right.nanoseconds).partialValue)
    }
}

extension Duration {
    /// Whole nanoseconds, held at the ends of `Int64` (±292 years).
    package var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard tooLong || overflow else { return sum }
        return seconds < 0 ? .min : .max
    }

    /// The duration as seconds with a fraction, as metrics and logs want it: to the nanosecond, and the nearest
    /// number to that, so that it prints no more digits than it has.
    package var seconds: Double {
        Double(clampedNanoseconds) / 1e9
    }
}

/// Where time comes from: the machine in production, a hand-driven clock in tests.
package protocol Clock: Sendable {
    /// The monotonic time now.
    var now: Instant { get }
    /// The wall-clock time now; for people and API objects to read, never to measure with.
    var timestamp: Timestamp { get }
    /// Returns at `deadline` or, if it has passed, at once.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(until deadline: Instant) async throws
}

extension Clock {
    /// Returns after `duration`.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    package func sleep(for duration: Duration) async throws {
        try await sleep(until: now + duration)
    }
}

/// The machine's clocks.
package struct SystemClock: Clock {
    private let timers = TimerQueue()

    package init() {}

    package var now: Instant { .now }

    package var timestamp: Timestamp {
        Timestamp(nanosecondsSince1970: Instant.read(CLOCK_REALTIME))
    }

    package func sleep(until deadline: Instant) async throws {
        try await timers.sleep(until: deadline)
    }
}

extension Instant {
    /// The present moment.
    static var now: Instant { Instant(nanoseconds: read(CLOCK_BOOTTIME)) }

    fileprivate static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
