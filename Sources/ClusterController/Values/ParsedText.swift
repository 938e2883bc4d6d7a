// SPDX-License-Identifier: Apache-2.0

/// A type that cannot be wrong: the only way to one of its values is text that follows its rule.
package protocol ParsedText: Sendable, Hashable {
    /// Nil if `text` does not follow the rule.
    init?(_ text: String)

    /// What is allowed, so that `must be <rule>` is a sentence.
    static func rule(against text: String) -> String
}

/// Names as Kubernetes checks them.
package enum DNS1123 {
    static let labelRule = "a DNS-1123 label (1 to 63 lower-case letters, digits and inner hyphens)"

    /// Whether `text` is 1 to 63 lower-case letters, digits and hyphens that neither begins nor ends with one.
    package static func isLabel(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
            && isAlphanumeric(first) && isAlphanumeric(last)
    }

    /// Whether `text` is labels with dots between them, 253 characters at most.
    static func isSubdomain(_ text: some StringProtocol) -> Bool {
        text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLabel($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte.isASCIIDigit
    }
}

extension UInt8 {
    var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}

extension Int {
    /// Reads what a person would write: digits without sign or leading zeros; nil for anything else.
    init?(plainDecimal text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard (1...9).contains(bytes.count), bytes.allSatisfy(\.isASCIIDigit) else { return nil }
        guard bytes.count == 1 || bytes.first != UInt8(ascii: "0") else { return nil }
        self.init(text)
    }
}
