// SPDX-License-Identifier: Apache-2.0
import COpenSSL
package import Platform

/// A certificate that may sign others, and its key.
package struct CertificateAuthority: ~Copyable {
    /// How long Talos' authorities are good: 3650 days.
    package static let lifetime = Duration.seconds(87_600 * 3600)

    package let certificate: Certificate
    package let key: PrivateKey

    /// An authority that was read.
    ///
    /// - Throws: what cannot sign: a certificate that is no authority's, a key that is not its own.
    package init(certificate: Certificate, key: consuming PrivateKey) throws(PKIError) {
        guard certificate.isCA else {
            throw .failed(
                operation: "using a certificate authority", reason: "its certificate is no authority's")
        }
        guard try certificate.matches(key) else {
            throw .failed(
                operation: "using a certificate authority", reason: "the key is not that of the certificate")
        }
        self.certificate = certificate
        self.key = key
    }

    /// Reads an authority's PEM texts; `what` is what errors call it, followed by `.crt` or `.key`.
    package init(crt: [UInt8], key: [UInt8], what: String) throws(PKIError) {
        let certificate = try Certificate(pem: crt, what: "\(what).crt")
        try self.init(certificate: certificate, key: PrivateKey(pem: key, what: "\(what).key"))
    }

    /// A new authority of the profile that Talos gives its own, which signs itself.
    ///
    /// - Parameters:
    ///   - organization: Its whole name; nil for one without a name, as the front proxy's has none.
    ///   - key: Its key, new.
    ///   - now: Its first second.
    ///   - serialNumber: At most 16 bytes.
    /// - Throws: what OpenSSL refuses.
    package init(
        organization: String?, key: consuming PrivateKey, now: Timestamp, serialNumber: [UInt8]
    ) throws(PKIError) {
        let template = CertificateTemplate(
            serialNumber: serialNumber,
            subject: organization.map { [.init(type: NID_organizationName, value: $0)] } ?? [],
            notBefore: now, notAfter: now + Self.lifetime,
            extensions: [
                .keyUsage([.digitalSignature, .certificateSigning]), .extendedKeyUsage([1, 2]), .isCA,
                .subjectKeyIdentifier(try key.identifier()),
            ])
        certificate = try template.sign(subjectKey: key, issuer: nil, with: key)
        self.key = key
    }

    /// A certificate for a client, which has this authority's kind of key.
    ///
    /// It starts and ends when the profile says, but never ends after its authority.
    package func issue(
        _ profile: ClientProfile, for subjectKey: borrowing PrivateKey, serialNumber: [UInt8]
    ) throws(PKIError) -> Certificate {
        guard profile.issued < certificate.notAfter else {
            throw .failed(
                operation: "signing a certificate",
                reason: "its authority is good until \(certificate.notAfter.rfc3339()) only")
        }
        var extensions: [CertificateTemplate.Extension] = [
            .keyUsage(profile.keyUsage), .extendedKeyUsage([2]),
        ]
        if let identifier = certificate.subjectKeyIdentifier {
            guard identifier.count <= 100 else {
                throw .failed(
                    operation: "signing a certificate", reason: "the authority's key identifier is too long")
            }
            extensions.append(.authorityKeyIdentifier(identifier))
        }
        let template = CertificateTemplate(
            serialNumber: serialNumber, subject: profile.subject, notBefore: profile.notBefore,
            notAfter: min(profile.notAfter, certificate.notAfter), extensions: extensions)
        return try template.sign(subjectKey: subjectKey, issuer: certificate, with: key)
    }
}

/// What a client's certificate says of it.
package struct ClientProfile: Sendable, Hashable {
    fileprivate let organizations: [String]
    fileprivate let commonName: String?
    fileprivate let keyUsage: Certificate.KeyUsage
    fileprivate let issued: Timestamp
    package let notAfter: Timestamp

    /// How long before it is made a certificate begins, for servers whose clocks are late: 5 minutes, for which machines
    /// that have just been switched on are often enough behind.
    package static let clockSlack = Duration.seconds(300)

    package var notBefore: Timestamp { issued + (.zero - Self.clockSlack) }

    /// A client of Talos' API with some of Talos' roles, such as `os:admin`.
    package static func talos(roles: [String], now: Timestamp, lifetime: Duration) -> ClientProfile {
        ClientProfile(
            organizations: roles.sorted(), commonName: nil, keyUsage: .digitalSignature, issued: now,
            notAfter: now + lifetime)
    }

    /// Kubernetes' administrator.
    package static func kubernetesAdministrator(now: Timestamp, lifetime: Duration) -> ClientProfile {
        ClientProfile(
            organizations: ["system:masters"], commonName: "admin",
            keyUsage: [.digitalSignature, .keyEncipherment], issued: now,
            notAfter: now + lifetime)
    }

    /// All organizations are one part of the name, and the common name is the next.
    fileprivate var subject: [CertificateTemplate.Attribute] {
        let first = organizations.prefix(1).map {
            CertificateTemplate.Attribute(type: NID_organizationName, value: $0)
        }
        let others = organizations.dropFirst().map {
            CertificateTemplate.Attribute(type: NID_organizationName, value: $0, joinsPrevious: true)
        }
        let name = commonName.map { CertificateTemplate.Attribute(type: NID_commonName, value: $0) }
        return first + others + (name.map { [$0] } ?? [])
    }
}
