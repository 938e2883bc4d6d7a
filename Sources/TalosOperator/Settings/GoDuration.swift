// SPDX-License-Identifier: Apache-2.0

/// Durations as Go programs write them: `30s`, `1m30s`, `1.5h`, `250ms`, `0`.
enum GoDuration {
    /// Reads a duration; nil if the text is none, is negative, or does not fit 292 years.
    static func parse(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        var rest = Substring(text)
        var total = Duration.zero
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            guard let number = number(&rest), let unit = unit(&rest),
                let part = scaled(number, by: unit)
            else { return nil }
            total += part
        }
        return total <= longest ? total : nil
    }

    /// Writes a duration so that `parse` reads it back: `1m30s`, `250ms`, `0s`.
    static func text(_ duration: Duration) -> String {
        var nanoseconds = duration.components.attoseconds / 1_000_000_000
        var seconds = duration.components.seconds
        guard seconds > 0 || nanoseconds > 0 else { return "0s" }
        var text = ""
        for (name, length) in [("h", Int64(3600)), ("m", 60), ("s", 1)] where seconds >= length {
            text += "\(seconds / length)\(name)"
            seconds %= length
        }
        for (name, length) in [("ms", Int64(1_000_000)), ("us", 1000), ("ns", 1)] where nanoseconds >= length
        {
            text += "\(nanoseconds / length)\(name)"
            nanoseconds %= length
        }
        return text
    }

    private static let longest = Duration.seconds(292 * 365 * 86_400)

    private static func number(_ rest: inout Substring) -> Double? {
        let digits = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
        rest = rest.dropFirst(digits.count)
        guard digits.first != ".", digits.last != ".", digits.count <= 18 else { return nil }
        return Double(digits)
    }

    /// The length of the unit in nanoseconds.
    private static func unit(_ rest: inout Substring) -> Double? {
        let name = rest.prefix { $0 != "." && !("0"..."9").contains($0) }
        rest = rest.dropFirst(name.count)
        switch name {
        case "h": return 3.6e12
        case "m": return 6e10
        case "s": return 1e9
        case "ms": return 1e6
        case "us", "µs", "μs": return 1e3
        case "ns": return 1
        default: return nil
        }
    }

    private static func scaled(_ number: Double, by unit: Double) -> Duration? {
        guard let nanoseconds = Int64(exactly: (number * unit).rounded()) else { return nil }
        return .nanoseconds(nanoseconds)
    }
}
