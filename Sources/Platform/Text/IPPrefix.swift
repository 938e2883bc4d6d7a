// SPDX-License-Identifier: Apache-2.0

/// An address with the length of its network, such as `10.0.0.1/24`; bits of the host may be set.
package struct IPPrefix: Hashable, Sendable, CustomStringConvertible {
    /// As written, with the host's bits.
    package let address: IPAddress
    /// At most the address' length.
    package let length: Int

    /// Nil if `text` is none; a length with sign or leading zeros is refused.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(parts[0]), let length = Int(plainDecimal: parts[1]),
            length <= address.family.bitCount
        else { return nil }
        self.init(address, length)
    }

    private init(_ address: IPAddress, _ length: Int) {
        self.address = address
        self.length = length
    }

    /// The same with every bit of the host cleared.
    package var network: IPPrefix { IPPrefix(address.prefix(length), length) }

    /// Whether an address lies in both networks.
    package func overlaps(_ other: IPPrefix) -> Bool {
        let shared = min(length, other.length)
        return address.family == other.address.family
            && address.prefix(shared) == other.address.prefix(shared)
    }

    /// The canonical text: RFC 5952 for IPv6.
    package var description: String { "\(address.text)/\(length)" }
}
