// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform

/// What is worth remembering between two reconciles of a cluster.
///
/// It saves work and requests and never decides what is right: after a restart everything is looked at anew.
final class ClusterMemory: Sendable {
    /// A state of the API in which there was nothing to do.
    struct Fingerprint: Sendable, Hashable {
        private let uid: String
        private let version: ResourceVersion
        /// The Machines by UID and version; hashes combine by XOR, for they come in any order.
        private let machines: Int
        private let config: Int

        /// `config` is a number that changes with whatever the configurations depend on.
        init(_ cluster: KubernetesCluster, _ machines: [Machine], _ config: Int = 0) {
            self.config = config
            uid = cluster.metadata.uid
            version = cluster.metadata.resourceVersion
            self.machines = machines.reduce(machines.count) { combined, machine in
                var hasher = Hasher()
                hasher.combine(machine.metadata.uid)
                hasher.combine(machine.metadata.resourceVersion)
                return combined ^ hasher.finalize()
            }
        }
    }

    /// A status that the server keeps otherwise than it was sent, as with a CRD that lacks a field.
    private struct Echo {
        var sent: ClusterStatus
        var kept: ClusterStatus
    }

    private struct Entry {
        var settled: Fingerprint?
        var records: [String: AppliedRecord] = [:]
        var echo: Echo?
        var obstacles: Set<ObjectKey> = []
    }

    private struct State {
        var entries: [ObjectKey: Entry] = [:]
        /// Clusters by the Machine that is in their way; no empty sets.
        var waiting: [ObjectKey: Set<ObjectKey>] = [:]
    }

    private let state = Locked(State())

    func forget(_ cluster: ObjectKey) {
        setObstacles([], of: cluster)
        state.withLock { $0.entries[cluster] = nil }
    }

    // MARK: Settled clusters

    func isSettled(_ cluster: ObjectKey, in fingerprint: Fingerprint) -> Bool {
        state.withLock { $0.entries[cluster]?.settled == fingerprint }
    }

    func settle(_ cluster: ObjectKey, in fingerprint: Fingerprint) {
        state.withLock { $0.entries[cluster, default: Entry()].settled = fingerprint }
    }

    // MARK: Applied Machines

    /// What was applied to the Machines of a cluster, by their UID.
    func records(of cluster: ObjectKey) -> [String: AppliedRecord] {
        state.withLock { $0.entries[cluster]?.records ?? [:] }
    }

    func note(_ record: AppliedRecord, ofMachine uid: String, of cluster: ObjectKey) {
        state.withLock { $0.entries[cluster, default: Entry()].records[uid] = record }
    }

    /// Keeps only what is about a Machine that exists.
    func keepRecords(of cluster: ObjectKey, existing: [Machine]) {
        let uids = Set(existing.map(\.metadata.uid))
        state.withLock { state in
            guard let records = state.entries[cluster]?.records, !uids.isSuperset(of: records.keys) else {
                return
            }
            state.entries[cluster]?.records = records.filter { uids.contains($0.key) }
        }
    }

    /// Whether a Machine is exactly as the server answered when we applied it.
    func isOwnEcho(_ machine: Machine, of cluster: ObjectKey) -> Bool {
        let record = state.withLock { $0.entries[cluster]?.records[machine.metadata.uid] }
        return record?.version == machine.metadata.resourceVersion
    }

    // MARK: Statuses

    /// Whether this status was sent before and the server made of it what it shows now.
    ///
    /// Then to send it again would only go on for ever.
    func wasInVain(_ status: ClusterStatus, for cluster: KubernetesCluster) -> Bool {
        state.withLock { state in
            guard let echo = state.entries[cluster.key]?.echo else { return false }
            return echo.sent == status.withoutTime && echo.kept == cluster.status.withoutTime
        }
    }

    func note(sent: ClusterStatus, kept: ClusterStatus, for cluster: ObjectKey) {
        let (sent, kept) = (sent.withoutTime, kept.withoutTime)
        state.withLock { state in
            state.entries[cluster, default: Entry()].echo = sent == kept ? nil : Echo(sent: sent, kept: kept)
        }
    }

    // MARK: Obstacles

    /// Remembers which Machines are in a cluster's way, in place of those before.
    func setObstacles(_ machines: Set<ObjectKey>, of cluster: ObjectKey) {
        state.withLock { state in
            let former = state.entries[cluster]?.obstacles ?? []
            guard former != machines else { return }
            for machine in former.subtracting(machines) {
                state.waiting[machine]?.remove(cluster)
                if state.waiting[machine]?.isEmpty == true { state.waiting[machine] = nil }
            }
            for machine in machines { state.waiting[machine, default: []].insert(cluster) }
            state.entries[cluster, default: Entry()].obstacles = machines
        }
    }

    /// The clusters that a Machine is in the way of.
    func clusters(waitingFor machine: ObjectKey) -> Set<ObjectKey> {
        state.withLock { $0.waiting[machine] ?? [] }
    }
}

extension ClusterStatus {
    fileprivate var withoutTime: ClusterStatus {
        var status = self
        status.lastUpdated = nil
        return status
    }
}
