// SPDX-License-Identifier: Apache-2.0

/// How strings and numbers are written so that readers of YAML 1.1 and 1.2 agree on them.
enum YAMLText {
    /// The text of a string in one line: plain if that is safe, else in quotes.
    static func inLine(_ string: String) -> String {
        if isPlain(string) { return string }
        if string.unicodeScalars.contains(where: { needsEscape($0) }) { return doubleQuoted(string) }
        // Escapes would make JSON or a regular expression within a string hard to read.
        guard string.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
            return "\"\(string)\""
        }
        return "'" + string.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
            + "'"
    }

    /// A string of several lines as a literal block, from its `|` to the line break at its end.
    ///
    /// Nil if the string has one line, begins with white space, which would be taken for indentation, has
    /// lines of blanks alone, or has characters that must be escaped.
    static func literal(_ string: String, indentation: Int) -> String? {
        let scalars = string.unicodeScalars
        guard scalars.contains("\n"), let first = scalars.first, !isBlank(first), first != "\n",
            !scalars.contains(where: { $0 != "\n" && $0 != "\t" && needsEscape($0) })
        else { return nil }
        var lines = scalars.split(separator: "\n", omittingEmptySubsequences: false)
        guard !lines.contains(where: { !$0.isEmpty && $0.allSatisfy(isBlank) }) else { return nil }
        let breaksAtEnd = lines.reversed().prefix { $0.isEmpty }.count
        if breaksAtEnd > 0 { lines.removeLast() }
        let chomping = breaksAtEnd == 0 ? "-" : breaksAtEnd == 1 ? "" : "+"
        let margin = String(repeating: " ", count: indentation)
        return "|\(chomping)\n" + lines.map { ($0.isEmpty ? "" : margin) + String($0) + "\n" }.joined()
    }

    /// A number that is not whole; YAML 1.1 wants a dot before the exponent.
    static func float(_ number: Double) -> String {
        guard number.isFinite else { return "null" }
        let text = number.description
        guard !text.contains("."), let exponent = text.firstIndex(of: "e") else { return text }
        return text[..<exponent] + ".0" + text[exponent...]
    }

    private static func doubleQuoted(_ string: String) -> String {
        var text = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where needsEscape(scalar):
                let digits = String(scalar.value, radix: 16, uppercase: true)
                text += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    /// Control characters, line breaks of either version, and what editors and readers swallow.
    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
        default: false
        }
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        // Nearly all text is ASCII, and a look into the tables of Unicode is slow.
        scalar.isASCII ? scalar == " " || (9...13).contains(scalar.value) : scalar.properties.isWhitespace
    }
}

extension YAMLText {
    /// Whether a string can do without quotes: no indicator and nothing that any reader takes for more than a string.
    private static func isPlain(_ string: String) -> Bool {
        guard let first = string.utf8.first, let last = string.unicodeScalars.last else { return false }
        let scalars = string.unicodeScalars
        return !"-?:,[]{}#&*!|>'\"%@` ".utf8.contains(first)
            && last != ":" && last != " "
            && !scalars.contains { needsEscape($0) || ($0 != " " && isBlank($0)) }
            && !hasIndicatorWithin(string) && !isWord(string) && !string.hasPrefix("...")
            && !looksLikeNumber(string)
    }

    /// The words of any version that are no strings, and the indicators that look like words.
    private static let words: Set<String> = [
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<", "=", ".", ".inf", "+.inf",
        "-.inf", ".nan",
    ]

    private static func isWord(_ string: String) -> Bool {
        // None is longer than 5 bytes.
        string.utf8.count <= 5 && words.contains(string.lowercased())
    }

    /// Whether a colon stands before a blank, or a number sign after one.
    private static func hasIndicatorWithin(_ string: String) -> Bool {
        var previous: UInt8 = 0
        for byte in string.utf8 {
            if previous == UInt8(ascii: ":"), byte == UInt8(ascii: " ") { return true }
            if previous == UInt8(ascii: " "), byte == UInt8(ascii: "#") { return true }
            previous = byte
        }
        return false
    }

    /// Whether some reader could take the string for a number, a time of day or a date.
    ///
    /// That is rather too much than too little: `12:30:45` is a number in YAML 1.1, `0o17` in 1.2. Several
    /// dots and nothing but digits, an address or a version, are a string everywhere.
    private static func looksLikeNumber(_ string: String) -> Bool {
        let text = string.utf8
        guard let first = text.first, isDigit(first) || "+-.".utf8.contains(first) else { return false }
        if text.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }), text.count(where: { $0 == 0x2E }) > 1,
            isDigit(first)
        {
            return false
        }
        let unsigned = text.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
        let isPrefixed =
            unsigned.first == UInt8(ascii: "0") && "xXoObB".utf8.contains(unsigned.dropFirst().first ?? 0)
        let isDate = text.prefix(4).allSatisfy(isDigit) && text.dropFirst(4).first == UInt8(ascii: "-")
        return isPrefixed || isDate || text.allSatisfy { isDigit($0) || "+-.,:_eE".utf8.contains($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
