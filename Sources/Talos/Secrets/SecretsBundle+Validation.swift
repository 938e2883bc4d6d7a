// SPDX-License-Identifier: Apache-2.0
import PKI
package import Platform
import StructuredData

extension SecretsBundle {
    /// What keeps Talos from using the bundle: what talosctl refuses too, and authorities that cannot sign.
    ///
    /// Names fields and never values. Without a version only that which holds for all of them is checked, and
    /// without a time not whether authorities are still good.
    package func problems(for version: TalosVersion?, at now: Timestamp? = nil) -> [ConfigProblem] {
        SecretsValidation(bundle: self, version: version, now: now).errors
    }

    /// What works, and yet is most likely not what is wanted.
    package func warnings(for version: TalosVersion?, at now: Timestamp? = nil) -> [ConfigProblem] {
        SecretsValidation(bundle: self, version: version, now: now).warnings
    }
}

/// The rules for a bundle.
private struct SecretsValidation {
    private(set) var errors: [ConfigProblem] = []
    private(set) var warnings: [ConfigProblem] = []
    private let version: TalosVersion?
    private let now: Timestamp?

    /// An authority that ends in less than this is to be replaced now.
    private static let notice = Duration.seconds(90 * 86_400)

    init(bundle: SecretsBundle, version: TalosVersion?, now: Timestamp?) {
        self.version = version
        self.now = now
        require(bundle.cluster.id, FieldPath("cluster", "id"))
        require(bundle.cluster.secret, FieldPath("cluster", "secret"))
        check(token: bundle.bootstrapToken, FieldPath("secrets", "bootstraptoken"))
        checkEncryption(bundle)
        check(token: bundle.trustdToken, FieldPath("trustdinfo", "token"))
        check(bundle.etcd, FieldPath("certs", "etcd"))
        check(bundle.kubernetes, FieldPath("certs", "k8s"))
        check(bundle.aggregator, FieldPath("certs", "k8saggregator"))
        check(key: bundle.serviceAccountKey, FieldPath("certs", "k8sserviceaccount", "key"))
        check(bundle.os, FieldPath("certs", "os"))
    }

    private mutating func require(_ text: String, _ path: FieldPath) {
        if text.isEmpty { fail(path, "must be set") }
    }

    private mutating func checkEncryption(_ bundle: SecretsBundle) {
        let path = FieldPath("secrets", "secretboxencryptionsecret")
        switch (bundle.secretboxEncryptionSecret, bundle.aescbcEncryptionSecret) {
        case (nil, nil):
            fail(path, "must be set, or secrets.aescbcencryptionsecret of a cluster older than Talos 1.3")
        case (_?, _?): fail(path, "must not be set together with secrets.aescbcencryptionsecret")
        case (nil, _?) where version.map { $0 >= TalosVersion(minor: 3) } ?? false:
            warn(
                path,
                "is not set: configurations for Talos 1.3 and later are made without secrets.aescbcencryptionsecret"
            )
        default: break
        }
    }

    private mutating func check(token: String, _ path: FieldPath) {
        guard !token.isEmpty else { return fail(path, "must be set") }
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isWellFormed =
            parts.map(\.count) == [6, 16]
            && parts.joined().allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
        if !isWellFormed {
            warn(path, "should be 6 characters, a dot and 16 characters, each a lower-case letter or a digit")
        }
    }

    private mutating func check(_ pair: KeyAndCertificate, _ path: FieldPath) {
        let certificate = check(certificate: pair.crt, path.appending("crt"))
        check(key: pair.key, path.appending("key"), of: certificate)
    }

    private mutating func check(certificate text: [UInt8], _ path: FieldPath) -> Certificate? {
        guard !text.isEmpty else {
            fail(path, "must be set")
            return nil
        }
        let certificate: Certificate
        do throws(PKIError) {
            certificate = try Certificate(pem: text, what: "it")
        } catch {
            fail(path, "must be a certificate in PEM: \(error)")
            return nil
        }
        if !certificate.isCA { fail(path, "must be the certificate of an authority, which this one is not") }
        guard let now else { return certificate }
        if certificate.notAfter <= now {
            fail(path, "ended at \(certificate.notAfter.rfc3339()); nothing that it signs is good any more")
        } else if certificate.notAfter < now + Self.notice {
            warn(path, "ends at \(certificate.notAfter.rfc3339())")
        }
        if certificate.notBefore > now { warn(path, "begins only at \(certificate.notBefore.rfc3339())") }
        return certificate
    }

    private mutating func check(key text: [UInt8], _ path: FieldPath, of certificate: Certificate? = nil) {
        guard !text.isEmpty else { return fail(path, "must be set") }
        guard text != SecretsBundle.redactionMarker else {
            return fail(path, "was redacted: the key itself is needed")
        }
        do throws(PKIError) {
            let key = try PrivateKey(pem: text, what: "it")
            if let certificate, try !certificate.matches(key) {
                warn(path, "is not the key of the certificate beside it")
            }
        } catch {
            return fail(path, "must be an Ed25519, ECDSA or RSA key in PEM, without a password: \(error)")
        }
        let isGeneric = text.starts(with: Array("-----BEGIN PRIVATE KEY-----".utf8))
        if let version, version < TalosVersion(minor: 10), isGeneric {
            fail(
                path,
                "must be labelled \"EC PRIVATE KEY\", \"RSA PRIVATE KEY\" or \"ED25519 PRIVATE KEY\" and have that form: "
                    + "Talos before 1.10 does not read \"PRIVATE KEY\"")
        }
    }

    private mutating func fail(_ path: FieldPath, _ problem: String) {
        errors.append(ConfigProblem(path: path, problem: problem))
    }

    private mutating func warn(_ path: FieldPath, _ problem: String) {
        warnings.append(ConfigProblem(path: path, problem: problem))
    }
}
