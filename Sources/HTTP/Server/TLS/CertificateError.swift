// SPDX-License-Identifier: Apache-2.0
package import Platform

/// Why a certificate and its key cannot be served with; it names files and never tells what is in them.
package enum CertificateError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A file is missing, too large, or not to be read by this user.
    case unreadable(FileError)
    /// The file holds no certificate in PEM.
    case noCertificate(path: String)
    /// The file holds something that calls itself a certificate and is none.
    case malformedCertificate(path: String, reason: String)
    /// The file holds no private key in PEM, or an encrypted one.
    case noPrivateKey(path: String, reason: String)
    /// Each of the two is good, but they do not belong together.
    case mismatch(certificate: String, key: String)
    /// OpenSSL does not want to serve with it, as with a key that is too short.
    case unusable(path: String, reason: String)

    package var description: String {
        switch self {
        case .unreadable(let error): error.description
        case .noCertificate(let path): "\(path): holds no certificate in PEM"
        case .malformedCertificate(let path, let reason): "\(path): is no certificate (\(reason))"
        case .noPrivateKey(let path, let reason):
            "\(path): holds no unencrypted private key in PEM (\(reason))"
        case .mismatch(let certificate, let key):
            "\(key): is not the key of the certificate in \(certificate)"
        case .unusable(let path, let reason): "\(path): cannot be used (\(reason))"
        }
    }
}
