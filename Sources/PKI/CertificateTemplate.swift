// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import Platform

/// What a certificate is to say, before it is signed.
struct CertificateTemplate {
    /// An attribute of a name, and whether it belongs to the one before it.
    struct Attribute {
        var type: Int32
        var value: String
        var joinsPrevious = false
    }

    /// An extension with its value in DER.
    struct Extension {
        var type: Int32
        var isCritical: Bool
        var value: [UInt8]
    }

    var serialNumber: [UInt8]
    var subject: [Attribute]
    var notBefore: Timestamp
    var notAfter: Timestamp
    var extensions: [Extension]

    /// The certificate of `subjectKey`, signed with `key`.
    ///
    /// The issuer is the subject of the certificate `issuer`; without one the certificate is its own issuer.
    func sign(
        subjectKey: borrowing PrivateKey, issuer: Certificate?, with key: borrowing PrivateKey
    ) throws(PKIError) -> Certificate {
        let operation = "making a certificate"
        let certificate = try Owned(operation, free: X509_free) { X509_new() }
        let unsigned = certificate.pointer
        try OpenSSL.check(operation) { X509_set_version(unsigned, Int(X509_VERSION_3)) == 1 }
        try setSerialNumber(of: unsigned)
        try setNames(of: unsigned, issuer: issuer)
        try OpenSSL.check(operation) {
            ASN1_TIME_set(X509_getm_notBefore(unsigned), notBefore.secondsSince1970) != nil
                && ASN1_TIME_set(X509_getm_notAfter(unsigned), notAfter.secondsSince1970) != nil
        }
        try OpenSSL.check(operation) { X509_set_pubkey(unsigned, subjectKey.handle.pointer) == 1 }
        for item in extensions { try Self.add(item, to: unsigned) }
        // Ed25519 brings its own digest.
        let digest = key.algorithm == .ed25519 ? nil : EVP_sha256()
        try OpenSSL.check("signing a certificate") { X509_sign(unsigned, key.handle.pointer, digest) > 0 }
        let bytes = try OpenSSL.encode(operation) { i2d_X509(unsigned, $0) }
        return try Certificate(der: bytes, what: "the new certificate")
    }

    private func setSerialNumber(of certificate: OpaquePointer) throws(PKIError) {
        let operation = "numbering a certificate"
        let number = try Owned(operation, free: BN_free) {
            BN_bin2bn(serialNumber, Int32(serialNumber.count), nil)
        }
        try OpenSSL.check(operation) {
            BN_to_ASN1_INTEGER(number.pointer, X509_get_serialNumber(certificate)) != nil
        }
    }

    private func setNames(of certificate: OpaquePointer, issuer: Certificate?) throws(PKIError) {
        let operation = "naming a certificate"
        let name = X509_get_subject_name(certificate)
        for attribute in subject {
            let value = Array(attribute.value.utf8)
            try OpenSSL.check(operation) {
                X509_NAME_add_entry_by_NID(
                    name, attribute.type, Self.stringType(of: value), value, Int32(value.count), -1,
                    attribute.joinsPrevious ? -1 : 0) == 1
            }
        }
        guard let issuer else {
            return try OpenSSL.check(operation) { X509_set_issuer_name(certificate, name) == 1 }
        }
        let authority = try Certificate.parse(issuer.bytes, "a certificate authority")
        try OpenSSL.check(operation) {
            X509_set_issuer_name(certificate, X509_get_subject_name(authority.pointer)) == 1
        }
    }

    /// PrintableString for what it can hold and UTF8String for the rest, as Go chooses.
    private static func stringType(of value: [UInt8]) -> Int32 {
        let isPrintable = value.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: " '()+,-./:=?".utf8.contains(byte)
            }
        }
        return isPrintable ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING
    }

    private static func add(_ item: Extension, to certificate: OpaquePointer) throws(PKIError) {
        let operation = "extending a certificate"
        let value = try Owned(operation, free: ASN1_OCTET_STRING_free) { ASN1_OCTET_STRING_new() }
        try OpenSSL.check(operation) {
            ASN1_OCTET_STRING_set(value.pointer, item.value, Int32(item.value.count)) == 1
        }
        let made = try Owned(operation, free: X509_EXTENSION_free) {
            X509_EXTENSION_create_by_NID(nil, item.type, item.isCritical ? 1 : 0, value.pointer)
        }
        try OpenSSL.check(operation) { X509_add_ext(certificate, made.pointer, -1) == 1 }
    }
}

// The values are constants but for the identifiers, so they are written as the bytes that they are.
extension CertificateTemplate.Extension {
    /// DER's bit string of the usages: what the contract gives as `03020284` and the like.
    static func keyUsage(_ usage: Certificate.KeyUsage) -> CertificateTemplate.Extension {
        // Bit 0 of the standard is the highest of OpenSSL's low byte.
        let bits = UInt8(truncatingIfNeeded: usage.rawValue)
        let value = [0x03, 0x02, UInt8(bits.trailingZeroBitCount & 7), bits]
        return Self(type: NID_key_usage, isCritical: true, value: value)
    }

    /// The last arc of 1.3.6.1.5.5.7.3: 1 is for servers, 2 for clients.
    static func extendedKeyUsage(_ purposes: [UInt8]) -> CertificateTemplate.Extension {
        let arcs: [UInt8] = [0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03]
        let items = purposes.flatMap { arcs + [$0] }
        return Self(type: NID_ext_key_usage, isCritical: false, value: [0x30, UInt8(items.count)] + items)
    }

    static let isCA = Self(
        type: NID_basic_constraints, isCritical: true, value: [0x30, 0x03, 0x01, 0x01, 0xFF])

    /// `identifier` has at most 100 bytes.
    static func subjectKeyIdentifier(_ identifier: [UInt8]) -> CertificateTemplate.Extension {
        let value = [0x04, UInt8(identifier.count)] + identifier
        return Self(type: NID_subject_key_identifier, isCritical: false, value: value)
    }

    /// `identifier` has at most 100 bytes.
    static func authorityKeyIdentifier(_ identifier: [UInt8]) -> CertificateTemplate.Extension {
        let count = UInt8(identifier.count)
        return Self(
            type: NID_authority_key_identifier, isCritical: false,
            value: [0x30, count + 2, 0x80, count] + identifier)
    }
}
