// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform

/// The SHA-256 digest of a server's public key (SubjectPublicKeyInfo in DER): names a server whose certificate nobody
/// vouches for.
package struct ServerKeyDigest: Sendable, Hashable {
    /// The digest in Base64, as `curl --pinnedpubkey` takes it after `sha256//`.
    package let base64: String

    /// Nil if the text is not the Base64 of 32 bytes.
    package init?(base64 text: String) {
        guard let bytes = Base64.decode(text), bytes.count == 32 else { return nil }
        base64 = Base64.encode(bytes)
    }

    /// The digest of a SubjectPublicKeyInfo in DER.
    init(ofKey key: [UInt8]) {
        base64 = Base64.encode(SHA256.digest(of: key))
    }
}
