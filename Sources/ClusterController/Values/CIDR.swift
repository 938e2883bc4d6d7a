// SPDX-License-Identifier: Apache-2.0
package import Platform

/// A network in its canonical form: host bits zero, IPv6 as RFC 5952 writes it.
package struct CIDR: ParsedText, CustomStringConvertible {
    package let network: IPPrefix

    package init?(_ text: String) {
        guard let network = IPPrefix(text)?.network, network.description == text else { return nil }
        self.network = network
    }

    package static func rule(against text: String) -> String {
        guard let canonical = IPPrefix(text)?.network else {
            return "a network such as 10.244.0.0/16 or fd00:10::/56"
        }
        return "in canonical form, \(canonical)"
    }

    package var description: String { network.description }

    /// Whether an address lies in both networks.
    package func overlaps(_ other: CIDR) -> Bool { network.overlaps(other.network) }
}
