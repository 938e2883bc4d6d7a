// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension GoYAMLScalar {
    /// Whether the string without quotes is that string again for readers of YAML 1.1 and 1.2.
    static func readsAsText(_ string: String, first: UInt8?) -> Bool {
        guard let first else { return false }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            return isResolvedAsText(string) && !isSexagesimal(string) && !isTimestamp(string)
                && !notFinite.contains(string)
        case _ where "yYnNtTfFoO~<".utf8.contains(first):
            // None of the words is longer.
            return string.utf8.count > 5 || (isResolvedAsText(string) && !words.contains(string))
        default: return true
        }
    }

    private static func isResolvedAsText(_ string: String) -> Bool {
        // Go's numbers may have underscores after a leading dot too.
        let text = string.first == "." ? string.filter { $0 != "_" } : string
        return if case .string = YAMLNode.Scalar(text: text, isPlain: true).resolved { true } else { false }
    }

    /// The truth values of YAML 1.1 that are text in 1.2, and what merges a mapping.
    private static let words: Set<String> = [
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF",
        "<<",
    ]

    private static let notFinite: Set<String> = [
        ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN",
    ]

    /// Whether YAML 1.1 takes it for a number to base 60, such as `12:30:45` and some hardware addresses.
    private static func isSexagesimal(_ string: String) -> Bool {
        var rest = string.utf8[...]
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        guard let first = rest.first, isDigit(first) else { return false }
        rest = rest.drop { isDigit($0) || $0 == UInt8(ascii: "_") }
        guard rest.first == UInt8(ascii: ":") else { return false }
        while rest.first == UInt8(ascii: ":") {
            rest = rest.dropFirst()
            let digits = rest.prefix(while: isDigit)
            guard let number = UInt(Substring(digits)), digits.count <= 2, number < 60 else { return false }
            rest = rest.dropFirst(digits.count)
        }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst().drop { isDigit($0) || $0 == UInt8(ascii: "_") }
        }
        return rest.isEmpty
    }

    /// Whether YAML 1.1 takes it for a date or a time, `2026-01-31` or `2026-01-31T12:00:00Z`.
    private static func isTimestamp(_ string: String) -> Bool {
        guard string.utf8.prefix(4).allSatisfy(isDigit), string.utf8.dropFirst(4).first == UInt8(ascii: "-")
        else { return false }
        let date = string.utf8.prefix { isDigit($0) || $0 == UInt8(ascii: "-") }
        let numbers = date.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard numbers.count == 3, let year = number(numbers[0], 4...4), let month = number(numbers[1], 1...2),
            let day = number(numbers[2], 1...2), (1...12).contains(month), day >= 1,
            day <= days(in: month, of: year)
        else { return false }
        let rest = string.utf8.dropFirst(date.count)
        guard let separator = rest.first else { return true }
        guard "Tt ".utf8.contains(separator) else { return false }
        return isTime(rest.dropFirst(), needsZone: separator != UInt8(ascii: " "))
    }

    private static func isTime(_ text: Substring.UTF8View, needsZone: Bool) -> Bool {
        let time = text.prefix { isDigit($0) || $0 == UInt8(ascii: ":") }
        let numbers = time.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard numbers.count == 3, let hour = number(numbers[0], 1...2),
            let minute = number(numbers[1], 1...2),
            let second = number(numbers[2], 1...2), hour < 24, minute < 60, second < 60
        else { return false }
        var zone = text.dropFirst(time.count)
        if zone.first == UInt8(ascii: ".") || zone.first == UInt8(ascii: ",") {
            zone = zone.dropFirst().drop(while: isDigit)
        }
        guard needsZone else { return zone.isEmpty }
        if zone.elementsEqual("Z".utf8) { return true }
        guard let sign = zone.first, "+-".utf8.contains(sign), zone.count == 6 else { return false }
        let parts = zone.dropFirst().split(separator: UInt8(ascii: ":"))
        return parts.count == 2 && parts.allSatisfy { number($0, 2...2) != nil }
    }

    private static func number(_ digits: Substring.UTF8View, _ count: ClosedRange<Int>) -> Int? {
        count.contains(digits.count) && digits.allSatisfy(isDigit) ? Int(Substring(digits)) : nil
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
