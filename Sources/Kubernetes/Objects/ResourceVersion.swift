// SPDX-License-Identifier: Apache-2.0

/// The server's opaque mark of an object's version.
package struct ResourceVersion: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The mark; empty means "none" or, in a list request, "the most recent".
    package var text: String

    package init(_ text: String) { self.text = text }
    package init(stringLiteral text: String) { self.text = text }

    package var description: String { text }
    /// Whether there is no mark.
    package var isEmpty: Bool { text.isEmpty }
}

extension ResourceVersion {
    /// Whether this version came after `other`; nil if the two cannot be compared.
    ///
    /// Versions are decimal numbers without a leading zero and of any length; others, such as those of an
    /// aggregated API server, are equal or not and nothing more. Compare only versions of one resource:
    /// servers may keep resources in stores that count separately.
    package func isNewer(than other: ResourceVersion) -> Bool? {
        if text == other.text { return false }
        guard isDecimal, other.isDecimal else { return nil }
        let (left, right) = (text.utf8, other.text.utf8)
        return left.count == right.count ? right.lexicographicallyPrecedes(left) : left.count > right.count
    }

    private var isDecimal: Bool {
        guard let first = text.utf8.first, first != UInt8(ascii: "0") else { return false }
        return text.utf8.allSatisfy { (48...57).contains($0) }
    }
}
