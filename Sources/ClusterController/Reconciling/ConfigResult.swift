// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import StructuredData

/// What became of the configurations of a cluster, and what that means for its Machines.
struct ConfigResult: Sendable {
    /// Where each Machine's configuration is, by the Machine's name.
    var references: [String: ConfigReference] = [:]
    /// Machines that must not be made, for they would have no configuration.
    var withheld: Set<ObjectKey> = []
    /// What each node may be given now, by its name: nothing while the configurations cannot be made.
    var nodeConfigs: [String: NodeRoster.NodeConfig] = [:]
    var outcome: ClusterOutcome.Config
    /// Ends the reconcile once all else is done.
    var error: ReconcileError?
    /// Whether keys are being made, and everything else waits for them.
    var isPending = false

    /// The cluster wants none.
    static let unmanaged = ConfigResult(outcome: .unmanaged)
    /// The cluster's keys are being made.
    static let pending = ConfigResult(outcome: .untouched, isPending: true)

    private init(outcome: ClusterOutcome.Config, isPending: Bool = false) {
        self.outcome = outcome
        self.isPending = isPending
    }

    /// Every Machine's configuration is stored.
    init(_ rendered: ConfigMemory.Rendered, _ names: SecretNames, _ nodes: [TopologyNode]) {
        outcome = .generated(rendered.message)
        let digests = Dictionary(rendered.faces.map { ($0.key, $0.digest) }) { first, _ in first }
        for node in nodes {
            let key = names.machineConfig(of: node.name)
            guard let digest = digests[key] else { continue }
            references[node.name] = ConfigReference(secretName: key.name, digest: digest)
            nodeConfigs[node.name] = NodeRoster.NodeConfig(
                digest: digest, installer: rendered.installers[node.name])
        }
    }

    /// The configurations cannot be made: Machines keep those they have, and those without are not made.
    ///
    /// A Machine that is gone is made again with the configuration that it had.
    init(
        _ failure: ConfigFailure, _ names: SecretNames, _ nodes: [TopologyNode], owned: [Machine],
        find: (ObjectKey) -> ClusterSecret?
    ) {
        outcome = .failed(reason: failure.reason, message: failure.message)
        error = failure.error
        let machines = Dictionary(owned.map { ($0.metadata.name, $0) }) { first, _ in first }
        for node in nodes {
            let key = names.machineConfig(of: node.name)
            if let machine = machines[node.name] {
                references[node.name] = machine.configReference
            } else if let secret = find(key), !secret.digest.isEmpty, !secret.metadata.isBeingDeleted {
                references[node.name] = ConfigReference(secretName: key.name, digest: secret.digest)
            } else {
                withheld.insert(ObjectKey(namespace: names.namespace, name: node.name))
            }
        }
    }
}

extension Machine {
    /// Where its configuration is, as it says itself.
    var configReference: ConfigReference? {
        guard let name = spec["talosConfig"]?["configSecretRef"]?["name"]?.string,
            let digest = metadata.annotations[APINames.configDigestAnnotation]
        else { return nil }
        return ConfigReference(secretName: name, digest: digest)
    }
}
