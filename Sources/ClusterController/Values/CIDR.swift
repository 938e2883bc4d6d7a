// SPDX-License-Identifier: Apache-2.0

/// A network in its canonical form: host bits zero, IPv6 as RFC 5952 writes it.
package struct CIDR: ParsedText, CustomStringConvertible {
    private let network: IPAddress
    private let length: Int

    package init?(_ text: String) {
        guard let network = Self(lenient: text), network.description == text else { return nil }
        self = network
    }

    package static func rule(against text: String) -> String {
        guard let canonical = CIDR(lenient: text) else {
            return "a network such as 10.244.0.0/16 or fd00:10::/56"
        }
        return "in canonical form, \(canonical)"
    }

    package var description: String { "\(network.text)/\(length)" }

    /// Whether an address lies in both networks.
    package func overlaps(_ other: CIDR) -> Bool {
        let shared = min(length, other.length)
        return network.family == other.network.family
            && network.prefix(shared) == other.network.prefix(shared)
    }

    /// Reads any way to write the network and brings it to the canonical one.
    private init?(lenient text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(parts[0]), let length = Int(plainDecimal: parts[1]),
            length <= address.family.bitCount
        else { return nil }
        network = address.prefix(length)
        self.length = length
    }
}
