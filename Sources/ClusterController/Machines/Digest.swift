// SPDX-License-Identifier: Apache-2.0

/// FNV-1a with 64 bits: tells whether something changed, today and after the next start.
///
/// It is no defence: whoever can forge what is digested can write the digest too.
package enum Digest {
    /// The digest as a number.
    package static func value(of bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// The digest as 16 hexadecimal digits.
    package static func hexadecimal(of bytes: some Sequence<UInt8>) -> String {
        let digits = String(value(of: bytes), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
