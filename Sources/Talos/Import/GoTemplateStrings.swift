// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension GoTemplateFunctions {
    /// The functions that make texts of texts.
    static func strings(_ name: String, _ arguments: [JSONValue]) -> JSONValue? {
        switch name {
        case "quote": return .string(arguments.map { quoted(text($0)) }.joined(separator: " "))
        case "squote": return .string(arguments.map { "'\(text($0))'" }.joined(separator: " "))
        case "toString" where arguments.count == 1: return .string(text(arguments[0]))
        case "print": return .string(arguments.map(text).joined())
        case "cat": return .string(arguments.map(text).joined(separator: " "))
        case "printf": return printf(arguments).map { .string($0) }
        case "join" where arguments.count == 2:
            guard let separator = arguments[0].string else { return nil }
            return arguments[1].array.map { .string($0.map(text).joined(separator: separator)) }
        case "indent", "nindent":
            guard arguments.count == 2, let width = arguments[0].integer, (0...100).contains(width) else {
                return nil
            }
            let margin = String(repeating: " ", count: Int(width))
            let lines = text(arguments[1]).split(separator: "\n", omittingEmptySubsequences: false)
            return .string(
                (name == "nindent" ? "\n" : "") + lines.map { margin + $0 }.joined(separator: "\n"))
        default: return ofTexts(name, arguments)
        }
    }

    /// The functions of which all arguments are texts.
    private static func ofTexts(_ name: String, _ arguments: [JSONValue]) -> JSONValue? {
        let texts = arguments.compactMap(\.string)
        guard texts.count == arguments.count else { return nil }
        switch (name, texts.count) {
        case ("upper", 1): return .string(texts[0].uppercased())
        case ("lower", 1): return .string(texts[0].lowercased())
        case ("trim", 1): return .string(trimmed(texts[0]) { $0.isWhitespace })
        case ("trimAll", 2): return .string(trimmed(texts[1]) { texts[0].contains($0) })
        case ("trimPrefix", 2):
            return .string(
                texts[1].hasPrefix(texts[0]) ? String(texts[1].dropFirst(texts[0].count)) : texts[1])
        case ("trimSuffix", 2):
            return .string(
                texts[1].hasSuffix(texts[0]) ? String(texts[1].dropLast(texts[0].count)) : texts[1])
        case ("replace", 3): return .string(texts[2].replacing(texts[0], with: texts[1]))
        case ("contains", 2): return .bool(texts[1].contains(texts[0]))
        case ("hasPrefix", 2): return .bool(texts[1].hasPrefix(texts[0]))
        case ("hasSuffix", 2): return .bool(texts[1].hasSuffix(texts[0]))
        case ("splitList", 2):
            guard !texts[0].isEmpty else { return nil }
            return .array(
                texts[1].split(separator: texts[0], omittingEmptySubsequences: false).map {
                    .string(String($0))
                })
        default: return nil
        }
    }

    private static func trimmed(_ text: String, _ isLeftOut: (Character) -> Bool) -> String {
        var text = text[...].drop(while: isLeftOut)
        while let last = text.last, isLeftOut(last) { text.removeLast() }
        return String(text)
    }

    private static func quoted(_ text: String) -> String {
        String(decoding: JSONValue.string(text).encoded(), as: UTF8.self)
    }

    /// `%s`, `%v`, `%d`, `%q` and `%%`; nil for anything else.
    private static func printf(_ arguments: [JSONValue]) -> String? {
        guard let format = arguments.first?.string else { return nil }
        var values = arguments.dropFirst()
        var result = ""
        var isVerb = false
        for character in format {
            guard isVerb else {
                isVerb = character == "%"
                if !isVerb { result.append(character) }
                continue
            }
            isVerb = false
            if character == "%" {
                result.append(character)
                continue
            }
            guard let value = values.popFirst() else { return nil }
            switch character {
            case "s", "v": result += text(value)
            case "q": result += quoted(text(value))
            case "d":
                guard let number = value.integer else { return nil }
                result += "\(number)"
            default: return nil
            }
        }
        return isVerb || !values.isEmpty ? nil : result
    }
}

/// Versions as `semverCompare` takes them.
enum SemanticVersion {
    /// Whether `version` meets the rule; nil if one of the two cannot be read.
    ///
    /// A rule is made of comparisons such as `>= 1.12`: all of those with a comma or blank between them count, and one
    /// of those with `||`.
    static func satisfies(_ version: String, _ rule: String) -> Bool? {
        guard let numbers = parts(version) else { return nil }
        var result = false
        for alternative in rule.split(separator: "||") {
            guard let meets = meetsAll(numbers, String(alternative)) else { return nil }
            result = result || meets
        }
        return result
    }

    private typealias Parts = (numbers: [Int], suffix: String)

    private static func meetsAll(_ version: Parts, _ rule: String) -> Bool? {
        // A blank may stand between a sign and its version.
        let spaced = rule.replacing(",", with: " ")
        var signs = ""
        var result = true
        for word in spaced.split(separator: " ") {
            let sign = word.prefix { "<>=!~^".contains($0) }
            let rest = String(word.dropFirst(sign.count))
            signs += sign
            if rest.isEmpty { continue }
            guard let bound = parts(rest), let meets = meets(version, signs, bound) else { return nil }
            result = result && meets
            signs = ""
        }
        return signs.isEmpty ? result : nil
    }

    private static func meets(_ version: Parts, _ sign: String, _ bound: Parts) -> Bool? {
        // A version with a suffix only meets rules that have one.
        if !version.suffix.isEmpty && bound.suffix.isEmpty { return false }
        let order = compare(version, bound)
        switch sign {
        case "", "=", "==":
            return bound.numbers.count < 3 ? version.numbers.starts(with: bound.numbers) : order == 0
        case "!=": return order != 0
        case ">": return order > 0
        case ">=": return order >= 0
        case "<": return order < 0
        case "<=": return order <= 0
        case "~": return order >= 0 && version.numbers.starts(with: bound.numbers.prefix(2))
        case "^": return order >= 0 && version.numbers.first == bound.numbers.first
        default: return nil
        }
    }

    private static func compare(_ left: Parts, _ right: Parts) -> Int {
        let padded = { (numbers: [Int]) in numbers + Array(repeating: 0, count: max(0, 3 - numbers.count)) }
        let (first, second) = (padded(left.numbers), padded(right.numbers))
        if first != second { return first.lexicographicallyPrecedes(second) ? -1 : 1 }
        if left.suffix == right.suffix { return 0 }
        if left.suffix.isEmpty { return 1 }
        if right.suffix.isEmpty { return -1 }
        return left.suffix < right.suffix ? -1 : 1
    }

    private static func parts(_ text: String) -> Parts? {
        let body = text.hasPrefix("v") ? text.dropFirst() : text[...]
        let core = body.prefix { $0 != "-" && $0 != "+" }
        let numbers = core.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...3).contains(numbers.count), !numbers.contains(nil) else { return nil }
        let rest = body.dropFirst(core.count)
        let suffix = rest.first == "-" ? rest.dropFirst().prefix { $0 != "+" } : ""
        return (numbers.compactMap { $0 }, String(suffix))
    }
}
