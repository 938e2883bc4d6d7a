// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData

/// Keeps the record of one cluster in its status, for one pass.
///
/// Every write names the version it is made upon, so of two operators that care for a cluster only one gets on.
final class ClusterRecordStore: LifecycleStore {
    private let reconciler: KubernetesClusterReconciler
    private let current: Locked<KubernetesCluster>
    private let mark: BundleMark

    init(_ reconciler: KubernetesClusterReconciler, _ cluster: KubernetesCluster, _ mark: BundleMark) {
        self.reconciler = reconciler
        self.mark = mark
        current = Locked(cluster)
    }

    /// The cluster as the last write has left it.
    var cluster: KubernetesCluster { current.withLock { $0 } }

    func store(_ record: LifecycleRecord) async throws(LifecycleStoreError) {
        if let bootstrap = record.bootstrap {
            try await note(bootstrap)
            try await mark.leave(bootstrap)
        }
        let json = record.json
        let old = cluster.status.lifecycle?.json ?? .object(JSONObject())
        let known = old[LifecycleStatus.recordKey] ?? .null
        guard let change = JSONValue.mergePatch(from: known, to: json) else { return }
        try await write(
            ["status": ["lifecycle": .object([LifecycleStatus.recordKey: change])]], subresource: .status)
        // A server whose definition does not know the field takes it, and keeps nothing.
        guard cluster.status.lifecycle?.json[LifecycleStatus.recordKey] == json else {
            throw .failed("the API server does not keep status.lifecycle: bring the definitions up to date")
        }
    }

    /// Writes down, where no status can lose it, which node is asked to begin etcd.
    private func note(_ bootstrap: BootstrapRecord) async throws(LifecycleStoreError) {
        let mark = BootstrapMark(bootstrap)
        if let known = cluster.bootstrapMark(readAt: mark.since), known.isConfirmed || !mark.isConfirmed {
            return
        }
        try await write([
            "metadata": ["annotations": [APINames.bootstrappedAnnotation: .string(mark.description)]]
        ])
    }

    private func write(
        _ change: JSONValue, subresource: Subresource? = nil
    ) async throws(LifecycleStoreError) {
        let known = cluster
        let patch = change.mergePatched(with: [
            "metadata": [
                "uid": .string(known.metadata.uid),
                "resourceVersion": .string(known.metadata.resourceVersion.text),
            ]
        ])
        do throws(APIError) {
            let updated = try await reconciler.client.mergePatch(
                KubernetesCluster.self, known.key, patch, subresource: subresource)
            reconciler.clusters.record(written: updated)
            current.withLock { $0 = updated }
        } catch {
            throw error.isNobodysFault || error.isNotFound ? .conflict : .failed(error.explanation)
        }
    }

    // MARK: Machines

    /// Deletes a Machine that this cluster controls, and no other that has its name by then.
    func deleteMachine(_ name: String) async throws(LifecycleStoreError) {
        let key = ObjectKey(namespace: cluster.key.namespace, name: name)
        guard let machine = reconciler.machines.get(key) else { return }
        guard machine.metadata.controller?.uid == cluster.metadata.uid else {
            throw .failed("Machine \(name) is not the cluster's: left alone")
        }
        if machine.metadata.isBeingDeleted { return }
        try await confirm()
        do throws(APIError) {
            let deleted: Deleted<Machine> = try await reconciler.client.delete(
                Machine.self, key, preconditions: Preconditions(uid: machine.metadata.uid))
            switch deleted {
            case .gone: reconciler.machines.record(deletedKey: key, uid: machine.metadata.uid)
            case .terminating(let machine): reconciler.machines.record(written: machine)
            }
        } catch {
            throw error.isNobodysFault ? .conflict : .failed(error.explanation)
        }
    }

    /// Makes sure that the specification is still the one that was decided from: no Machine goes on old knowledge.
    private func confirm() async throws(LifecycleStoreError) {
        let known = cluster.metadata
        let now: ObjectMeta
        do throws(APIError) {
            now = try await reconciler.client.get(KubernetesCluster.self, cluster.key).metadata
        } catch {
            throw error.isNotFound ? .conflict : .failed(error.explanation)
        }
        guard now.uid == known.uid, now.generation == known.generation,
            now.isBeingDeleted == known.isBeingDeleted
        else { throw .conflict }
    }
}

/// What the annotation about etcd's beginning says.
struct BootstrapMark: Sendable, Hashable, CustomStringConvertible {
    var node: String
    var since: Timestamp
    /// Whether etcd was seen to run: then no node is asked ever again, whatever else is forgotten.
    var isConfirmed: Bool

    init(_ bootstrap: BootstrapRecord) {
        node = bootstrap.node
        since = bootstrap.since
        isConfirmed = bootstrap.isConfirmed
    }

    /// Reads `NODE TIME` or `NODE TIME confirmed`.
    ///
    /// Anything else stands for a node that nobody knows: whoever wrote it, etcd has been begun.
    init(_ text: String, readAt now: Timestamp) {
        let words = text.split(separator: " ").map(String.init)
        guard words.count >= 2, let time = Timestamp(rfc3339: words[1]) else {
            (node, since, isConfirmed) = ("", now, true)
            return
        }
        (node, since, isConfirmed) = (words[0], time, words.count > 2)
    }

    var description: String { "\(node) \(since.rfc3339())\(isConfirmed ? " confirmed" : "")" }
}

extension KubernetesCluster {
    /// What the annotation about etcd's beginning says; nil without one.
    func bootstrapMark(readAt now: Timestamp) -> BootstrapMark? {
        metadata.annotations[APINames.bootstrappedAnnotation].map { BootstrapMark($0, readAt: now) }
    }

    /// The record of the cluster's life: that of its status, and what its annotations do not let be forgotten.
    ///
    /// - Throws: if the status has one that cannot be read, and then nothing may be done with the cluster.
    func lifecycleRecord(at now: Timestamp) throws(LifecycleRecordError) -> LifecycleRecord {
        var record = try status.lifecycle?.record() ?? LifecycleRecord()
        guard let mark = bootstrapMark(readAt: metadata.creationTimestamp ?? now) else { return record }
        var bootstrap = record.bootstrap ?? BootstrapRecord(node: mark.node, since: mark.since)
        if mark.isConfirmed { bootstrap.isConfirmed = true }
        record.bootstrap = bootstrap
        return record
    }
}
