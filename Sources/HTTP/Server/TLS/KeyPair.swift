// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import Platform

/// Where a certificate and its private key are, both in PEM.
package struct KeyPairPaths: Sendable, Hashable {
    /// The certificate first, then those that lead to the authority.
    package var certificate: String
    /// The key, unencrypted.
    package var key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

/// What both files hold at a moment; the key is wiped with the last reference.
final class KeyPairContent {
    let paths: KeyPairPaths
    let certificate: [UInt8]
    private(set) var key: [UInt8]

    /// Far more than any chain takes.
    private static let sizeLimit = 256 << 10

    /// Reads both files, one after the other.
    init(_ paths: KeyPairPaths) throws(CertificateError) {
        self.paths = paths
        do throws(FileError) {
            certificate = try FileSystem.read(paths.certificate, limit: Self.sizeLimit)
            key = try FileSystem.read(paths.key, limit: Self.sizeLimit)
        } catch {
            throw .unreadable(error)
        }
    }

    deinit {
        key.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
    }

    /// Tells two contents apart without keeping the key.
    var digests: [SHA256Digest] {
        [SHA256Digest(of: certificate), SHA256Digest(of: key)]
    }
}
