// SPDX-License-Identifier: Apache-2.0
package import HTTP

extension Endpoint {
    /// Reads a server URL: `https://host[:port][/prefix]`, IPv6 addresses in brackets; nil if it is none.
    ///
    /// A URL without scheme is refused instead of guessing one, and so are a user, a query and a fragment.
    package init?(url: String) {
        guard let colon = url.range(of: "://"),
            let scheme = Scheme(rawValue: url[..<colon.lowerBound].lowercased())
        else { return nil }
        let rest = url[colon.upperBound...]
        let authority = rest.prefix { $0 != "/" }
        guard !rest.contains(where: { "?#@ \\".contains($0) }),
            let (host, port) = Self.split(authority, defaultPort: scheme == .https ? 443 : 80)
        else { return nil }
        var prefix = rest.dropFirst(authority.count)
        while prefix.hasSuffix("/") { prefix.removeLast() }
        self.init(scheme: scheme, host: host, port: port, pathPrefix: String(prefix))
    }

    private static func split(_ authority: Substring, defaultPort: UInt16) -> (String, UInt16)? {
        var host = authority
        var port = Substring()
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<close]
            port = authority[authority.index(after: close)...]
            guard port.isEmpty || port.hasPrefix(":"), host.contains(":") else { return nil }
            port = port.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            port = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty, port.isEmpty || port.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        guard !port.isEmpty else { return (String(host), defaultPort) }
        return UInt16(port).flatMap { $0 > 0 ? (String(host), $0) : nil }
    }
}

extension String {
    /// The first place of `text`.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
