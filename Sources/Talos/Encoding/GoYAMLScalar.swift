// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// How go-yaml v3 writes strings (`encode.go`, `emitterc.go`): plain where that reads back as the same
/// string, in double quotes where it would read as something else, in single ones where characters of YAML's
/// own would mislead a reader, and as a block if there are several lines.
enum GoYAMLScalar {
    /// Appends the string in one line.
    static func write(_ string: String, to text: inout [UInt8]) {
        let style = Form(of: string).style
        guard style != .double, readsAsText(string, first: string.utf8.first) else {
            return writeQuoted(string, to: &text)
        }
        if style == .plain { return text.append(contentsOf: string.utf8) }
        text.append(UInt8(ascii: "'"))
        for byte in string.utf8 {
            if byte == UInt8(ascii: "'") { text.append(byte) }
            text.append(byte)
        }
        text.append(UInt8(ascii: "'"))
    }

    private static func writeQuoted(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for scalar in string.unicodeScalars {
            if let escape = escape(scalar) {
                text.append(UInt8(ascii: "\\"))
                text.append(contentsOf: escape.utf8)
            } else {
                text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        text.append(UInt8(ascii: "\""))
    }

    /// What stands after the backslash; nil if the character stands for itself.
    private static func escape(_ scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0x00: "0"
        case 0x07: "a"
        case 0x08: "b"
        case 0x09: "t"
        case 0x0A: "n"
        case 0x0B: "v"
        case 0x0C: "f"
        case 0x0D: "r"
        case 0x1B: "e"
        case 0x22: "\""
        case 0x5C: "\\"
        case 0x85: "N"
        case 0x2028: "L"
        case 0x2029: "P"
        case 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD: nil
        case ...0xFF: "x" + hexadecimal(scalar.value, digits: 2)
        case ...0xFFFF: "u" + hexadecimal(scalar.value, digits: 4)
        default: "U" + hexadecimal(scalar.value, digits: 8)
        }
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// A number that is not whole, as Go's `strconv.FormatFloat` writes it with format `g`.
    static func number(_ number: Double) -> String {
        let magnitude = number.magnitude
        guard magnitude != 0, magnitude < 1e-4 || magnitude >= 1e6 else {
            let text = number.description
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        }
        // Swift writes small exponents as digits; take the digits and place the dot after the first.
        let parts = magnitude.description.split(separator: "e")
        let mantissa = parts.first ?? "0"
        let whole = mantissa.prefix { $0 != "." }
        var digits = mantissa.filter { $0 != "." }[...]
        var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + whole.count - 1
        while digits.first == "0" {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.last == "0" { digits.removeLast() }
        let fraction = digits.dropFirst()
        let power = String(exponent.magnitude)
        return (number < 0 ? "-" : "") + digits.prefix(1) + (fraction.isEmpty ? "" : "." + fraction)
            + "e" + (exponent < 0 ? "-" : "+") + (power.count < 2 ? "0" : "") + power
    }
}

extension GoYAMLScalar {
    /// What the characters of a string allow.
    struct Form {
        enum Style {
            case plain
            case single
            case double
        }

        private(set) var style = Style.plain
        private(set) var hasBreaks = false
        /// Whether it can be a block: no line ends in a blank, and all characters are ones that are shown.
        private(set) var canBeBlock = true

        init(of string: String) {
            var string = string
            self = string.withUTF8 { Form($0) }
        }

        private init(_ bytes: UnsafeBufferPointer<UInt8>) {
            guard let first = bytes.first, let last = bytes.last else { return }
            var isIndicated = Self.beginsWithIndicator(first, bytes.dropFirst().first)
            var previous: UInt8 = 0
            var mustEscape = false
            for (index, byte) in bytes.enumerated() {
                switch byte {
                case UInt8(ascii: "#") where isBlank(previous): isIndicated = true
                case UInt8(ascii: " ") where previous == UInt8(ascii: ":"): isIndicated = true
                case UInt8(ascii: "\n"):
                    hasBreaks = true
                    if previous == UInt8(ascii: " ") { canBeBlock = false }
                case UInt8(ascii: "\t"):
                    // No indicator may stand before a blank of any kind.
                    mustEscape = true
                case 0..<0x20, 0x7F, 0xF0...:
                    mustEscape = true
                    canBeBlock = false
                case 0xC2, 0xE2, 0xEF:
                    guard Self.isSpecial(bytes[index...]) else { break }
                    mustEscape = true
                    canBeBlock = false
                default: break
                }
                previous = byte
            }
            if last == UInt8(ascii: " ") { canBeBlock = false }
            if last == UInt8(ascii: ":") || bytes.starts(with: "---".utf8) || bytes.starts(with: "...".utf8) {
                isIndicated = true
            }
            style =
                mustEscape || hasBreaks
                ? .double : isIndicated || first == 0x20 || last == 0x20 ? .single : .plain
        }

        private func isBlank(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
        }

        private static func beginsWithIndicator(_ first: UInt8, _ second: UInt8?) -> Bool {
            switch first {
            case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"):
                second.map { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") } ?? true
            default: "#,[]{}&*!|>'\"%@`".utf8.contains(first)
            }
        }

        /// Whether a character is a control character, a break that is none in YAML 1.2, or a byte order mark.
        private static func isSpecial(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
            let next = bytes.dropFirst()
            switch (bytes.first, next.first, next.dropFirst().first) {
            case (0xC2, let second?, _): return second < 0xA0
            case (0xE2, 0x80, let third?): return third == 0xA8 || third == 0xA9
            case (0xEF, 0xBB, 0xBF?): return true
            case (0xEF, 0xBF, let third?): return third >= 0xBE
            default: return false
            }
        }
    }

    /// A string of several lines, written one below the other.
    struct Block {
        private let string: String
        private let hint: String

        /// Nil if the string has one line or cannot be written so.
        ///
        /// go-yaml loses a line break at the beginning, and a blank there unless the block is four columns
        /// further in than what it belongs to; a tab there it writes but does not read. Here they are in quotes.
        init?(_ string: String, _ place: Place) {
            guard string.utf8.contains(UInt8(ascii: "\n")) else { return nil }
            guard Form(of: string).canBeBlock, let first = string.utf8.first,
                first != UInt8(ascii: "\n"), first != UInt8(ascii: "\t")
            else { return nil }
            var hint = ""
            if first == UInt8(ascii: " ") {
                guard case .key(let column) = place, column.isMultiple(of: 4) else { return nil }
                hint = "4"
            }
            let breaks = string.utf8.suffix(2).reversed().prefix { $0 == UInt8(ascii: "\n") }.count
            self.string = string
            self.hint = hint + (breaks == 0 ? "-" : breaks == 1 ? "" : "+")
        }

        typealias Place = GoYAMLWriter.Place

        var keepsBreaks: Bool { hint.hasSuffix("+") }

        func write(to text: inout [UInt8], indentation: Int) {
            text.append(UInt8(ascii: "|"))
            text.append(contentsOf: hint.utf8)
            text.append(UInt8(ascii: "\n"))
            var isAtStart = true
            for byte in string.utf8 {
                if isAtStart, byte != UInt8(ascii: "\n") {
                    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indentation))
                }
                text.append(byte)
                isAtStart = byte == UInt8(ascii: "\n")
            }
            if !isAtStart { text.append(UInt8(ascii: "\n")) }
        }
    }
}
