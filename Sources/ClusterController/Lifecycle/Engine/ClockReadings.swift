// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform

/// Notices that the wall clock was set between two passes over a cluster, by the clock that never jumps.
///
/// What is remembered of a cluster is measured by the wall clock, since it has to outlive this process. A clock that is set
/// by hours would let every deadline pass at once, or none for as long.
final class ClockReadings: Sendable {
    /// Both clocks at the same moment.
    struct Reading: Sendable {
        fileprivate let instant: Instant
        fileprivate let timestamp: Timestamp

        init(_ clock: any Clock) {
            instant = clock.now
            timestamp = clock.timestamp
        }

        /// The time at a later moment, by a clock that nobody has set since.
        func timestamp(at moment: Instant) -> Timestamp { timestamp + (moment - instant) }
    }

    /// Clocks that are kept in step differ by less, however long ago the last pass was.
    private static let tolerance: Duration = .seconds(5)
    private let readings = Locked<[ObjectKey: Reading]>([:])

    /// How far the wall clock was set ahead since the reading that was kept last; negative if it was set back.
    func jump(to reading: Reading, of key: ObjectKey) -> Duration {
        guard let last = readings.withLock({ $0[key] }) else { return .zero }
        let jump = reading.timestamp.since(last.timestamp) - (reading.instant - last.instant)
        return jump > Self.tolerance || jump < .zero - Self.tolerance ? jump : .zero
    }

    /// Keeps a reading, now that what is remembered of the cluster is measured by the clock as it was then.
    func keep(_ reading: Reading, of key: ObjectKey) {
        readings.withLock { $0[key] = reading }
    }

    func forget(_ key: ObjectKey) {
        readings.withLock { $0[key] = nil }
    }
}
