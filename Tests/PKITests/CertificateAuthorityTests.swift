// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import PKI

@Suite("Certificate authorities")
struct CertificateAuthorityTests {
    private static let now = Timestamp(nanosecondsSince1970: 1_700_000_000_123_456_789)
    private static let serial = [UInt8](repeating: 0xAB, count: 16)

    private static func authority(
        _ algorithm: PrivateKey.Algorithm, _ organization: String? = "talos"
    ) throws -> CertificateAuthority {
        try CertificateAuthority(
            organization: organization, key: .generate(algorithm), now: now, serialNumber: serial)
    }

    @Test("a new authority has Talos' profile", arguments: [PrivateKey.Algorithm.ed25519, .ecdsa])
    func profile(algorithm: PrivateKey.Algorithm) throws {
        let authority = try Self.authority(algorithm)
        let certificate = authority.certificate
        #expect(certificate.subject.description == "O=talos")
        #expect(certificate.issuer == certificate.subject)
        #expect(certificate.serialNumber == String(repeating: "ab", count: 16))
        #expect(certificate.notBefore.rfc3339() == "2023-11-14T22:13:20Z")
        #expect(certificate.notAfter.rfc3339() == "2033-11-11T22:13:20Z")
        #expect(certificate.isCA)
        #expect(certificate.keyUsage == [.digitalSignature, .certificateSigning])
        #expect(certificate.extendedKeyUsage == ["serverAuth", "clientAuth"])
        #expect(certificate.subjectKeyIdentifier?.count == 20)
        #expect(certificate.authorityKeyIdentifier == nil)
        #expect(certificate.subjectAlternativeNames.isEmpty)
        #expect(certificate.keyAlgorithm == algorithm)
        #expect(try certificate.isSigned(by: certificate))
        #expect(try certificate.matches(authority.key))
    }

    @Test("its extensions are Talos' to the byte and in the same order")
    func extensions() throws {
        let certificate = try Self.authority(.ecdsa, nil).certificate
        let identifier = try #require(certificate.subjectKeyIdentifier)
        let usage: [UInt8] = [
            0x30, 0x0E, 0x06, 0x03, 0x55, 0x1D, 0x0F, 0x01, 0x01, 0xFF, 0x04, 0x04, 0x03, 0x02, 0x02, 0x84,
        ]
        let purposes: [UInt8] = [
            0x30, 0x1D, 0x06, 0x03, 0x55, 0x1D, 0x25, 0x04, 0x16, 0x30, 0x14, 0x06, 0x08, 0x2B, 0x06, 0x01,
            0x05,
            0x05, 0x07, 0x03, 0x01, 0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02,
        ]
        let constraints: [UInt8] = [
            0x30, 0x0F, 0x06, 0x03, 0x55, 0x1D, 0x13, 0x01, 0x01, 0xFF, 0x04, 0x05, 0x30, 0x03, 0x01, 0x01,
            0xFF,
        ]
        let key: [UInt8] = [0x30, 0x1D, 0x06, 0x03, 0x55, 0x1D, 0x0E, 0x04, 0x16, 0x04, 0x14] + identifier
        let list = usage + purposes + constraints + key
        let wanted = [0xA3, UInt8(list.count + 2), 0x30, UInt8(list.count)] + list
        #expect(certificate.bytes.firstRange(of: wanted) != nil)
    }

    @Test("a name is a PrintableString, and the front proxy's authority has none")
    func names() throws {
        let named = try Self.authority(.ed25519).certificate
        let organization: [UInt8] = [
            0x30, 0x10, 0x31, 0x0E, 0x30, 0x0C, 0x06, 0x03, 0x55, 0x04, 0x0A, 0x13, 0x05,
        ]
        #expect(named.bytes.ranges(of: organization + Array("talos".utf8)).count == 2)
        let nameless = try Self.authority(.ecdsa, nil).certificate
        #expect(nameless.subject.attributes.isEmpty)
        // Issuer, validity of two UTCTimes, subject.
        #expect(nameless.bytes.firstRange(of: [0x30, 0x00, 0x30, 0x1E, 0x17, 0x0D]) != nil)
    }

    @Test("the same key, time and number make the same certificate")
    func deterministic() throws {
        let key = try PrivateKey.generate(.ed25519).pem()
        let certificates = try (0..<2).map { _ in
            try CertificateAuthority(
                organization: "talos", key: PrivateKey(pem: key, what: "key"), now: Self.now,
                serialNumber: Self.serial
            ).certificate
        }
        #expect(certificates[0].bytes == certificates[1].bytes)
    }

