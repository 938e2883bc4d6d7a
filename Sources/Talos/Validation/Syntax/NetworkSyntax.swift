// SPDX-License-Identifier: Apache-2.0
import Platform

/// How addresses, networks and names of the network are written.
enum NetworkSyntax {
    /// An IPv4 or IPv6 address; an IPv6 address may name a zone.
    static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return IPAddress(text) != nil }
        return !parts[1].isEmpty && IPAddress(parts[0], .v6) != nil
    }

    /// An address with the length of its network; zeros before the length do no harm, as in Go.
    static func isPrefix(_ text: String) -> Bool {
        guard let slash = text.lastIndex(of: "/") else { return false }
        let length = text[slash...].dropFirst()
        let digits = length.drop { $0 == "0" }
        return !length.isEmpty && IPPrefix("\(text[..<slash])/\(digits.isEmpty ? "0" : digits)") != nil
    }

    static func isAddressOrPrefix(_ text: String) -> Bool {
        text.contains("/") ? isPrefix(text) : isAddress(text)
    }

    /// A network or address, or one with `!` before it, which takes its addresses out again.
    static func isFilter(_ text: String) -> Bool {
        isAddressOrPrefix(text.first == "!" ? String(text.dropFirst()) : text)
    }

    /// A host and a port; an IPv6 address in brackets.
    static func isHostAndPort(_ text: String) -> Bool {
        guard let url = URLText("//" + text) else { return false }
        return url.port != nil && !url.host.isEmpty && url.path.isEmpty
    }

    /// An address and a port; an IPv6 address in brackets.
    static func isAddressAndPort(_ text: String) -> Bool {
        guard isHostAndPort(text), let url = URLText("//" + text) else { return false }
        return isAddress(url.host)
    }

    /// Whether this is the address that stands for any other, with or without the length of its network.
    static func isUnspecified(_ text: String) -> Bool {
        IPAddress(text.prefix { $0 != "/" })?.bytes.allSatisfy { $0 == 0 } == true
    }

    /// An Ethernet address of 6 or 8 bytes, or one of InfiniBand of 20; with colons, hyphens or dots.
    static func isHardwareAddress(_ text: String) -> Bool {
        let separator: Character = text.contains(":") ? ":" : text.contains("-") ? "-" : "."
        let groups = text.split(separator: separator, omittingEmptySubsequences: false)
        let digits = separator == "." ? 4 : 2
        let bytes = groups.count * digits / 2
        return [6, 8, 20].contains(bytes)
            && groups.allSatisfy { $0.utf8.count == digits && $0.utf8.allSatisfy(\.isHexDigit) }
    }

    /// A DNS name as resolvers take it: labels may have capitals and underscores, a dot may end it.
    static func isDNSName(_ text: String) -> Bool {
        let name = text.last == "." ? text.dropLast() : text[...]
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 255 && IPAddress(text) == nil
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-"
                    && label.utf8.allSatisfy {
                        $0.isASCIILetter || $0.isASCIIDigit || "-_".utf8.contains($0)
                    }
            }
    }

    /// A host name with or without its domain, of 253 characters at most, the host's own label 1 to 63.
    static func isHostname(_ text: String) -> Bool {
        let label = text.prefix { $0 != "." }
        return text.utf8.count <= 253 && (1...63).contains(label.utf8.count)
    }

    /// What WireGuard takes for a key: 32 bytes in Base64.
    static func isWireguardKey(_ text: String) -> Bool {
        Base64.decode(text)?.count == 32
    }

    /// A URL that has a host, as what is fetched from there must have.
    static func isURLWithHost(_ text: String) -> Bool {
        guard let url = URLText(text) else { return false }
        return !url.host.isEmpty && url.port != 0
    }
}
