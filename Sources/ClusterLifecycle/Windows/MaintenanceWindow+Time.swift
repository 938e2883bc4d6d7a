// SPDX-License-Identifier: Apache-2.0
package import Platform

extension MaintenanceWindow {
    private static let secondsOfDay = 86_400

    /// Whether it is open at that time; it is not any more when it has just closed.
    package func isOpen(at time: Timestamp) -> Bool {
        let length = Int(clamping: duration.components.seconds)
        return openings(around: time, days: -(length / Self.secondsOfDay + 1)...0).contains { opening in
            opening <= time && time < opening + duration
        }
    }

    /// The first time after `time` at which it opens; nil for a window that never does.
    package func nextOpening(after time: Timestamp) -> Timestamp? {
        openings(around: time, days: 0...7).first { $0 > time }
    }

    /// When it opens on the days that far from the day of `time`, in order.
    private func openings(around time: Timestamp, days range: ClosedRange<Int>) -> [Timestamp] {
        let seconds = time.secondsSince1970
        let today = (seconds - Self.modulo(seconds, Self.secondsOfDay)) / Self.secondsOfDay
        return range.compactMap { offset in
            // 1970-01-01 was a Thursday.
            let weekday = Self.modulo(today + offset + 4, 7)
            guard days.isEmpty || days.contains(weekday) else { return nil }
            let midnight = Timestamp(nanosecondsSince1970: 0) + .seconds((today + offset) * Self.secondsOfDay)
            return midnight + .seconds(opensAt * 60)
        }
    }

    /// The remainder towards minus infinity, so that times before 1970 come out right.
    private static func modulo(_ value: Int, _ divisor: Int) -> Int {
        let remainder = value % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}

extension [MaintenanceWindow] {
    /// Whether disruptive work may begin at that time: always if there are no windows.
    package func isOpen(at time: Timestamp) -> Bool {
        isEmpty || contains { $0.isOpen(at: time) }
    }

    /// When the next one opens; nil if there is none.
    package func nextOpening(after time: Timestamp) -> Timestamp? {
        compactMap { $0.nextOpening(after: time) }.min()
    }
}
