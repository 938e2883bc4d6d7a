// SPDX-License-Identifier: Apache-2.0
import Platform

/// The parts of a URL that rules ask for, read as leniently as Go reads them.
struct URLText: Sendable, Hashable {
    /// In lower case; empty if there is none.
    let scheme: String
    /// Without brackets; empty if there is none.
    let host: String
    /// Nil if none is written.
    let port: Int?
    /// From the first slash after the host; empty if there is none.
    let path: String

    /// Nil if Go would not take it: a bad scheme, a port that is no number, spaces or control characters.
    init?(_ text: String) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else { return nil }
        let parts = Self.split(text)
        guard parts.scheme.isEmpty || Self.isScheme(parts.scheme) else { return nil }
        guard let (host, port) = Self.hostAndPort(parts.authority) else { return nil }
        self.scheme = parts.scheme.lowercased()
        self.host = String(host)
        self.port = port
        path = String(parts.path.prefix { $0 != "?" && $0 != "#" })
    }

    private static func split(_ text: String) -> (scheme: Substring, authority: Substring, path: Substring) {
        var (scheme, rest) = (text[...].prefix(0), text[...])
        if let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") {
            (scheme, rest) = (text[..<colon], text[colon...].dropFirst())
        }
        guard rest.hasPrefix("//") else { return (scheme, "", rest) }
        let after = rest.dropFirst(2)
        let authority = after.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.lastIndex(of: "@").map { authority[$0...].dropFirst() } ?? authority
        return (scheme, host, after[authority.endIndex...])
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, first.isASCIILetter else { return false }
        return text.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || "+-.".utf8.contains($0) }
    }

    private static func hostAndPort(_ text: Substring) -> (host: Substring, port: Int?)? {
        var (host, rest) = (text, text.suffix(0))
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            (host, rest) = (text[..<end].dropFirst(), text[end...].dropFirst())
        } else if let colon = text.lastIndex(of: ":") {
            (host, rest) = (text[..<colon], text[colon...])
            // More colons are an IPv6 address, which needs brackets.
            guard !host.contains(":") else { return nil }
        }
        guard rest.count > 1 else { return rest.isEmpty || rest == ":" ? (host, nil) : nil }
        guard rest.first == ":", let port = Int(plainDecimal: rest.dropFirst()), port <= 65_535 else {
            return nil
        }
        return (host, port)
    }
}

extension UInt8 {
    /// Whether this is `a` to `z` or `A` to `Z`.
    var isASCIILetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
    var isHexDigit: Bool {
        isASCIIDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }
}
