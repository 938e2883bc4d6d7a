// SPDX-License-Identifier: Apache-2.0
import Platform

/// A URL taken apart as Talos merges it: a part that is empty is taken from the URL below.
struct URLParts: Sendable, Hashable {
    private var scheme: Substring = ""
    /// What stands for the rest where no slash follows the scheme, as in `mailto:a@b`.
    private var opaque: Substring = ""
    private var user: Substring = ""
    /// With its port.
    private var host: Substring = ""
    private var path: Substring = ""
    /// Without its question mark; nil if there is none.
    private var query: Substring?
    private var fragment: Substring = ""

    /// Takes a text apart whatever it is; whether it is a URL is for the rules to say.
    init(_ text: String) {
        var rest = text[...]
        if let place = rest.firstIndex(of: "#") {
            fragment = rest[place...].dropFirst()
            rest = rest[..<place]
        }
        if let place = rest.firstIndex(of: "?") {
            query = rest[place...].dropFirst()
            rest = rest[..<place]
        }
        if let colon = rest.firstIndex(of: ":"), Self.isScheme(rest[..<colon]) {
            scheme = rest[..<colon]
            rest = rest[colon...].dropFirst()
            guard rest.first == "/" else {
                opaque = rest
                return
            }
        }
        guard rest.hasPrefix("//") else {
            path = rest
            return
        }
        let authority = rest.dropFirst(2).prefix { $0 != "/" }
        path = rest[authority.endIndex...]
        host = authority.lastIndex(of: "@").map { authority[$0...].dropFirst() } ?? authority
        user = authority[..<host.startIndex].dropLast()
    }

    /// The text of the URL with what it lacks from the one below.
    func laid(over below: URLParts) -> String {
        var parts = self
        if scheme.isEmpty { parts.scheme = below.scheme }
        if opaque.isEmpty, host.isEmpty { parts.opaque = below.opaque }
        if user.isEmpty { parts.user = below.user }
        if host.isEmpty { parts.host = below.host }
        if path.isEmpty { parts.path = below.path }
        // A question mark alone is no part of its own.
        if query?.isEmpty != false, below.query?.isEmpty == false { parts.query = below.query }
        if fragment.isEmpty { parts.fragment = below.fragment }
        return parts.text
    }

    private var text: String {
        var text = scheme.isEmpty ? "" : "\(scheme):"
        if opaque.isEmpty {
            if !host.isEmpty || !user.isEmpty || (!scheme.isEmpty && !path.isEmpty) { text += "//" }
            text += user.isEmpty ? "\(host)" : "\(user)@\(host)"
            if !host.isEmpty, !path.isEmpty, path.first != "/" { text += "/" }
            text += path
        } else {
            text += opaque
        }
        if let query { text += "?\(query)" }
        return fragment.isEmpty ? text : text + "#\(fragment)"
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, first.isASCIILetter else { return false }
        return text.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || "+-.".utf8.contains($0) }
    }
}
