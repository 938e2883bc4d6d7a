// SPDX-License-Identifier: Apache-2.0

/// Randomness from the kernel (`getrandom`), fit for identifiers and secrets.
package enum Random {
    /// That many random bytes.
    package static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// A random number from 0 to just below 1.
    package static func fraction() -> Double {
        Double.random(in: 0..<1)
    }

    /// A random UUID (RFC 9562, version 4) in lower case.
    package static func uuid() -> String {
        var bytes = bytes(16)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += hexadecimal(byte)
        }
        return text
    }

    /// Random lower-case hexadecimal digits.
    package static func hexadecimal(digits: Int) -> String {
        String(bytes((digits + 1) / 2).map(hexadecimal).joined().prefix(digits))
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
