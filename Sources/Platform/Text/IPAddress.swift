// SPDX-License-Identifier: Apache-2.0
import Glibc

/// An IPv4 or IPv6 address.
package struct IPAddress: Hashable, Sendable {
    /// The raw value is the system's number of the family.
    package enum Family: Int32, Sendable {
        case v4 = 2
        case v6 = 10

        /// The length of an address.
        package var bitCount: Int { self == .v4 ? 32 : 128 }
    }

    /// Which of the two it is.
    package let family: Family
    /// In network order: 4 bytes or 16.
    package let bytes: [UInt8]

    /// Nil if `text` is no address; leading zeros, zones and brackets are refused.
    package init?(_ text: some StringProtocol, _ family: Family) {
        // A NUL would end the C string early and hide what follows it.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: family.bitCount / 8)
        guard inet_pton(family.rawValue, String(text), &bytes) == 1 else { return nil }
        self.init(family, bytes)
    }

    /// An address of either family.
    package init?(_ text: some StringProtocol) {
        guard let address = Self(text, .v4) ?? Self(text, .v6) else { return nil }
        self = address
    }

    private init(_ family: Family, _ bytes: [UInt8]) {
        self.family = family
        self.bytes = bytes
    }

    /// The canonical text: RFC 5952 for IPv6.
    package var text: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(family.rawValue, bytes, &buffer, socklen_t(buffer.count)) != nil else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The address with every bit after the first `length` cleared.
    package func prefix(_ length: Int) -> IPAddress {
        let masked = bytes.enumerated().map { index, byte in
            let kept = min(max(length - index * 8, 0), 8)
            return byte & ~UInt8(truncatingIfNeeded: 0xff >> kept)
        }
        return IPAddress(family, masked)
    }
}
