// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Follows every change of clusters and Machines, in etcd's order, and says which ones nobody asked for.
///
/// The operator may lag behind: what it does is justified by any specification since the generation that it last
/// reported to have seen.
struct HistoryChecker: Sendable {
    private struct Cluster {
        var name: String
        /// Generation and the Machines it demands; nil if it is invalid.
        var versions: [(generation: Int64, wanted: Set<String>?)] = []
        var observed: Int64 = 0
        var isDeleting = false
        var hasFinalizer = false
        /// It is gone although its finalizer was to hold it, which the operator cannot know before the watch tells.
        ///
        /// Somebody took the finalizer, or the API server, asked to delete while it was being added, overlooked it.
        var isLost = false

        /// What the operator may believe to be demanded.
        var believable: [Set<String>?] { versions.filter { $0.generation >= observed }.map(\.wanted) }
    }

    private struct Machine {
        var uid: String
        var owner: String
        var isDeleting = false
    }

    /// By UID; without those that are gone.
    private var clusters: [String: Cluster] = [:]
    private var clusterUIDs: [String: String] = [:]
    /// By name.
    private var machines: [String: Machine] = [:]
    /// How often a Machine of this name came to be since the last quiet point, strangers' included.
    private(set) var creations: [String: Int] = [:]
    private(set) var violations: [Violation] = []

    /// Takes the next change; `ledger` has to know everything that the workload did up to then.
    mutating func take(_ change: Change, _ ledger: Ledger) {
        switch change.kind {
        case .cluster: takeCluster(change, ledger)
        case .machine: takeMachine(change, ledger)
        }
    }

    /// Everything is settled: what the operator may not have known before, it knows now.
    mutating func settle() {
        clusters = clusters.filter { !$0.value.isLost }
        creations = [:]
    }

    // MARK: Clusters

    private mutating func takeCluster(_ change: Change, _ ledger: Ledger) {
        guard let object = change.object, let uid = object["metadata"]?["uid"]?.string else {
            if let uid = clusterUIDs.removeValue(forKey: change.name) {
                if ledger.foreigners[uid] != nil {
                    report(.foreignTouched, "KubernetesCluster \(change.name)")
                }
                if let cluster = clusters[uid],
                    cluster.hasFinalizer && !cluster.isDeleting || ledger.stripped.contains(uid)
                {
                    clusters[uid]?.isLost = true
                } else {
                    clusters[uid] = nil
                }
            }
            return
        }
        if clusters[uid] != nil, ledger.isForeign(uid) {
            report(.foreignTouched, "KubernetesCluster \(change.name)", "revision \(change.revision)")
        }
        clusterUIDs[change.name] = uid
        var cluster = clusters[uid] ?? Cluster(name: change.name)
        let metadata = object["metadata"] ?? .null
        let generation = metadata["generation"]?.integer ?? 0
        if cluster.versions.last?.generation != generation {
            cluster.versions.append((generation, WantedMachine.names(of: object["spec"] ?? .null)))
        }
        cluster.observed = max(cluster.observed, object["status"]?["observedGeneration"]?.integer ?? 0)
        cluster.isDeleting = metadata["deletionTimestamp"] != nil
        cluster.hasFinalizer =
            metadata["finalizers"]?.array?.contains("cluster.vitistack.io/finalizer") ?? false
        clusters[uid] = cluster
    }

    // MARK: Machines

    private mutating func takeMachine(_ change: Change, _ ledger: Ledger) {
        let subject = "Machine \(change.name)"
        let known = machines[change.name]
        guard let object = change.object else {
            machines[change.name] = nil
            if let known, !known.isDeleting { deletionBegins(change, known, ledger) }
            return
        }
        let metadata = object["metadata"] ?? .null
        let uid = metadata["uid"]?.string ?? ""
        let controller = metadata["ownerReferences"]?.array?.first { $0["controller"] == true }
        var machine = Machine(uid: uid, owner: controller?["uid"]?.string ?? "")
        machine.isDeleting = metadata["deletionTimestamp"] != nil
        if let known, known.uid == uid {
            if ledger.isForeign(uid) { report(.foreignTouched, subject, "revision \(change.revision)") }
            if machine.isDeleting, !known.isDeleting { deletionBegins(change, known, ledger) }
        } else {
            if known != nil {
                report(.createdTwice, subject, "without a deletion, revision \(change.revision)")
            }
            creations[change.name, default: 0] += 1
            if !ledger.isForeign(uid) { creation(change, machine, ledger) }
        }
        machines[change.name] = machine
    }

    private mutating func creation(_ change: Change, _ machine: Machine, _ ledger: Ledger) {
        let subject = "Machine \(change.name)"
        guard let cluster = clusters[machine.owner] else {
            return report(.createdUnasked, subject, "its cluster is gone, revision \(change.revision)")
        }
        if !cluster.believable.contains(where: { $0?.contains(change.name) ?? false }) {
            report(.createdUnasked, subject, "revision \(change.revision)")
        }
        if !cluster.hasFinalizer, !ledger.stripped.contains(machine.owner) {
            report(.createdBeforeFinalizer, subject, "revision \(change.revision)")
        }
    }

    private mutating func deletionBegins(_ change: Change, _ machine: Machine, _ ledger: Ledger) {
        guard !ledger.deleted.contains(machine.uid) else { return }
        let subject = "Machine \(change.name)"
        if ledger.isForeign(machine.uid) { return report(.foreignTouched, subject, "was deleted") }
        guard let cluster = clusters[machine.owner], !cluster.isDeleting, !cluster.isLost else { return }
        // An invalid specification is no reason to delete anything.
        guard cluster.believable.contains(where: { $0.map { !$0.contains(change.name) } ?? false }) else {
            return report(.deletedUnasked, subject, "revision \(change.revision)")
        }
        let others = machines.filter { name, other in
            name != change.name && other.owner == machine.owner && other.isDeleting
                && !ledger.deleted.contains(other.uid) && Self.isControlPlane(name)
        }
        if Self.isControlPlane(change.name), !others.isEmpty {
            report(.controlPlaneTogether, subject, "with \(others.keys.sorted().joined(separator: ", "))")
        }
    }

    /// The workload's groups are never called `cp`.
    private static func isControlPlane(_ name: String) -> Bool {
        name.split(separator: "-").dropFirst().first == "cp"
    }

    private mutating func report(_ clause: Clause, _ subject: String, _ detail: String = "") {
        violations.append(Violation(clause, subject, detail))
    }
}
