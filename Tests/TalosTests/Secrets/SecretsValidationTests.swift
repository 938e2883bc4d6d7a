// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import TestSupport
import Testing

@testable import Talos

@Suite("Validating secrets bundles")
struct SecretsValidationTests {
    /// A change to a good bundle, and what is said of it.
    struct Case: Sendable {
        let change: @Sendable (inout SecretsBundle) -> Void
        let text: String

        init(_ change: @escaping @Sendable (inout SecretsBundle) -> Void, _ text: String) {
            self.change = change
            self.text = text
        }
    }

    /// The middle of 2026, when the fixture is good.
    private static let now = Timestamp(nanosecondsSince1970: 1_780_000_000_000_000_000)
    private static let version = TalosVersion(minor: 13)

    private static func bundle(_ change: (inout SecretsBundle) -> Void = { _ in }) throws -> SecretsBundle {
        var bundle = try SecretsBundle(yaml: SecretsFixture.yaml, source: "")
        change(&bundle)
        return bundle
    }

    @Test("a bundle as talosctl makes it has no problems")
    func good() throws {
        let bundle = try Self.bundle()
        #expect(bundle.problems(for: Self.version, at: Self.now) == [])
        #expect(bundle.warnings(for: Self.version, at: Self.now) == [])
        #expect(bundle.problems(for: nil) == [])
    }

    @Test("the bundle that Talos tests with has no problems", .enabled(if: TalosReference.isThere))
    func official() throws {
        let bundle = try SecretsBundle(
            yaml: TalosReference.text(of: #require(TalosReference.directory) + "/golden/secrets.yaml"),
            source: "")
        #expect(bundle.problems(for: Self.version, at: Self.now) == [])
        #expect(bundle.warnings(for: Self.version, at: Self.now) == [])
    }

    @Test("everything that is missing is named")
    func empty() {
        #expect(
            SecretsBundle().problems(for: nil).map(\.description) == [
                "cluster.id: must be set", "cluster.secret: must be set",
                "secrets.bootstraptoken: must be set",
                "secrets.secretboxencryptionsecret: must be set, or secrets.aescbcencryptionsecret of a cluster older"
                    + " than Talos 1.3",
                "trustdinfo.token: must be set", "certs.etcd.crt: must be set", "certs.etcd.key: must be set",
                "certs.k8s.crt: must be set", "certs.k8s.key: must be set",
                "certs.k8saggregator.crt: must be set",
                "certs.k8saggregator.key: must be set", "certs.k8sserviceaccount.key: must be set",
                "certs.os.crt: must be set", "certs.os.key: must be set",
            ])
    }

    private static let garbage = Array(
        "-----BEGIN CERTIFICATE-----\ncanary==\n-----END CERTIFICATE-----".utf8)

    @Test(
        "a problem says what is allowed",
        arguments: [
            Case(
                { $0.aescbcEncryptionSecret = "a" },
                "must not be set together with secrets.aescbcencryptionsecret"
            ),
            Case({ $0.os.crt = garbage }, "certs.os.crt: must be a certificate in PEM: it cannot be read: "),
            Case(
                { $0.os.crt = $0.os.key },
                "certs.os.crt: must be a certificate in PEM: it cannot be read: its first PEM block"
            ),
            Case(
                { $0.os.key = garbage },
                "certs.os.key: must be an Ed25519, ECDSA or RSA key in PEM, without a password"
            ),
            Case(
                { $0.serviceAccountKey = garbage },
                "certs.k8sserviceaccount.key: must be an Ed25519, ECDSA or RSA key"
            ),
            Case(
                { $0.os.key = SecretsBundle.redactionMarker },
                "certs.os.key: was redacted: the key itself is needed"
            ),
        ])
    func problems(example: Case) throws {
        let bundle = try Self.bundle(example.change)
        let problems = bundle.problems(for: Self.version, at: Self.now).map(\.description)
        #expect(problems.count == 1)
        #expect(problems.first?.contains(example.text) ?? false)
        #expect(!problems.joined().lowercased().contains("canary"))
    }

    @Test(
        "what is doubtful is a warning",
        arguments: [
            Case({ $0.bootstrapToken = "CANARY.x" }, "secrets.bootstraptoken: should be 6 characters, a dot"),
            Case({ $0.trustdToken = "abcdef.0123456789abcde_" }, "trustdinfo.token: should be 6 characters"),
            Case({ $0.trustdToken = "abcdef.0123.456789abcdef" }, "trustdinfo.token: should be 6 characters"),
            Case(
                { $0.etcd.key = $0.kubernetes.key },
                "certs.etcd.key: is not the key of the certificate beside it"
            ),
            Case(
                {
                    $0.aescbcEncryptionSecret = $0.secretboxEncryptionSecret
                    $0.secretboxEncryptionSecret = nil
                }, "secrets.secretboxencryptionsecret: is not set: configurations for Talos 1.3 and later"
            ),
        ])
    func warnings(example: Case) throws {
        let bundle = try Self.bundle(example.change)
        #expect(bundle.problems(for: Self.version, at: Self.now) == [])
        let warnings = bundle.warnings(for: Self.version, at: Self.now).map(\.description)
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains(example.text) ?? false)
        #expect(!warnings.joined().contains("CANARY"))
    }

    @Test("an authority must be one, and be good")
    func authorities() throws {
        var bundle = try Self.bundle()
        let authority = try CertificateAuthority(crt: bundle.os.crt, key: bundle.os.key, what: "os")
        let key = try PrivateKey.generate(.ed25519)
        let profile = ClientProfile.talos(roles: ["os:admin"], now: Self.now, lifetime: .seconds(60))
        bundle.os = KeyAndCertificate(
            crt: try authority.issue(profile, for: key, serialNumber: [1]).pem, key: try key.pem())
        #expect(
            bundle.problems(for: nil, at: Self.now).map(\.description) == [
                "certs.os.crt: must be the certificate of an authority, which this one is not"
            ])
        let good = try Self.bundle()
        let end = Timestamp(nanosecondsSince1970: 2_682_374_400_000_000_000)  // 2055
        #expect(good.problems(for: nil, at: end).count == 4)
        #expect(
            good.problems(for: nil, at: end).first?.problem.hasPrefix("ended at 2055-01-01T00:00:00Z")
                ?? false)
        let soon = end + .seconds(-86_400)
        #expect(good.problems(for: nil, at: soon) == [])
        #expect(
            good.warnings(for: nil, at: soon).map(\.problem)
                == .init(repeating: "ends at 2055-01-01T00:00:00Z", count: 4))
        let early = Timestamp(nanosecondsSince1970: 0)
        #expect(good.warnings(for: nil, at: early).first?.problem == "begins only at 2026-01-01T00:00:00Z")
    }

    @Test("a generic label is a problem for those versions that do not read it")
    func labels() throws {
        let bundle = try Self.bundle {
            let text = String(decoding: $0.os.key, as: UTF8.self).replacing(
                "ED25519 PRIVATE", with: "PRIVATE")
            $0.os.key = Array(text.utf8)
        }
        #expect(bundle.problems(for: TalosVersion(minor: 10)) == [])
        #expect(bundle.problems(for: TalosVersion(minor: 9)).count == 1)
    }
}
