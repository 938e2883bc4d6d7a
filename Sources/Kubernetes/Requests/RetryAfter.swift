// SPDX-License-Identifier: Apache-2.0
package import Platform

/// The Retry-After header of RFC 9110.
package enum RetryAfter {
    /// The most that is believed of a server: five minutes.
    ///
    /// A header with a slip of the pen, or with bad intent, must not keep a cluster or a watch waiting for good.
    package static let longest = Duration.seconds(300)

    /// How long to wait: whole seconds, or the time until an HTTP date, from zero to `longest`; nil if it is neither.
    package static func parse(_ value: String, now: Timestamp) -> Duration? {
        let text = value.drop { $0 == " " }
        if !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) {
            // More digits than fit mean "very long".
            return Int64(text).map { bounded(.seconds($0)) } ?? longest
        }
        guard let date = httpDate(text) else { return nil }
        // As durations, since the nanoseconds between two times need not fit one number.
        return bounded(.nanoseconds(date.nanosecondsSince1970) - .nanoseconds(now.nanosecondsSince1970))
    }

    /// The wait that is believed.
    static func bounded(_ wait: Duration) -> Duration {
        min(max(.zero, wait), longest)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers may send today.
    private static func httpDate(_ text: Substring) -> Timestamp? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT",
            let month = months.firstIndex(of: String(parts[2])), parts[1].utf8.count == 2
        else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(rfc3339: "\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
