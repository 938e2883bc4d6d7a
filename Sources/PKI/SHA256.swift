// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// The digest SHA-256.
package enum SHA256 {
    /// The digest's 32 bytes.
    package static func digest(of bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        // The one-shot function of libcrypto has no way to fail but a missing place for its result.
        _ = COpenSSL.SHA256(bytes, bytes.count, &digest)
        return digest
    }

    /// The digest as 64 lower-case hexadecimal digits.
    package static func hexadecimal(of bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = digest(of: bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
