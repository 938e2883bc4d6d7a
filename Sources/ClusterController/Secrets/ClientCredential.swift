// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import PKI
import Platform
import Talos

/// A configuration with a client certificate in it, by which people and programs reach a cluster.
enum ClientCredential: String, Sendable, Hashable, CaseIterable {
    case talosconfig
    case kubeconfig

    /// How long a certificate is good for: a working day and the night after it.
    static let lifetime = TalosClientConfiguration.shortLifetime

    var kind: SecretKind { self == .talosconfig ? .talosconfig : .kubeconfig }

    /// The text of a new one, and when its certificate ends.
    ///
    /// `talosEndpoints` are where the Talos API answers; nil for the host of the cluster's endpoint.
    func issue(
        _ bundle: SecretsBundle, _ spec: ClusterSpec, talosEndpoints: [String]?, at now: Timestamp
    ) async throws(PKIError) -> (text: String, expiry: Timestamp) {
        let (name, endpoint) = (spec.clusterName.description, spec.endpoint)
        // An authority that somebody brought may have an RSA key.
        return try await KeyThread.run { () throws(PKIError) in
            switch self {
            case .talosconfig:
                let made = try TalosClientConfiguration.make(
                    bundle, clusterName: name, endpoints: talosEndpoints ?? [endpoint.host], at: now,
                    lifetime: Self.lifetime)
                return (made.yaml, made.expiry)
            case .kubeconfig:
                let made = try AdminKubeconfig.make(
                    bundle, clusterName: name, endpoint: endpoint.description, at: now,
                    lifetime: Self.lifetime)
                return (made.yaml, made.expiry)
            }
        }
    }

    /// A digest of all that a credential depends on but the time: another authority or endpoint is another credential.
    func purpose(_ bundle: SecretsBundle, _ spec: ClusterSpec, talosEndpoints: [String]?) -> String {
        var parts = [
            Array(spec.clusterName.description.utf8), Array(spec.endpoint.description.utf8), bundle.os.crt,
            bundle.kubernetes.crt,
        ]
        if self == .talosconfig, let talosEndpoints { parts += talosEndpoints.map { Array($0.utf8) } }
        return SHA256.hexadecimal(of: Array(parts.joined(separator: [0])))
    }

    /// When the one in `secret` is to be renewed: at half of its life; nil if it has to be issued anew at once, as one
    /// that was issued by a clock far ahead and is not good yet.
    ///
    /// `face` is what the Secret should look like, apart from its own certificate, and `purpose` what that should be
    /// issued for. Annotations tell it, for the cache does not have the certificate.
    static func renewal(
        of secret: ClusterSecret?, _ face: SecretFace, purpose: String, at now: Timestamp
    ) -> Timestamp? {
        guard let secret, let digest = secret.metadata.annotations[APINames.configDigestAnnotation],
            secret.metadata.annotations[APINames.issuedForAnnotation] == purpose,
            let expiry = secret.certificateExpiry, expiry <= now + lifetime + ClientProfile.clockSlack
        else { return nil }
        var face = face
        face.digest = digest
        return face.isMatched(by: secret) ? expiry + lifetime / -2 : nil
    }
}

extension ClusterSecret {
    /// When the client certificate in it ends; nil if it has none.
    var certificateExpiry: Timestamp? {
        metadata.annotations[APINames.expiryAnnotation].flatMap { Timestamp(rfc3339: $0) }
    }
}

extension Timestamp {
    /// How long after `other` this is.
    func since(_ other: Timestamp) -> Duration {
        .nanoseconds(nanosecondsSince1970) - .nanoseconds(other.nanosecondsSince1970)
    }
}
