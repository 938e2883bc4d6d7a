// SPDX-License-Identifier: Apache-2.0
package import Platform

/// The Retry-After header of RFC 9110.
package enum RetryAfter {
    /// How long to wait: whole seconds, or the time until an HTTP date, never negative; nil if it is neither.
    package static func parse(_ value: String, now: Timestamp) -> Duration? {
        let text = value.drop { $0 == " " }
        if !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) {
            // More digits than fit mean "very long", and the caller caps that anyway.
            return .seconds(Int64(text) ?? Int64(Int32.max))
        }
        guard let date = httpDate(text) else { return nil }
        return max(.zero, .nanoseconds(date.nanosecondsSince1970 - now.nanosecondsSince1970))
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
