// SPDX-License-Identifier: Apache-2.0
import Kubernetes

/// What a Secret of a cluster holds: the value of its label `cluster.vitistack.io/secret-type`.
enum SecretKind: String, Sendable, Hashable, CaseIterable {
    /// The bundle of secrets that everything else is made from.
    case bundle = "talos-secrets"
    /// The configuration of one Machine.
    case machineConfig = "talos-config"
    /// The configuration of talosctl.
    case talosconfig
    /// The configuration of kubectl.
    case kubeconfig
}

/// The names of the Secrets of a cluster; all follow from `spec.clusterName` and the names of its Machines.
struct SecretNames: Sendable, Hashable {
    let clusterName: String
    let namespace: String

    init(_ spec: ClusterSpec, namespace: String) {
        clusterName = spec.clusterName.description
        self.namespace = namespace
    }

    /// `{cluster}-talos-secrets`.
    var bundle: ObjectKey { key("\(clusterName)-\(SecretKind.bundle.rawValue)") }

    /// `{machine}-talos-config`.
    func machineConfig(of machine: String) -> ObjectKey {
        key("\(machine)-\(SecretKind.machineConfig.rawValue)")
    }

    /// `{cluster}-talosconfig` or `{cluster}-kubeconfig`.
    func credential(_ credential: ClientCredential) -> ObjectKey {
        key("\(clusterName)-\(credential.kind.rawValue)")
    }

    /// The labels of a Secret of that kind.
    func labels(_ kind: SecretKind) -> [String: String] {
        [APINames.clusterNameLabel: clusterName, APINames.secretTypeLabel: kind.rawValue]
    }

    private func key(_ name: String) -> ObjectKey { ObjectKey(namespace: namespace, name: name) }
}
