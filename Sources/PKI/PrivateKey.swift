// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// A private key, which OpenSSL overwrites in memory when it is no longer needed.
package struct PrivateKey: ~Copyable {
    /// Which algorithm a key is for.
    package enum Algorithm: Sendable, Hashable {
        case ed25519
        /// An elliptic curve; new keys are on P-256.
        case ecdsa
        /// New keys have 4096 bits.
        case rsa

        /// What Talos labels such a key with.
        fileprivate var label: String {
            switch self {
            case .ed25519: "ED25519 PRIVATE KEY"
            case .ecdsa: "EC PRIVATE KEY"
            case .rsa: "RSA PRIVATE KEY"
            }
        }
    }

    package let algorithm: Algorithm
    let handle: Owned<OpaquePointer>

    /// The key that was made or read; a label other than the generic one must fit it.
    private init(
        _ handle: consuming Owned<OpaquePointer>, label: String = "PRIVATE KEY", what: String
    ) throws(PKIError) {
        let algorithm: Algorithm =
            switch EVP_PKEY_get_base_id(handle.pointer) {
            case EVP_PKEY_ED25519: .ed25519
            case EVP_PKEY_EC: .ecdsa
            case EVP_PKEY_RSA: .rsa
            default: throw .unreadable(what: what, reason: "it must be an Ed25519, ECDSA or RSA key")
            }
        guard label == "PRIVATE KEY" || label == algorithm.label else {
            throw .unreadable(what: what, reason: "its label names another kind of key")
        }
        self.algorithm = algorithm
        self.handle = handle
    }

    /// A new key.
    ///
    /// An RSA key takes one to four seconds of a processor, the others a millisecond.
    package static func generate(_ algorithm: Algorithm) throws(PKIError) -> PrivateKey {
        let handle = try Owned("making a key", free: EVP_PKEY_free) {
            switch algorithm {
            case .ed25519: copenssl_generate_ed25519()
            case .ecdsa: copenssl_generate_ec("P-256")
            case .rsa: copenssl_generate_rsa(4096)
            }
        }
        return try PrivateKey(handle, what: "the new key")
    }

    /// Reads the first key of a PEM text; `what` is what an error calls it.
    package init(pem text: [UInt8], what: String) throws(PKIError) {
        let block = try PEMBlock.first(in: text, labels: Self.labels, what: what)
        let handle =
            switch block.label {
            case "RSA PRIVATE KEY": try Self.traditional(EVP_PKEY_RSA, block.bytes, what)
            case "EC PRIVATE KEY": try Self.traditional(EVP_PKEY_EC, block.bytes, what)
            default: try Self.pkcs8(block.bytes, what)
            }
        try self.init(handle, label: block.label, what: what)
    }

    /// What Talos labels a private key with.
    private static let labels = [
        "ED25519 PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY",
    ]

    private static func traditional(
        _ type: Int32, _ bytes: [UInt8], _ what: String
    ) throws(PKIError) -> Owned<OpaquePointer> {
        // OpenSSL reads PKCS #8 here too, which Talos does not.
        guard !isPKCS8(bytes) else {
            throw .unreadable(what: what, reason: "it is of the form PKCS #8, whose label is \"PRIVATE KEY\"")
        }
        return try OpenSSL.decode(what, bytes, free: EVP_PKEY_free) { d2i_PrivateKey(type, nil, $0, $1) }
    }

    private static func isPKCS8(_ bytes: [UInt8]) -> Bool {
        defer { OpenSSL.clearErrors() }
        return bytes.withUnsafeBufferPointer { buffer in
            var place = buffer.baseAddress
            guard let info = d2i_PKCS8_PRIV_KEY_INFO(nil, &place, buffer.count) else { return false }
            PKCS8_PRIV_KEY_INFO_free(info)
            return true
        }
    }

    private static func pkcs8(_ bytes: [UInt8], _ what: String) throws(PKIError) -> Owned<OpaquePointer> {
        let info = try OpenSSL.decode(what, bytes, free: PKCS8_PRIV_KEY_INFO_free) {
            d2i_PKCS8_PRIV_KEY_INFO(nil, $0, $1)
        }
        OpenSSL.clearErrors()
        guard let key = EVP_PKCS82PKEY(info.pointer) else { throw OpenSSL.unreadable(what) }
        return try Owned(what, free: EVP_PKEY_free) { key }
    }

    /// The key as Talos writes it: PKCS #1 for RSA, SEC 1 for ECDSA, and PKCS #8 with a label of its own for Ed25519,
    /// which is not OpenSSL's.
    package func pem() throws(PKIError) -> [UInt8] {
        let bytes = try OpenSSL.encode("writing a key") { i2d_PrivateKey(handle.pointer, $0) }
        return PEMBlock(label: algorithm.label, bytes: bytes).text
    }

    /// What identifies the key in a certificate: SHA-1 of the bits of its public half (RFC 5280, 4.2.1.2).
    func identifier() throws(PKIError) -> [UInt8] {
        let operation = "identifying a key"
        let holder = try Owned(operation, free: X509_PUBKEY_free) {
            var holder: OpaquePointer?
            _ = X509_PUBKEY_set(&holder, handle.pointer)
            return holder
        }
        var (bits, count): (UnsafePointer<UInt8>?, Int32) = (nil, 0)
        var digest = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        try OpenSSL.check(operation) {
            X509_PUBKEY_get0_param(nil, &bits, &count, nil, holder.pointer) == 1
                && EVP_Digest(bits, Int(count), &digest, nil, EVP_sha1(), nil) == 1
        }
        return digest
    }
}
