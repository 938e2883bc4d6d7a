// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import Glibc
package import Platform

/// An X.509 certificate, as far as its fields matter here.
package struct Certificate: Sendable, Hashable {
    /// A distinguished name.
    package struct Name: Sendable, Hashable, CustomStringConvertible {
        /// One of its attributes, such as `O` and `talos`.
        package struct Attribute: Sendable, Hashable {
            package var type: String
            package var value: String
        }

        /// The attributes in the order of the certificate.
        package var attributes: [Attribute]

        /// The values of an attribute by its short name.
        package func values(of type: String) -> [String] {
            attributes.filter { $0.type == type }.map(\.value)
        }

        /// As in `O=system:masters, CN=admin`.
        package var description: String {
            attributes.map { "\($0.type)=\($0.value)" }.joined(separator: ", ")
        }
    }

    /// The certificate in DER.
    package let bytes: [UInt8]
    package let subject: Name
    package let issuer: Name
    /// In hexadecimal digits, without leading zeros.
    package let serialNumber: String
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    /// Whether it says that it may sign certificates.
    package let isCA: Bool
    /// What its key may be used for; nil if it does not say, which allows everything.
    package let keyUsage: KeyUsage?
    /// As in `serverAuth`, in the certificate's order.
    package let extendedKeyUsage: [String]
    package let subjectKeyIdentifier: [UInt8]?
    package let authorityKeyIdentifier: [UInt8]?
    /// DNS names and IP addresses.
    package let subjectAlternativeNames: [String]
    /// What algorithm its own key is for; nil for one that Talos has no use for.
    package let keyAlgorithm: PrivateKey.Algorithm?

    /// What a key may be used for.
    package struct KeyUsage: OptionSet, Sendable, Hashable {
        package let rawValue: UInt32

        package init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        package static let digitalSignature = KeyUsage(rawValue: UInt32(KU_DIGITAL_SIGNATURE))
        package static let keyEncipherment = KeyUsage(rawValue: UInt32(KU_KEY_ENCIPHERMENT))
        package static let certificateSigning = KeyUsage(rawValue: UInt32(KU_KEY_CERT_SIGN))
    }

    /// Reads the first certificate of a PEM text; `what` is what an error calls it.
    package init(pem text: [UInt8], what: String) throws(PKIError) {
        try self.init(der: PEMBlock.first(in: text, labels: ["CERTIFICATE"], what: what).bytes, what: what)
    }

    /// Reads a certificate in DER.
    package init(der bytes: [UInt8], what: String) throws(PKIError) {
        let handle = try Self.parse(bytes, what)
        try self.init(handle.pointer, bytes, what)
    }

    private init(_ certificate: OpaquePointer, _ bytes: [UInt8], _ what: String) throws(PKIError) {
        self.bytes = bytes
        subject = Name(X509_get_subject_name(certificate))
        issuer = Name(X509_get_issuer_name(certificate))
        serialNumber = CertificateFields.hexadecimal(X509_get0_serialNumber(certificate))
        guard let notBefore = CertificateFields.timestamp(X509_get0_notBefore(certificate)),
            let notAfter = CertificateFields.timestamp(X509_get0_notAfter(certificate))
        else { throw .unreadable(what: what, reason: "its times are none") }
        (self.notBefore, self.notAfter) = (notBefore, notAfter)
        let flags = X509_get_extension_flags(certificate)
        guard flags & UInt32(EXFLAG_INVALID) == 0 else {
            throw .unreadable(what: what, reason: "its extensions are malformed or stand twice")
        }
        isCA = flags & UInt32(EXFLAG_CA) != 0
        keyUsage =
            flags & UInt32(EXFLAG_KUSAGE) == 0 ? nil : KeyUsage(rawValue: X509_get_key_usage(certificate))
        extendedKeyUsage = CertificateFields.extendedKeyUsage(certificate)
        subjectKeyIdentifier = CertificateFields.bytes(X509_get0_subject_key_id(certificate))
        authorityKeyIdentifier = CertificateFields.bytes(X509_get0_authority_key_id(certificate))
        subjectAlternativeNames = CertificateFields.alternativeNames(certificate)
        keyAlgorithm =
            switch X509_get0_pubkey(certificate).map({ EVP_PKEY_get_base_id($0) }) {
            case EVP_PKEY_ED25519: .ed25519
            case EVP_PKEY_EC: .ecdsa
            case EVP_PKEY_RSA: .rsa
            default: nil
            }
        OpenSSL.clearErrors()  // Optional fields that are not there leave errors behind.
    }

    static func parse(_ bytes: [UInt8], _ what: String) throws(PKIError) -> Owned<OpaquePointer> {
        try OpenSSL.decode(what, bytes, free: X509_free) { d2i_X509(nil, $0, $1) }
    }

    /// The certificate as PEM text.
    package var pem: [UInt8] { PEMBlock(label: "CERTIFICATE", bytes: bytes).text }

    /// Whether it is the certificate of that key.
    package func matches(_ key: borrowing PrivateKey) throws(PKIError) -> Bool {
        let certificate = try Self.parse(bytes, "a certificate")
        defer { OpenSSL.clearErrors() }
        return X509_check_private_key(certificate.pointer, key.handle.pointer) == 1
    }

    /// Whether `authority` may have signed it and did: name, key identifier, usage and signature fit.
    package func isSigned(by authority: Certificate) throws(PKIError) -> Bool {
        let certificate = try Self.parse(bytes, "a certificate")
        let issuer = try Self.parse(authority.bytes, "a certificate authority")
        defer { OpenSSL.clearErrors() }
        guard X509_check_issued(issuer.pointer, certificate.pointer) == X509_V_OK,
            let key = X509_get0_pubkey(issuer.pointer)
        else { return false }
        return X509_verify(certificate.pointer, key) == 1
    }
}
