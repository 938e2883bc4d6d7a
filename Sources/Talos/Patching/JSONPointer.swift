// SPDX-License-Identifier: Apache-2.0

/// The way to a value as RFC 6901 writes it: `/machine/network/interfaces/0/addresses`.
package struct JSONPointer: Sendable, Hashable, CustomStringConvertible {
    /// The keys and places of list elements, unescaped; empty for the document itself.
    package var tokens: [String]

    /// Reads a pointer; nil if it neither is empty nor begins with `/`, or has a `~` that escapes nothing.
    package init?(_ text: String) {
        guard !text.isEmpty else {
            tokens = []
            return
        }
        guard text.utf8.first == UInt8(ascii: "/") else { return nil }
        tokens = []
        for part in text.utf8.dropFirst().split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        {
            guard let token = Self.unescaped(part) else { return nil }
            tokens.append(token)
        }
    }

    package init(tokens: [String]) {
        self.tokens = tokens
    }

    /// All but the last token; nil for the document itself.
    package var parent: JSONPointer? {
        tokens.isEmpty ? nil : JSONPointer(tokens: tokens.dropLast())
    }

    /// Whether this leads to something within what `other` leads to.
    package func isWithin(_ other: JSONPointer) -> Bool {
        tokens.count > other.tokens.count && tokens.starts(with: other.tokens)
    }

    package var description: String {
        tokens.map { "/" + Self.escaped($0) }.joined()
    }

    private static func unescaped(_ part: Substring.UTF8View) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(part.count)
        var rest = part.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "~") else {
                bytes.append(byte)
                continue
            }
            switch rest.next() {
            case UInt8(ascii: "0"): bytes.append(UInt8(ascii: "~"))
            case UInt8(ascii: "1"): bytes.append(UInt8(ascii: "/"))
            default: return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func escaped(_ token: String) -> String {
        token.reduce(into: "") { text, character in
            switch character {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.append(character)
            }
        }
    }
}