    @Test(
        "a client of Talos' API gets exactly what apid wants",
        arguments: [PrivateKey.Algorithm.ed25519, .ecdsa])
    func talosClient(algorithm: PrivateKey.Algorithm) throws {
        let authority = try Self.authority(algorithm)
        let key = try PrivateKey.generate(algorithm)
        let profile = ClientProfile.talos(
            roles: ["os:reader", "os:admin"], now: Self.now, lifetime: .seconds(3600))
        let certificate = try authority.issue(profile, for: key, serialNumber: [1])
        #expect(certificate.subject.values(of: "O") == ["os:admin", "os:reader"])
        #expect(certificate.subject.attributes.count == 2)
        #expect(certificate.issuer == authority.certificate.subject)
        #expect(certificate.serialNumber == "1")
        // A node whose clock is five minutes late accepts it.
        #expect(certificate.notBefore.rfc3339() == "2023-11-14T22:08:20Z")
        #expect(certificate.notAfter.rfc3339() == "2023-11-14T23:13:20Z")
        #expect(!certificate.isCA)
        #expect(certificate.keyUsage == .digitalSignature)
        #expect(certificate.extendedKeyUsage == ["clientAuth"])
        #expect(certificate.subjectKeyIdentifier == nil)
        #expect(certificate.authorityKeyIdentifier == authority.certificate.subjectKeyIdentifier)
        #expect(try certificate.isSigned(by: authority.certificate))
        #expect(try certificate.matches(key))
        let identifier = try #require(certificate.authorityKeyIdentifier)
        let list: [UInt8] =
            [
                0x30, 0x0E, 0x06, 0x03, 0x55, 0x1D, 0x0F, 0x01, 0x01, 0xFF, 0x04, 0x04, 0x03, 0x02, 0x07,
                0x80, 0x30,
                0x13, 0x06, 0x03, 0x55, 0x1D, 0x25, 0x04, 0x0C, 0x30, 0x0A, 0x06, 0x08, 0x2B, 0x06, 0x01,
                0x05, 0x05,
                0x07, 0x03, 0x02, 0x30, 0x1F, 0x06, 0x03, 0x55, 0x1D, 0x23, 0x04, 0x18, 0x30, 0x16, 0x80,
                0x14,
            ] + identifier
        #expect(certificate.bytes.firstRange(of: [0x30, UInt8(list.count)] + list) != nil)
    }

    @Test("several roles are one part of the name")
    func roles() throws {
        let authority = try Self.authority(.ed25519)
        let profile = ClientProfile.talos(roles: ["os:b", "os:a"], now: Self.now, lifetime: .seconds(60))
        let certificate = try authority.issue(profile, for: .generate(.ed25519), serialNumber: [1])
        func role(_ name: String) -> [UInt8] {
            [0x30, 0x0B, 0x06, 0x03, 0x55, 0x04, 0x0A, 0x13, 0x04] + Array(name.utf8)
        }
        #expect(
            certificate.bytes.firstRange(of: [0x30, 0x1C, 0x31, 0x1A] + role("os:a") + role("os:b")) != nil)
    }

    @Test("Kubernetes' administrator is a master with a name, from five minutes ago")
    func administrator() throws {
        let authority = try Self.authority(.ecdsa, "kubernetes")
        let key = try PrivateKey.generate(.ecdsa)
        let profile = ClientProfile.kubernetesAdministrator(now: Self.now, lifetime: .seconds(86_400))
        let certificate = try authority.issue(profile, for: key, serialNumber: Self.serial)
        #expect(certificate.subject.description == "O=system:masters, CN=admin")
        #expect(certificate.keyUsage == [.digitalSignature, .keyEncipherment])
        #expect(certificate.bytes.firstRange(of: [0x04, 0x04, 0x03, 0x02, 0x05, 0xA0]) != nil)
        #expect(certificate.notBefore.rfc3339() == "2023-11-14T22:08:20Z")
        #expect(certificate.notAfter.rfc3339() == "2023-11-15T22:13:20Z")
        #expect(try certificate.isSigned(by: authority.certificate))
    }

    @Test("a certificate ends with its authority, and none is made after that")
    func end() throws {
        let authority = try Self.authority(.ed25519)
        let long = ClientProfile.talos(roles: ["os:admin"], now: Self.now, lifetime: .seconds(1 << 40))
        let certificate = try authority.issue(long, for: .generate(.ed25519), serialNumber: [1])
        #expect(certificate.notAfter == authority.certificate.notAfter)
        let late = ClientProfile.talos(
            roles: ["os:admin"], now: authority.certificate.notAfter, lifetime: .seconds(60))
        let error = #expect(throws: PKIError.self) {
            _ = try authority.issue(late, for: .generate(.ed25519), serialNumber: [1])
        }
        #expect(
            error?.description
                == "signing a certificate failed: its authority is good until 2033-11-11T22:13:20Z only")
    }

    @Test("what cannot sign is no authority")
    func unusable() throws {
        let authority = try Self.authority(.ed25519)
        #expect(throws: PKIError.self) {
            _ = try CertificateAuthority(certificate: authority.certificate, key: .generate(.ed25519))
        }
        #expect(throws: PKIError.self) {
            _ = try CertificateAuthority(certificate: authority.certificate, key: .generate(.ecdsa))
        }
        let key = try PrivateKey.generate(.ed25519)
        let client = try authority.issue(
            .talos(roles: ["os:admin"], now: Self.now, lifetime: .seconds(60)), for: key, serialNumber: [1])
        let error = #expect(throws: PKIError.self) {
            _ = try CertificateAuthority(crt: client.pem, key: key.pem(), what: "certs.os")
        }
        #expect(
            error?.description == "using a certificate authority failed: its certificate is no authority's")
        let other = try Self.authority(.ed25519)
        #expect(try !client.isSigned(by: other.certificate))
        #expect(try !authority.certificate.matches(other.key))
    }
}
