// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import Testing

@testable import Talos

@Suite("Making secrets bundles")
struct SecretsGenerationTests {
    static let now = Timestamp(nanosecondsSince1970: 1_800_000_000_000_000_000)

    @Test("which encryption secret and which service account key there is depends on the version")
    func versions() throws {
        let oldest = try SecretsBundle.generate(for: TalosVersion(minor: 2), at: Self.now)
        #expect(oldest.secretboxEncryptionSecret == nil && oldest.aescbcEncryptionSecret?.utf8.count == 44)
        let older = try SecretsBundle.generate(for: TalosVersion(minor: 3), at: Self.now)
        #expect(older.secretboxEncryptionSecret?.utf8.count == 44 && older.aescbcEncryptionSecret == nil)
        let old = try SecretsBundle.generate(for: TalosVersion(minor: 6), at: Self.now)
        #expect(try PrivateKey(pem: old.serviceAccountKey, what: "key").algorithm == .ecdsa)
    }

    @Test("the newest bundle has what talosctl gives it, and is written and read again")
    func newest() async throws {
        let bundle = try await SecretsBundle.generated(for: TalosVersion(minor: 13), at: Self.now)
        #expect(bundle.serviceAccountKey.starts(with: Array("-----BEGIN RSA PRIVATE KEY-----\n".utf8)))
        #expect(try PrivateKey(pem: bundle.serviceAccountKey, what: "key").algorithm == .rsa)
        #expect(bundle.serviceAccountKey.count > 3000)  // 4096 bits.
        #expect(bundle.cluster.id.utf8.count == 44 && bundle.cluster.secret.utf8.count == 44)
        #expect(bundle.bootstrapToken != bundle.trustdToken)
        #expect(bundle.problems(for: TalosVersion(minor: 13), at: Self.now) == [])
        #expect(bundle.warnings(for: TalosVersion(minor: 13), at: Self.now) == [])
        #expect(try SecretsBundle(yaml: bundle.yaml, source: "") == bundle)
    }

    @Test(
        "each authority has its name and kind of key",
        arguments: [
            (\SecretsBundle.etcd, "O=etcd", PrivateKey.Algorithm.ecdsa),
            (\.kubernetes, "O=kubernetes", .ecdsa),
            (\.aggregator, "", .ecdsa), (\.os, "O=talos", .ed25519),
        ] as [(any KeyPath<SecretsBundle, KeyAndCertificate> & Sendable, String, PrivateKey.Algorithm)])
    func authorities(
        path: any KeyPath<SecretsBundle, KeyAndCertificate> & Sendable, subject: String,
        algorithm: PrivateKey.Algorithm
    ) throws {
        let pair = try SecretsBundle.generate(for: TalosVersion(minor: 6), at: Self.now)[keyPath: path]
        let authority = try CertificateAuthority(crt: pair.crt, key: pair.key, what: "ca")
        #expect(authority.certificate.subject.description == subject)
        #expect(authority.key.algorithm == algorithm)
        #expect(authority.certificate.notBefore == Self.now)
    }

    @Test("the keys of a cluster that kubeadm made are taken over as they are")
    func kubernetes() throws {
        let fixture = try SecretsBundle(yaml: SecretsFixture.yaml, source: "")
        var pki = KubernetesPKI(
            kubernetes: fixture.kubernetes, etcd: fixture.etcd, aggregator: fixture.aggregator,
            serviceAccountKey: fixture.serviceAccountKey, bootstrapToken: "abcdef.0123456789abcdef")
        let bundle = try SecretsBundle.generate(for: TalosVersion(minor: 12), at: Self.now, from: pki)
        #expect(bundle.kubernetes == fixture.kubernetes && bundle.etcd == fixture.etcd)
        #expect(bundle.aggregator == fixture.aggregator)
        #expect(bundle.serviceAccountKey == fixture.serviceAccountKey)
        #expect(bundle.bootstrapToken == "abcdef.0123456789abcdef")
        #expect(bundle.os != fixture.os && bundle.cluster != fixture.cluster)
        #expect(bundle.problems(for: TalosVersion(minor: 12), at: Self.now) == [])
        pki.bootstrapToken = nil
        let other = try SecretsBundle.generate(for: TalosVersion(minor: 12), at: Self.now, from: pki)
        #expect(other.bootstrapToken.utf8.count == 23)
        #expect(!"\(pki) \(String(reflecting: pki))".contains("45"))
    }
}
