// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// How go-yaml writes a string of one line, for the few files that we write as it does.
enum AccessYAML {
    /// The string plain where that is safe, in double quotes where it would be read as more than a string, in
    /// single ones where it has YAML's own characters.
    static func scalar(_ text: String) -> String {
        let bytes = text.utf8
        if bytes.contains(where: { $0 < 0x20 || $0 >= 0x7F }) { return doubleQuoted(text) }
        if isMoreThanString(text) { return "\"\(text)\"" }
        return needsQuotes(text) ? "'" + text.replacing("'", with: "''") + "'" : text
    }

    /// As JSON writes it, which YAML reads too.
    private static func doubleQuoted(_ text: String) -> String {
        String(decoding: JSONValue.string(text).encoded(), as: UTF8.self)
    }

    /// What YAML 1.1 and 1.2 take for null, a truth value, a number, a time or the merge key.
    private static let words: Set<String> = [
        "", "~", "null", "true", "false", "y", "n", "yes", "no", "on", "off", "<<", ".nan", ".inf", "-.inf",
        "+.inf",
    ]

    private static func isMoreThanString(_ text: String) -> Bool {
        if words.contains(text.lowercased()) { return true }
        guard let first = text.utf8.first, "0123456789+-.".utf8.contains(first) else { return false }
        if first != UInt8(ascii: "."), text.utf8.contains(UInt8(ascii: ":")) || text.dropFirst(4).first == "-"
        {
            return text.utf8.allSatisfy { "0123456789+-.:_TtZz ".utf8.contains($0) }
        }
        let digits = text.replacing("_", with: "")
        let magnitude = digits.first == "-" || digits.first == "+" ? digits.dropFirst() : digits[...]
        let radix: Int? =
            switch magnitude.prefix(2) {
            case "0x", "0X": 16
            case "0o": 8
            case "0b", "0B": 2
            default: nil
            }
        if let radix {
            return !magnitude.dropFirst(2).isEmpty && UInt64(magnitude.dropFirst(2), radix: radix) != nil
        }
        return magnitude.utf8.allSatisfy { "0123456789.eE+-".utf8.contains($0) } && Double(digits) != nil
    }

    private static func needsQuotes(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return true }
        if ",[]{}#&*!|>'\"%@`".utf8.contains(first) || first == 0x20 || last == 0x20 { return true }
        let next = text.utf8.dropFirst().first
        if "-?:".utf8.contains(first), next == nil || next == 0x20 { return true }
        return last == UInt8(ascii: ":") || text.contains(": ") || text.contains(" #")
            || text.hasPrefix("---") || text.hasPrefix("...")
    }
}
