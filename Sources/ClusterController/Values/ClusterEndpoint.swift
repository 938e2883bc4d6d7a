// SPDX-License-Identifier: Apache-2.0
import Platform

/// Where the Kubernetes API of a cluster answers: `https://host:port`, an IPv6 address in brackets.
package struct ClusterEndpoint: ParsedText, CustomStringConvertible {
    package let description: String
    /// A DNS name or an address, without brackets.
    package let host: String
    package let port: Int

    package init?(_ text: String) {
        let scheme = "https://"
        guard text.hasPrefix(scheme), let colon = text.lastIndex(of: ":"),
            let host = Self.host(text[..<colon].dropFirst(scheme.count)),
            let port = Int(plainDecimal: text[text.index(after: colon)...]), (1...65_535).contains(port)
        else { return nil }
        (description, self.host, self.port) = (text, host, port)
    }

    package static func rule(against text: String) -> String {
        "https://host:port, an IPv6 address in brackets"
    }

    /// The host without brackets; nil if it is neither an address nor a DNS name.
    private static func host(_ text: Substring) -> String? {
        if text.first == "[", text.last == "]" {
            let address = text.dropFirst().dropLast()
            return IPAddress(address, .v6) == nil ? nil : String(address)
        }
        // What ends in a number is meant as an address, and then has to be one.
        let endsInNumber = text.split(separator: ".").last?.utf8.allSatisfy(\.isASCIIDigit) ?? false
        // Some characters beyond ASCII have a lower case within it, such as the Kelvin sign.
        let isName = text.utf8.allSatisfy { $0 < 0x80 } && DNS1123.isSubdomain(text.lowercased())
        let isHost = endsInNumber ? IPAddress(text, .v4) != nil : isName
        return isHost ? String(text) : nil
    }
}
