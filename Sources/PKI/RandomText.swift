// SPDX-License-Identifier: Apache-2.0
import Platform

/// Secrets that are text, from a source of randomness that only tests choose.
package enum RandomText {
    private static let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)

    /// A token as kubeadm makes it: 6 characters, a dot, 16 characters, all equally likely.
    package static func token(using generator: inout some RandomNumberGenerator) -> String {
        let characters = (0..<22).map { _ in character(using: &generator) }
        return String(
            decoding: characters.prefix(6) + [UInt8(ascii: ".")] + characters.dropFirst(6), as: UTF8.self)
    }

    /// Of 256 values of a byte 252 share evenly among 36 characters, so the others are drawn again.
    private static func character(using generator: inout some RandomNumberGenerator) -> UInt8 {
        while true {
            let byte = UInt8(truncatingIfNeeded: generator.next())
            if byte < 252 { return alphabet[Int(byte % 36)] }
        }
    }

    /// That many random bytes.
    package static func bytes(_ count: Int, using generator: inout some RandomNumberGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    /// 32 random bytes in Base64.
    package static func base64(using generator: inout some RandomNumberGenerator) -> String {
        Base64.encode(bytes(32, using: &generator))
    }

    /// 32 random bytes in the Base64 of URLs, padding included.
    package static func base64URL(using generator: inout some RandomNumberGenerator) -> String {
        base64(using: &generator).replacing("+", with: "-").replacing("/", with: "_")
    }

    /// A certificate's serial number: 16 bytes.
    package static func serialNumber(using generator: inout some RandomNumberGenerator) -> [UInt8] {
        bytes(16, using: &generator)
    }
}
