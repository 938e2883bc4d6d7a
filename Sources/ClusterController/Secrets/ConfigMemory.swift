// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform

/// What is worth remembering about the configurations of clusters; holds no part of any.
///
/// It saves work and requests and never decides what is right: after a restart everything is rendered anew.
final class ConfigMemory: Sendable {
    /// All that configurations are made from, as numbers that change with it.
    struct Inputs: Sendable, Hashable {
        var uid: String
        var generation: Int64
        var labels: [String: String]
        var layers: Int
        /// The bundle's Secret.
        var bundle: Int
        /// Where the Talos API answers; nil where the cluster's endpoint stands for it.
        var talosEndpoints: [String]?
    }

    /// What a rendering has given.
    struct Rendered: Sendable, Hashable {
        var inputs: Inputs
        /// The Secrets of the Machines, as they should be.
        var faces: [SecretFace]
        /// The images that install Talos on the Machines, by their names.
        var installers: [String: String]
        /// What the client certificates are issued for.
        var purposes: [ClientCredential: String]
        /// What the condition says.
        var message: String
    }

    private struct Entry {
        var bundle: ObjectKey
        var references: Set<LayerReference> = []
        var rendered: Rendered?
        var renewal: Timestamp?
        /// The versions of Secrets as we wrote them, by their UIDs.
        var written: [String: ResourceVersion] = [:]
    }

    private struct State {
        var entries: [ObjectKey: Entry] = [:]
        /// Clusters by what they take layers from; no empty sets.
        var users: [LayerReference: Set<ObjectKey>] = [:]
    }

    private let state = Locked(State())

    /// A cluster that has its configurations made here, and what it takes layers from.
    func know(_ cluster: ObjectKey, bundle: ObjectKey, _ references: Set<LayerReference>) {
        state.withLock { state in
            let former = state.entries[cluster]?.references ?? []
            Self.move(cluster, from: former, to: references, &state)
            state.entries[cluster, default: Entry(bundle: bundle)].bundle = bundle
            state.entries[cluster, default: Entry(bundle: bundle)].references = references
        }
    }

    func forget(_ cluster: ObjectKey) {
        state.withLock { state in
            guard let entry = state.entries.removeValue(forKey: cluster) else { return }
            Self.move(cluster, from: entry.references, to: [], &state)
        }
    }

    private static func move(
        _ cluster: ObjectKey, from former: Set<LayerReference>, to new: Set<LayerReference>,
        _ state: inout State
    ) {
        for reference in former.subtracting(new) {
            state.users[reference]?.remove(cluster)
            if state.users[reference]?.isEmpty == true { state.users[reference] = nil }
        }
        for reference in new.subtracting(former) { state.users[reference, default: []].insert(cluster) }
    }

    /// What a known cluster takes layers from, its bundle, and when a certificate of it is to be renewed.
    func sources(
        of cluster: ObjectKey
    ) -> (bundle: ObjectKey, references: Set<LayerReference>, renewal: Timestamp?)? {
        state.withLock { state in
            state.entries[cluster].map { ($0.bundle, $0.references, $0.renewal) }
        }
    }

    /// The clusters that take layers from an object.
    func users(of reference: LayerReference) -> Set<ObjectKey> {
        state.withLock { $0.users[reference] ?? [] }
    }

    /// Every cluster that has its configurations made here.
    var clusters: [ObjectKey] { state.withLock { Array($0.entries.keys) } }

    // MARK: Renderings

    /// What was rendered from just these inputs.
    func rendered(_ cluster: ObjectKey, from inputs: Inputs) -> Rendered? {
        let rendered = state.withLock { $0.entries[cluster]?.rendered }
        return rendered?.inputs == inputs ? rendered : nil
    }

    func note(_ rendered: Rendered?, of cluster: ObjectKey) {
        state.withLock { $0.entries[cluster]?.rendered = rendered }
    }

    func note(renewal: Timestamp?, of cluster: ObjectKey) {
        state.withLock { $0.entries[cluster]?.renewal = renewal }
    }

    // MARK: Own writes

    func note(_ secret: ClusterSecret, of cluster: ObjectKey) {
        state.withLock {
            $0.entries[cluster]?.written[secret.metadata.uid] = secret.metadata.resourceVersion
        }
    }

    /// Keeps only what is about a Secret that exists.
    func keepWritten(of cluster: ObjectKey, existing uids: Set<String>) {
        state.withLock { state in
            guard let written = state.entries[cluster]?.written, !uids.isSuperset(of: written.keys) else {
                return
            }
            state.entries[cluster]?.written = written.filter { uids.contains($0.key) }
        }
    }

    /// Whether a Secret is exactly as the server answered when we wrote it.
    func isOwnEcho(_ secret: ClusterSecret, of cluster: ObjectKey) -> Bool {
        let version = state.withLock { $0.entries[cluster]?.written[secret.metadata.uid] }
        return version == secret.metadata.resourceVersion
    }
}
