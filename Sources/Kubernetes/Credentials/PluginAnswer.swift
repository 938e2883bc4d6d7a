// SPDX-License-Identifier: Apache-2.0
import HTTP
package import Platform
package import StructuredData

/// What a credential plugin printed: an ExecCredential.
package struct PluginAnswer: Sendable, Hashable {
    package var credential: Credential
    /// Nil: until the server refuses it.
    package var expires: Timestamp?

    /// Reads the document on the plugin's standard output.
    ///
    /// - Throws: what is wrong with it, with the field's path.
    package init(_ document: JSONValue, apiVersion: String) throws(DecodingProblem) {
        let fields = try document.expectObject()
        let kind = try fields.string("kind") ?? ""
        guard kind == "ExecCredential" else {
            throw DecodingProblem(path: "kind", problem: "must be ExecCredential, not \"\(kind)\"")
        }
        let version = try fields.string("apiVersion") ?? ""
        guard version == apiVersion else {
            throw DecodingProblem(path: "apiVersion", problem: "must be \(apiVersion), not \"\(version)\"")
        }
        guard let status = try fields.object("status") else {
            throw DecodingProblem(path: "status", problem: "is missing")
        }
        do {
            try self.init(status)
        } catch {
            throw error.within("status")
        }
    }

    private init(_ status: JSONObject) throws(DecodingProblem) {
        let token = try Self.text(status, "token")
        let identity = try Self.identity(status)
        guard token != nil || identity != nil else {
            throw DecodingProblem(path: "", problem: "must have a token or a client certificate")
        }
        credential = Credential(authorization: token.map { "Bearer \($0)" }, identity: identity)
        expires = try status.timestamp("expirationTimestamp")
    }

    private static func identity(_ status: JSONObject) throws(DecodingProblem) -> TLSConfiguration.Identity? {
        let certificate = try text(status, "clientCertificateData")
        let key = try text(status, "clientKeyData")
        switch (certificate, key) {
        case (let certificate?, let key?):
            return TLSConfiguration.Identity(certificatePEM: Array(certificate.utf8), keyPEM: Array(key.utf8))
        case (.some, nil):
            throw DecodingProblem(
                path: "clientKeyData", problem: "is missing although there is a certificate")
        case (nil, .some):
            throw DecodingProblem(
                path: "clientCertificateData", problem: "is missing although there is a key")
        case (nil, nil): return nil
        }
    }

    private static func text(_ status: JSONObject, _ key: String) throws(DecodingProblem) -> String? {
        try status.string(key).flatMap { $0.isEmpty ? nil : $0 }
    }
}
