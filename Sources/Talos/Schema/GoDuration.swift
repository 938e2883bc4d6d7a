// SPDX-License-Identifier: Apache-2.0

/// A span of time as Go reads and writes it (`time.ParseDuration`, `Duration.String`).
package struct GoDuration: Sendable, Hashable, CustomStringConvertible {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Reads `1h30m`, `1.5s`, `-10ms` or `0`; nil for anything else and for more than 292 years.
    package init?(_ text: String) {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        if rest.elementsEqual("0".utf8) {
            self.init(nanoseconds: 0)
            return
        }
        guard !rest.isEmpty else { return nil }
        var total: UInt64 = 0
        while !rest.isEmpty {
            guard let part = Self.part(&rest) else { return nil }
            let (sum, overflows) = total.addingReportingOverflow(part)
            guard !overflows, sum <= 1 << 63 else { return nil }
            total = sum
        }
        if isNegative {
            self.init(nanoseconds: Int64(truncatingIfNeeded: 0 &- total))
        } else {
            guard let nanoseconds = Int64(exactly: total) else { return nil }
            self.init(nanoseconds: nanoseconds)
        }
    }

    /// Reads one number and its unit.
    private static func part(_ rest: inout Substring.UTF8View) -> UInt64? {
        let whole = digits(&rest)
        var fraction: Substring.UTF8View = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = digits(&rest)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        let name = rest.prefix { $0 != UInt8(ascii: ".") && !isDigit($0) }
        rest = rest.dropFirst(name.count)
        guard let unit = unit(String(Substring(name))),
            let count = whole.isEmpty ? 0 : UInt64(Substring(whole))
        else { return nil }
        let (product, overflows) = count.multipliedReportingOverflow(by: unit)
        guard !overflows, product <= 1 << 63 else { return nil }
        // As in Go, what lies below a nanosecond is cut off.
        let part = Double("0." + Substring(fraction.prefix(18)) + "0").map {
            ($0 * Double(unit)).rounded(.down)
        }
        return product + UInt64(part ?? 0)
    }

    private static func digits(_ rest: inout Substring.UTF8View) -> Substring.UTF8View {
        let digits = rest.prefix(while: isDigit)
        rest = rest.dropFirst(digits.count)
        return digits
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func unit(_ name: String) -> UInt64? {
        switch name {
        case "ns": 1
        case "us", "\u{B5}s", "\u{3BC}s": 1000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        default: nil
        }
    }

    /// As Go writes it: `1h30m0s`, `1.5s`, `10ms`, `0s`.
    package var description: String {
        let sign = nanoseconds < 0 ? "-" : ""
        let magnitude = nanoseconds.magnitude
        switch magnitude {
        case 0: return "0s"
        case ..<1000: return "\(sign)\(magnitude)ns"
        case ..<1_000_000: return sign + Self.decimal(magnitude, digits: 3) + "\u{B5}s"
        case ..<1_000_000_000: return sign + Self.decimal(magnitude, digits: 6) + "ms"
        default: break
        }
        let minutes = magnitude / 60_000_000_000
        let seconds = Self.decimal(magnitude % 60_000_000_000, digits: 9) + "s"
        guard minutes > 0 else { return sign + seconds }
        guard minutes >= 60 else { return "\(sign)\(minutes)m\(seconds)" }
        return "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }

    /// A number with so many digits after its dot, zeros at the end left out.
    private static func decimal(_ number: UInt64, digits: Int) -> String {
        var scale: UInt64 = 1
        for _ in 0..<digits { scale *= 10 }
        let fraction = String(number % scale)
        var padded = String(repeating: "0", count: digits - fraction.count) + fraction
        while padded.last == "0" { padded.removeLast() }
        return padded.isEmpty ? "\(number / scale)" : "\(number / scale).\(padded)"
    }
}
