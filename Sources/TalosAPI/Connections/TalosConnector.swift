// SPDX-License-Identifier: Apache-2.0
import HTTP

/// What tells a node in maintenance mode from another: the SHA-256 digest of its TLS public key.
///
/// Its certificate is signed by nobody, so this is all there is to know it by. Talos prints the same text on the
/// console, and `talosctl --cert-fingerprint` takes it.
package struct ServerFingerprint: Sendable, Hashable, CustomStringConvertible {
    let key: ServerKeyDigest

    /// Nil if the text is not the Base64 of 32 bytes.
    package init?(_ text: String) {
        guard let key = ServerKeyDigest(base64: text) else { return nil }
        self.key = key
    }

    init(_ key: ServerKeyDigest) {
        self.key = key
    }

    /// The digest in Base64.
    package var description: String { key.base64 }
}

/// What is behind an address.
package enum NodeContact: Sendable, Hashable {
    /// A node of ours: it has a configuration, and takes our certificate.
    case configured(MachineStatus)
    /// A node without configuration, which anyone may give one. Hand one over only on a connection pinned to
    /// this fingerprint: `TalosConnector.maintenanceNode`.
    case maintenance(ServerFingerprint, MachineStatus)
    /// Nothing answers as a node does, now; perhaps later.
    case unreachable(String)
    /// A node answers and will have nothing to do with us, or we with it: it belongs to another cluster.
    case refused(String)
}

/// The way to the nodes: connections by address and credentials in production, an invented world in tests.
package protocol TalosConnector: Sendable {
    /// The node at an address, which must prove to belong to the cluster of `credentials`.
    ///
    /// Connects with the first call only.
    ///
    /// - Throws: `TransportError.invalidConfiguration` for an address or credentials that cannot be used.
    func node(
        at endpoint: NodeEndpoint, as credentials: TalosCredentials
    ) throws(TalosError) -> any TalosNode

    /// The node in maintenance mode at an address, which must have the key with this fingerprint; it gets no
    /// credentials of ours.
    func maintenanceNode(
        at endpoint: NodeEndpoint, fingerprint: ServerFingerprint
    ) throws(TalosError) -> any TalosNode

    /// What is behind an address: first as ourselves, and if the node does not prove to be ours, without
    /// telling it anything.
    ///
    /// With a `fingerprint` only the node in maintenance mode that has this key is one; any other is refused.
    func contact(
        _ endpoint: NodeEndpoint, as credentials: TalosCredentials, fingerprint: ServerFingerprint?,
        within limit: Duration
    ) async -> NodeContact
}
