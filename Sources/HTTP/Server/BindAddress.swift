// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Where a server listens: an IP address, or all of them, and a port.
package struct BindAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address part; bytes in network order.
    enum Host: Sendable, Hashable {
        /// Every address, IPv6 and IPv4; IPv4 alone where the machine has no IPv6.
        case any
        case ipv4([UInt8])
        case ipv6([UInt8])
    }

    let host: Host
    /// 0 lets the system choose; see `HTTPServer.boundPort`.
    package let port: UInt16
    /// The text as it was given.
    package let description: String

    /// Reads `:8080`, `0.0.0.0:8080`, `127.0.0.1:0`, `[::1]:8080` or `localhost:8080`; nil for any other text.
    ///
    /// Names are not looked up, so that a server starts without DNS; `localhost` is 127.0.0.1. The `0`
    /// that turns an endpoint off is none of this type's business.
    package init?(parsing text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let port = UInt16(digits), let host = Self.parse(host: text[..<colon])
        else { return nil }
        self.host = host
        self.port = port
        description = text
    }

    private static func parse(host: Substring) -> Host? {
        if host.isEmpty { return .any }
        if host == "localhost" { return .ipv4([127, 0, 0, 1]) }
        if host.hasPrefix("["), host.hasSuffix("]") {
            return bytes(AF_INET6, count: 16, String(host.dropFirst().dropLast())).map(Host.ipv6)
        }
        return bytes(AF_INET, count: 4, String(host)).map(Host.ipv4)
    }

    private static func bytes(_ family: Int32, count: Int, _ text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}
