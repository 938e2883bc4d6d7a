// SPDX-License-Identifier: Apache-2.0

/// What a scalar means, by the rules of go-yaml v2 (`resolve.go`), which kubectl follows.
enum YAMLScalar {
    static let tagPrefix = "tag:yaml.org,2002:"

    /// The value of a scalar with its tag in full, if it has one.
    static func value(of scalar: YAMLEvent.Scalar, tag: String?) throws(YAMLError.Problem) -> JSONValue {
        guard let tag else { return scalar.isPlain ? try plain(scalar.text) : .string(scalar.text) }
        guard tag != "!", tag != tagPrefix + "str" else { return .string(scalar.text) }
        let value = try plain(scalar.text)
        switch (short(tag), value) {
        case ("!!null", .null), ("!!bool", .bool), ("!!int", .integer), ("!!float", .double): return value
        case ("!!float", .integer(let number)): return .double(Double(number))
        case ("!!null", _), ("!!bool", _), ("!!int", _), ("!!float", _): throw .mistagged(short(tag))
        default: throw .unsupportedTag(short(tag))
        }
    }

    /// The tag as people write it.
    static func short(_ tag: String) -> String {
        tag.hasPrefix(tagPrefix) ? "!!" + tag.dropFirst(tagPrefix.count) : tag
    }

    /// The value of a scalar without quotes and tag.
    private static func plain(_ text: String) throws(YAMLError.Problem) -> JSONValue {
        if let word = words[text] { return word }
        if notFinite.contains(text) { throw .notFinite }
        return number(text) ?? .string(text)
    }

    /// The words that are no strings.
    private static let words: [String: JSONValue] = {
        var words: [String: JSONValue] = ["": .null, "~": .null]
        for word in ["null"] { for form in forms(of: word) { words[form] = .null } }
        for word in ["y", "yes", "true", "on"] { for form in forms(of: word) { words[form] = true } }
        for word in ["n", "no", "false", "off"] { for form in forms(of: word) { words[form] = false } }
        return words
    }()

    private static let notFinite: Set<String> = [
        ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN",
    ]

    /// Lower case, upper case, and the first letter alone in upper case.
    private static func forms(of word: String) -> [String] {
        [word, word.uppercased(), word.prefix(1).uppercased() + word.dropFirst()]
    }

    /// The number that the text is; nil if it is none.
    static func number(_ text: String) -> JSONValue? {
        guard let first = text.utf8.first, "0123456789+-.".utf8.contains(first) else { return nil }
        // Underscores group digits, but not after a leading dot.
        let digits = first == UInt8(ascii: ".") ? text : text.filter { $0 != "_" }
        return integer(digits) ?? float(digits)
    }

    private static func integer(_ text: String) -> JSONValue? {
        let sign = text.first.flatMap { $0 == "-" || $0 == "+" ? String($0) : nil } ?? ""
        let magnitude = text.dropFirst(sign.count)
        let (digits, radix) = radix(of: magnitude)
        // Without this check a second sign would pass.
        guard let first = digits.first, first.isASCII, first.isHexDigit else { return nil }
        if let number = Int64(sign + digits, radix: radix) { return .integer(number) }
        // Beyond that lies what fits UInt64; a decimal number of any size is a float.
        return sign == "-" ? nil : UInt64(digits, radix: radix).map { .double(Double($0)) }
    }

    private static func radix(of magnitude: Substring) -> (digits: Substring, radix: Int) {
        switch magnitude.prefix(2).lowercased() {
        case "0x": (magnitude.dropFirst(2), 16)
        case "0b": (magnitude.dropFirst(2), 2)
        case "0o": (magnitude.dropFirst(2), 8)
        case let start where start.count == 2 && start.hasPrefix("0"): (magnitude.dropFirst(), 8)
        default: (magnitude, 10)
        }
    }

    /// Digits with an optional dot before, within or after them, and an optional exponent.
    private static func float(_ text: String) -> JSONValue? {
        var rest = text.utf8[...]
        func skip(_ characters: String) -> Bool {
            guard let next = rest.first, characters.utf8.contains(next) else { return false }
            rest = rest.dropFirst()
            return true
        }
        func digits() -> Int {
            let start = rest.count
            while skip("0123456789") {}
            return start - rest.count
        }
        _ = skip("+-")
        let whole = digits()
        let fraction = skip(".") ? digits() : 0
        guard whole + fraction > 0 else { return nil }
        if skip("eE") {
            _ = skip("+-")
            guard digits() > 0 else { return nil }
        }
        guard rest.isEmpty, let number = Double(text), number.isFinite else { return nil }
        return .double(number)
    }
}
