// SPDX-License-Identifier: Apache-2.0
package import Platform

/// Stops the writes of a process that may no longer be the leader.
///
/// The leader elector opens it up to the end of what it is sure of; every mutating request asks at the moment
/// it is sent, retries included. It reads the monotonic clock that runs on in suspend, so after a pause of
/// the machine writes are refused before the elector itself has noticed. The end travels with the request, for a
/// pause may come between the question and the connection that takes the request.
package final class WriteFence: Sendable {
    private let clock: any Clock
    private let openUntil = Locked(Instant(nanoseconds: .min))

    /// A closed fence.
    package init(clock: any Clock) {
        self.clock = clock
    }

    /// Whether a write sent now would be covered.
    package var allowsWrites: Bool {
        clock.now < openUntil.withLock { $0 }
    }

    /// When writes end to be covered; long past while they are refused.
    var end: Instant { openUntil.withLock { $0 } }

    /// Allows writes before `instant`.
    package func open(until instant: Instant) {
        openUntil.withLock { $0 = instant }
    }

    /// Refuses writes from now on.
    package func close() {
        openUntil.withLock { $0 = Instant(nanoseconds: .min) }
    }
}
