// SPDX-License-Identifier: Apache-2.0
import COpenSSL

extension SHA256 {
    /// The digest of what comes piece by piece and is never there as a whole.
    package struct Stream: ~Copyable {
        private let context: Owned<OpaquePointer>

        /// - Throws: `PKIError` if OpenSSL is out of memory.
        package init() throws(PKIError) {
            let context = try Owned("digest", free: { EVP_MD_CTX_free($0) }) { EVP_MD_CTX_new() }
            try OpenSSL.check("digest") { EVP_DigestInit_ex(context.pointer, EVP_sha256(), nil) == 1 }
            self.context = context
        }

        /// Takes the next bytes.
        package func update(_ bytes: some Collection<UInt8>) throws(PKIError) {
            let bytes = Array(bytes)
            try OpenSSL.check("digest") { EVP_DigestUpdate(context.pointer, bytes, bytes.count) == 1 }
        }

        /// The digest's 32 bytes; nothing may be added afterwards.
        package func finish() throws(PKIError) -> [UInt8] {
            var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
            try OpenSSL.check("digest") { EVP_DigestFinal_ex(context.pointer, &digest, nil) == 1 }
            return digest
        }
    }
}
