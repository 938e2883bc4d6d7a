// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import TestSupport
import Testing

@testable import Talos

@Suite("Talos' own certificates, made once more", .enabled(if: TalosReference.isThere))
struct OfficialCertificateTests {
    /// What a certificate says, without the signature; ECDSA's has a random part.
    private static func signed(_ certificate: Certificate) -> ArraySlice<UInt8> {
        func content(_ bytes: ArraySlice<UInt8>) -> (header: Int, length: Int) {
            let first = Int(bytes.dropFirst().first ?? 0)
            guard first >= 0x80 else { return (2, first) }
            let digits = bytes.dropFirst(2).prefix(first - 0x80)
            return (2 + digits.count, digits.reduce(0) { $0 << 8 | Int($1) })
        }
        let body = certificate.bytes.dropFirst(content(certificate.bytes[...]).header)
        let (header, length) = content(body)
        return body.prefix(header + length)
    }

    private static func bytes(hexadecimal text: String) -> [UInt8] {
        let digits = Array((text.utf8.count.isMultiple(of: 2) ? "" : "0") + text)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0...($0 + 1)]), radix: 16)
        }
    }

    @Test("with the same key, number and time an authority is the same to the byte")
    func authorities() throws {
        let path = try #require(TalosReference.directory) + "/golden/secrets.yaml"
        let bundle = try SecretsBundle(yaml: TalosReference.text(of: path), source: "")
        let authorities: [(KeyAndCertificate, String?)] = [
            (bundle.etcd, "etcd"), (bundle.kubernetes, "kubernetes"), (bundle.aggregator, nil),
            (bundle.os, "talos"),
        ]
        for (pair, name) in authorities {
            let official = try Certificate(pem: pair.crt, what: "crt")
            #expect(official.pem == pair.crt)
            let key = try PrivateKey(pem: pair.key, what: "key")
            #expect(try key.pem() == pair.key)
            let own = try CertificateAuthority(
                organization: name, key: key, now: official.notBefore,
                serialNumber: Self.bytes(hexadecimal: official.serialNumber)
            ).certificate
            #expect(Self.signed(own) == Self.signed(official))
            // Ed25519 has no random part.
            if name == "talos" { #expect(own.bytes == official.bytes) }
        }
    }
}
