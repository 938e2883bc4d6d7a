// SPDX-License-Identifier: Apache-2.0
package import PKI
package import Platform

/// The keys of a Kubernetes cluster that kubeadm made, from `/etc/kubernetes/pki`.
package struct KubernetesPKI: Sendable, Hashable {
    /// `ca.crt` and `ca.key`.
    package var kubernetes: KeyAndCertificate
    /// `etcd/ca.crt` and `etcd/ca.key`.
    package var etcd: KeyAndCertificate
    /// `front-proxy-ca.crt` and `front-proxy-ca.key`.
    package var aggregator: KeyAndCertificate
    /// `sa.key`.
    package var serviceAccountKey: [UInt8]
    /// The bootstrap token; nil for a new one.
    package var bootstrapToken: String?

    package init(
        kubernetes: KeyAndCertificate, etcd: KeyAndCertificate, aggregator: KeyAndCertificate,
        serviceAccountKey: [UInt8], bootstrapToken: String? = nil
    ) {
        self.kubernetes = kubernetes
        self.etcd = etcd
        self.aggregator = aggregator
        self.serviceAccountKey = serviceAccountKey
        self.bootstrapToken = bootstrapToken
    }
}

extension KubernetesPKI: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "KubernetesPKI(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension SecretsBundle {
    /// A new bundle for clusters born under `version`.
    ///
    /// From Talos 1.7 on the service accounts' key is an RSA key, which takes one to four seconds of a processor: see
    /// `generated(for:at:)`. The rest takes some milliseconds.
    package static func generate(for version: TalosVersion, at now: Timestamp) throws(PKIError)
        -> SecretsBundle
    {
        var generator = SystemRandomNumberGenerator()
        return try generate(for: version, at: now, from: nil, using: &generator)
    }

    /// A new bundle, made on a thread of its own; see `KeyThread.run` for what is thrown.
    package static func generated(
        for version: TalosVersion, at now: Timestamp
    ) async throws(PKIError) -> SecretsBundle {
        try await KeyThread.run { () throws(PKIError) in try generate(for: version, at: now) }
    }

    /// The same around the keys of a cluster that kubeadm made.
    package static func generate(
        for version: TalosVersion, at now: Timestamp, from kubernetes: KubernetesPKI
    ) throws(PKIError) -> SecretsBundle {
        var generator = SystemRandomNumberGenerator()
        return try generate(for: version, at: now, from: kubernetes, using: &generator)
    }

    /// A new bundle; keys are OpenSSL's own business, everything else random comes from `generator`.
    static func generate(
        for version: TalosVersion, at now: Timestamp, from kubernetes: KubernetesPKI?,
        using generator: inout some RandomNumberGenerator
    ) throws(PKIError) -> SecretsBundle {
        var bundle = SecretsBundle()
        bundle.cluster.id = RandomText.base64URL(using: &generator)
        bundle.cluster.secret = RandomText.base64(using: &generator)
        bundle.bootstrapToken = RandomText.token(using: &generator)
        if version >= TalosVersion(minor: 3) {
            bundle.secretboxEncryptionSecret = RandomText.base64(using: &generator)
        } else {
            bundle.aescbcEncryptionSecret = RandomText.base64(using: &generator)
        }
        bundle.trustdToken = RandomText.token(using: &generator)
        bundle.os = try authority("talos", .ed25519, now, &generator)
        if let kubernetes {
            bundle.adopt(kubernetes)
        } else {
            bundle.etcd = try authority("etcd", .ecdsa, now, &generator)
            bundle.kubernetes = try authority("kubernetes", .ecdsa, now, &generator)
            bundle.aggregator = try authority(nil, .ecdsa, now, &generator)
            let algorithm: PrivateKey.Algorithm = version >= TalosVersion(minor: 7) ? .rsa : .ecdsa
            bundle.serviceAccountKey = try PrivateKey.generate(algorithm).pem()
        }
        return bundle
    }

    private mutating func adopt(_ pki: KubernetesPKI) {
        kubernetes = pki.kubernetes
        etcd = pki.etcd
        aggregator = pki.aggregator
        serviceAccountKey = pki.serviceAccountKey
        if let token = pki.bootstrapToken { bootstrapToken = token }
    }

    private static func authority(
        _ organization: String?, _ algorithm: PrivateKey.Algorithm, _ now: Timestamp,
        _ generator: inout some RandomNumberGenerator
    ) throws(PKIError) -> KeyAndCertificate {
        let authority = try CertificateAuthority(
            organization: organization, key: .generate(algorithm), now: now,
            serialNumber: RandomText.serialNumber(using: &generator))
        return KeyAndCertificate(crt: authority.certificate.pem, key: try authority.key.pem())
    }
}
