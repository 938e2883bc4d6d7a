// SPDX-License-Identifier: Apache-2.0
package import PKI
package import Platform
package import Talos

/// Whom to trust and who we are to one cluster: to its nodes and to its Kubernetes.
///
/// Keep them as long as they are good: new ones mean new connections to every node.
package struct ClusterCredentials: Sendable, Hashable {
    /// The certificates of the authority of Talos' API, in PEM.
    package var talosAuthority: [UInt8]
    /// An administrator's certificate and key for it, in PEM as Talos writes them.
    package var talosClient: KeyAndCertificate
    /// The certificates of the authority of Kubernetes' API, in PEM.
    package var kubernetesAuthority: [UInt8]
    /// An administrator's certificate and key for it, in PEM.
    package var kubernetesClient: KeyAndCertificate
    /// When the first of the two certificates ends; renew them at half of their life.
    package var expiry: Timestamp

    package init(
        talosAuthority: [UInt8], talosClient: KeyAndCertificate, kubernetesAuthority: [UInt8],
        kubernetesClient: KeyAndCertificate, expiry: Timestamp
    ) {
        self.talosAuthority = talosAuthority
        self.talosClient = talosClient
        self.kubernetesAuthority = kubernetesAuthority
        self.kubernetesClient = kubernetesClient
        self.expiry = expiry
    }

    /// New keys and certificates, signed by the authorities of the bundle.
    ///
    /// Takes seconds where one of them has an RSA key: see `KeyThread`.
    package static func issue(
        _ bundle: SecretsBundle, clusterName: String, at now: Timestamp,
        lifetime: Duration = TalosClientConfiguration.shortLifetime
    ) throws(PKIError) -> ClusterCredentials {
        let talos = try TalosClientConfiguration.make(
            bundle, clusterName: clusterName, endpoints: [], at: now, lifetime: lifetime)
        let kubernetes = try AdminKubeconfig.make(
            bundle, clusterName: clusterName, endpoint: "", at: now, lifetime: lifetime)
        return ClusterCredentials(
            talosAuthority: bundle.os.crt,
            talosClient: talos.current?.client ?? KeyAndCertificate(),
            kubernetesAuthority: kubernetes.authority, kubernetesClient: kubernetes.client,
            expiry: min(talos.expiry, kubernetes.expiry))
    }
}

/// Keys stay out of whatever prints credentials.
extension ClusterCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "ClusterCredentials(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
