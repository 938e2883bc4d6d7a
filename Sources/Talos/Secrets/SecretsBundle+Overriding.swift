// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
package import StructuredData

extension SecretsBundle {
    /// The bundle with what a cluster's specification gives for its machines in place of its own.
    ///
    /// What is nil or empty stays. A certificate and a key are PEM text or the Base64 of it, and belong together.
    ///
    /// - Parameters:
    ///   - token: Takes the place of `trustdinfo.token`.
    ///   - crt: The certificate of the authority of Talos' API.
    ///   - key: The key of that authority.
    ///   - path: The field that has `token` and `ca` as members, for messages.
    /// - Returns: the changed bundle.
    /// - Throws: what is no authority and what is no key, by name and never by value.
    package func overriding(
        token: String?, crt: String?, key: String?, at path: FieldPath
    ) throws(ConfigProblems) -> SecretsBundle {
        var bundle = self
        if let token, !token.isEmpty { bundle.trustdToken = token }
        let (crtPath, keyPath) = (
            path.appending("ca").appending("crt"), path.appending("ca").appending("key")
        )
        switch (crt ?? "", key ?? "") {
        case ("", ""): break
        case ("", _):
            throw ConfigProblems(ConfigProblem(path: crtPath, problem: "must be given together with the key"))
        case (_, ""):
            throw ConfigProblems(
                ConfigProblem(path: keyPath, problem: "must be given together with the certificate"))
        case (let crt, let key):
            bundle.os = KeyAndCertificate(
                crt: try Self.pem(crt, crtPath), key: try Self.pem(key, keyPath))
            try bundle.checkAuthority(crtPath, keyPath)
        }
        return bundle
    }

    /// The bytes of PEM text that may be in Base64.
    private static func pem(_ text: String, _ path: FieldPath) throws(ConfigProblems) -> [UInt8] {
        if text.contains("-----BEGIN ") { return Array(text.utf8) }
        guard let bytes = Base64.decode(text.filter { !$0.isWhitespace }),
            String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ")
        else {
            throw ConfigProblems(
                ConfigProblem(path: path, problem: "must be PEM text, or the Base64 of PEM text"))
        }
        return bytes
    }

    private func checkAuthority(_ crtPath: FieldPath, _ keyPath: FieldPath) throws(ConfigProblems) {
        let certificate: Certificate
        do throws(PKIError) {
            certificate = try Certificate(pem: os.crt, what: "it")
        } catch {
            throw ConfigProblems(
                ConfigProblem(path: crtPath, problem: "must be a certificate in PEM: \(error)"))
        }
        guard certificate.isCA else {
            throw ConfigProblems(
                ConfigProblem(path: crtPath, problem: "must be the certificate of an authority"))
        }
        do throws(PKIError) {
            let key = try PrivateKey(pem: os.key, what: "it")
            if try certificate.matches(key) { return }
        } catch {
            throw ConfigProblems(
                ConfigProblem(path: keyPath, problem: "must be a private key in PEM: \(error)"))
        }
        throw ConfigProblems(
            ConfigProblem(
                path: keyPath, problem: "must be the key of the certificate beside it, which it is not"))
    }
}
