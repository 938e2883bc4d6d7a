// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
import Platform
import Talos

/// A window as people write it: days, if it is not for every day, then when it opens in UTC, then for how long.
extension MaintenanceWindow: ParsedText {
    private static let dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    /// A window that never closes is none.
    private static let lengths = Duration.seconds(60)...Duration.seconds(7 * 24 * 3600)

    package init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2 || words.count == 3, let opensAt = Self.minutes(words[words.count - 2]),
            let length = GoDuration(String(words[words.count - 1])),
            Self.lengths.contains(.nanoseconds(length.nanoseconds)),
            let days = words.count == 3 ? Self.days(words[0]) : []
        else { return nil }
        self.init(days: days, opensAt: opensAt, duration: .nanoseconds(length.nanoseconds))
    }

    package static func rule(against text: String) -> String {
        #"days, a time in UTC and a duration, such as "Sun 02:00 4h", "Mon-Fri 22:00 2h30m" or "03:00 1h""#
    }

    /// Minutes after midnight of `02:00`.
    private static func minutes(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy(\.isASCIIDigit) }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), hour < 24, minute < 60
        else { return nil }
        return hour * 60 + minute
    }

    /// The days of `Sun`, `Sat,Sun` or `Fri-Mon`, which goes over the end of the week.
    private static func days(_ text: Substring) -> Set<Int>? {
        var days: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
                .map { dayNames.firstIndex(of: String($0)) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil else {
                return nil
            }
            let count = (last - first + dayNames.count) % dayNames.count
            for offset in 0...count { days.insert((first + offset) % dayNames.count) }
        }
        return days
    }
}
