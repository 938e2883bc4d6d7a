// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
package import Kubernetes
package import Talos

/// A cluster as the engine is told of it for one pass: what it is to be, and how to reach what is there.
package struct ManagedCluster: Sendable {
    /// What it is known by in logs, and what is remembered of it between passes.
    package var key: ObjectKey
    package var desired: DesiredCluster
    /// Where the Talos API of each node may be, by the node's name: `host:port`, the best first; see `NodeAddresses`.
    package var addresses: [String: [String]]
    /// The URL of the cluster's own Kubernetes API.
    package var endpoint: String
    package var credentials: ClusterCredentials
    /// The configuration that a node is to have, as it was rendered; asked for only when it is needed.
    package var configuration: @Sendable (String) async throws(RenderingFailure) -> DesiredConfiguration
    /// The public keys that somebody has pinned for nodes in maintenance mode, by the node's name: SHA-256, in Base64.
    package var fingerprints: [String: String]
    /// Why a machine in maintenance mode at an address may be another one than the node's; nil if nothing speaks
    /// against it.
    ///
    /// It takes the node's name and one of its addresses. A key that is pinned for the node settles the question.
    package var doubt: @Sendable (_ node: String, _ address: String) -> String?

    package init(
        key: ObjectKey, desired: DesiredCluster, addresses: [String: [String]], endpoint: String,
        credentials: ClusterCredentials,
        configuration: @escaping @Sendable (String) async throws(RenderingFailure) -> DesiredConfiguration,
        fingerprints: [String: String] = [:],
        doubt: @escaping @Sendable (_ node: String, _ address: String) -> String? = { _, _ in nil }
    ) {
        self.key = key
        self.desired = desired
        self.addresses = addresses
        self.endpoint = endpoint
        self.credentials = credentials
        self.configuration = configuration
        self.fingerprints = fingerprints
        self.doubt = doubt
    }
}

/// The configuration that a node is to have, and what of it nobody may be shown.
package struct DesiredConfiguration: Sendable {
    package var configuration: MachineConfiguration
    /// The layers of it whose values are secret, as `RenderedConfig` has them.
    package var secretLayers: Set<Int>

    package init(_ configuration: MachineConfiguration, secretLayers: Set<Int> = []) {
        self.configuration = configuration
        self.secretLayers = secretLayers
    }
}

/// Why there is no configuration to give to a node.
package struct RenderingFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sentence without secrets.
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
