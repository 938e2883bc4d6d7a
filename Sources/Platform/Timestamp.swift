// SPDX-License-Identifier: Apache-2.0

/// A wall-clock time in UTC, as API objects and logs write it.
package struct Timestamp: Comparable, Hashable, Sendable {
    /// Nanoseconds since 1970-01-01T00:00:00Z; the range reaches from 1677 to 2262.
    package var nanosecondsSince1970: Int64

    /// The time that many nanoseconds after 1970-01-01T00:00:00Z.
    package init(nanosecondsSince1970: Int64) {
        self.nanosecondsSince1970 = nanosecondsSince1970
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.nanosecondsSince1970 < right.nanosecondsSince1970
    }

    /// The time that much later; the first or last there is instead of overflowing.
    package static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let step = duration.clampedNanoseconds
        let (sum, overflow) = time.nanosecondsSince1970.addingReportingOverflow(step)
        guard overflow else { return Timestamp(nanosecondsSince1970: sum) }
        return Timestamp(nanosecondsSince1970: step < 0 ? .min : .max)
    }

    /// How many digits of the second to write.
    package enum Precision: Int, Sendable {
        /// `2024-01-01T12:00:00Z`: metav1.Time.
        case seconds = 0
        /// `2024-01-01T12:00:00.000Z`: logs.
        case milliseconds = 3
        /// `2024-01-01T12:00:00.000000Z`: metav1.MicroTime, always six digits.
        case microseconds = 6
    }

    /// RFC 3339 text in UTC; digits beyond `precision` are cut, not rounded.
    package func rfc3339(_ precision: Precision = .seconds) -> String {
        let (days, secondOfDay) = Self.divide(secondsSince1970, by: 86_400)
        let date = CivilDate(daysSince1970: days)
        var text = "\(Self.pad(date.year, 4))-\(Self.pad(date.month, 2))-\(Self.pad(date.day, 2))T"
        text += "\(Self.pad(secondOfDay / 3600, 2)):\(Self.pad(secondOfDay / 60 % 60, 2))"
        text += ":\(Self.pad(secondOfDay % 60, 2))"
        if precision != .seconds {
            text += "." + String(Self.pad(nanosecondOfSecond, 9).prefix(precision.rawValue))
        }
        return text + "Z"
    }

    /// Reads RFC 3339 text with any offset and zero to nine digits of a second; nil if it is not that.
    package init?(rfc3339 text: some StringProtocol) {
        var scanner = DigitScanner(text.utf8)
        guard let year = scanner.number(4), scanner.skip("-"),
            let month = scanner.number(2), scanner.skip("-"),
            let day = scanner.number(2), scanner.skip("T", or: "t"),
            let hour = scanner.number(2), scanner.skip(":"),
            let minute = scanner.number(2), scanner.skip(":"),
            let second = scanner.number(2),
            let fraction = scanner.fraction(),
            let offset = scanner.offsetSeconds(), scanner.isAtEnd,
            let date = CivilDate(year: year, month: month, day: day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let seconds = date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second - offset
        let (scaled, tooFar) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow) = scaled.addingReportingOverflow(Int64(fraction))
        guard !tooFar, !overflow else { return nil }
        self.init(nanosecondsSince1970: sum)
    }

    /// Whole seconds since 1970, towards minus infinity.
    package var secondsSince1970: Int {
        Self.divide(Int(nanosecondsSince1970), by: 1_000_000_000).quotient
    }

    private var nanosecondOfSecond: Int {
        Self.divide(Int(nanosecondsSince1970), by: 1_000_000_000).remainder
    }

    /// Division towards minus infinity, so that times before 1970 come out right.
    private static func divide(_ value: Int, by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func pad(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// A day of the proleptic Gregorian calendar.
struct CivilDate {
    var year: Int
    var month: Int
    var day: Int

    /// Nil if there is no such day.
    init?(year: Int, month: Int, day: Int) {
        guard (1...12).contains(month), (1...Self.length(ofMonth: month, year: year)).contains(day) else {
            return nil
        }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// The day that many days after 1970-01-01; counts in 400-year eras that begin on 1 March.
    init(daysSince1970 days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSince1970: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// Reads fixed-width numbers and separators from text, one after the other.
private struct DigitScanner<Bytes: Collection> where Bytes.Element == UInt8 {
    private var rest: Bytes.SubSequence

    init(_ bytes: Bytes) {
        rest = bytes[...]
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func number(_ width: Int) -> Int? {
        var value = 0
        for _ in 0..<width {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    mutating func skip(_ character: Unicode.Scalar, or other: Unicode.Scalar? = nil) -> Bool {
        guard let next = rest.first, UInt32(next) == character.value || UInt32(next) == other?.value else {
            return false
        }
        rest = rest.dropFirst()
        return true
    }

    /// An optional fraction as nanoseconds; nil if a point stands without one to nine digits after it.
    mutating func fraction() -> Int? {
        guard skip(".") else { return 0 }
        var (value, count) = (0, 0)
        while let digit = digit() {
            guard count < 9 else { return nil }
            value = value * 10 + digit
            count += 1
        }
        guard count > 0 else { return nil }
        return (count..<9).reduce(value) { scaled, _ in scaled * 10 }
    }

    /// `Z` or `±hh:mm` as seconds east of UTC.
    mutating func offsetSeconds() -> Int? {
        if skip("Z", or: "z") { return 0 }
        let isEast = skip("+")
        guard isEast || skip("-"), let hours = number(2), skip(":"), let minutes = number(2),
            hours < 24, minutes < 60
        else { return nil }
        return (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
    }

    private mutating func digit() -> Int? {
        guard let next = rest.first, (48...57).contains(next) else { return nil }
        rest = rest.dropFirst()
        return Int(next) - 48
    }
}
