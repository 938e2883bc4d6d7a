// SPDX-License-Identifier: Apache-2.0

@testable import Talos

extension SecretsBundle {
    /// A bundle whose values say what they are: nothing that reads only texts minds.
    static var readable: SecretsBundle {
        func pair(_ name: String) -> KeyAndCertificate {
            KeyAndCertificate(crt: Array("\(name) crt".utf8), key: Array("\(name) key".utf8))
        }
        var bundle = SecretsBundle()
        bundle.cluster = Cluster(id: "cluster-id", secret: "cluster-secret")
        bundle.bootstrapToken = "bootstrap.token"
        bundle.secretboxEncryptionSecret = "secretbox"
        bundle.trustdToken = "trustd.token"
        bundle.etcd = pair("etcd")
        bundle.kubernetes = pair("k8s")
        bundle.aggregator = pair("front")
        bundle.os = pair("os")
        bundle.serviceAccountKey = Array("sa key".utf8)
        return bundle
    }
}
