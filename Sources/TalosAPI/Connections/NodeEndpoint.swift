// SPDX-License-Identifier: Apache-2.0

/// Where a node's API is.
package struct NodeEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// 50000, where Talos listens.
    package static let defaultPort: UInt16 = 50000

    /// A DNS name, an IPv4 address or an IPv6 address without brackets.
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16 = defaultPort) {
        self.host = host
        self.port = port
    }

    /// Reads an endpoint of a talosconfig: `host`, `host:port`, `[::1]:port`, an IPv6 address, or
    /// `https://host`, whose port is 443 if it has none; nil for anything else.
    package init?(_ text: String) {
        var rest = text[...]
        var port = Self.defaultPort
        if rest.hasPrefix("https://") {
            rest.removeFirst("https://".count)
            if rest.hasSuffix("/") { rest.removeLast() }
            port = 443
        }
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
            guard host.contains(":"), rest.isEmpty || rest.hasPrefix(":") else { return nil }
        } else if rest.utf8.count(where: { $0 == UInt8(ascii: ":") }) == 1,
            let colon = rest.firstIndex(of: ":")
        {
            host = String(rest[..<colon])
            rest = rest[colon...]
        } else {
            host = String(rest)
            rest = ""
        }
        if !rest.isEmpty {
            guard let number = UInt16(rest.dropFirst()), number > 0 else { return nil }
            port = number
        }
        guard !host.isEmpty, host.utf8.allSatisfy(Self.isHostByte) else { return nil }
        self.port = port
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: "-._:".utf8.contains(byte)
        }
    }

    /// `host:port`, IPv6 in brackets.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
