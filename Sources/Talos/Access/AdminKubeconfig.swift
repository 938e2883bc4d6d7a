// SPDX-License-Identifier: Apache-2.0
package import PKI
package import Platform
import StructuredData

/// A kubeconfig for the administrator of one cluster, as `talosctl kubeconfig` gets it.
package struct AdminKubeconfig: Sendable, Hashable {
    package var clusterName: String
    /// The URL of the API server.
    package var endpoint: String
    /// PEM text of the authorities of the API server's certificate.
    package var authority: [UInt8]
    package var client: KeyAndCertificate
    /// When the client's certificate ends.
    package let expiry: Timestamp

    /// A configuration with a new key and certificate, signed by the authority of the bundle.
    ///
    /// Takes seconds where that is an RSA key, as kubeadm's is: see `KeyThread`.
    package static func make(
        _ bundle: SecretsBundle, clusterName: String, endpoint: String, at now: Timestamp, lifetime: Duration
    ) throws(PKIError) -> AdminKubeconfig {
        let pair = bundle.kubernetes
        let authority = try CertificateAuthority(crt: pair.crt, key: pair.key, what: "certs.k8s")
        var generator = SystemRandomNumberGenerator()
        let key = try PrivateKey.generate(authority.key.algorithm)
        let certificate = try authority.issue(
            .kubernetesAdministrator(now: now, lifetime: lifetime), for: key,
            serialNumber: RandomText.serialNumber(using: &generator))
        return AdminKubeconfig(
            clusterName: clusterName, endpoint: endpoint, authority: pair.crt,
            client: KeyAndCertificate(crt: certificate.pem, key: try key.pem()), expiry: certificate.notAfter)
    }

    /// The configuration as Kubernetes' own tools write it.
    package var yaml: String {
        let user = "admin@\(clusterName)"
        let cluster: JSONValue = [
            "certificate-authority-data": .string(Base64.encode(authority)), "server": .string(endpoint),
        ]
        let context: JSONValue = [
            "cluster": .string(clusterName), "namespace": "default", "user": .string(user),
        ]
        let credentials: JSONValue = [
            "client-certificate-data": .string(Base64.encode(client.crt)),
            "client-key-data": .string(Base64.encode(client.key)),
        ]
        return YAML.document([
            "apiVersion": "v1",
            "clusters": [["cluster": cluster, "name": .string(clusterName)]],
            "contexts": [["context": context, "name": .string(user)]],
            "current-context": .string(user),
            "kind": "Config",
            "preferences": [:],
            "users": [["name": .string(user), "user": credentials]],
        ])
    }
}

extension AdminKubeconfig: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "AdminKubeconfig(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
