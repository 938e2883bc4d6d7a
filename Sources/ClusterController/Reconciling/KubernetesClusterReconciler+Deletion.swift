// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform

/// Deletion: Machines, manifests, Secrets, finalizer, each only after the one before is gone for good.
extension KubernetesClusterReconciler {
    /// Takes the deletion of a cluster as far as it goes now; it looks at no specification.
    func cleanUp(_ cluster: KubernetesCluster) async throws(ReconcileError) -> ReconcileResult {
        // Without it the cleaning up is done, or somebody has decided that it shall not be.
        guard Self.finalizer.isPresent(on: cluster.metadata) else { return .done }
        var cluster = cluster
        if let waiting = try await takeDown(&cluster) { return waiting }

        let plan = MachinePlan(deleting: machines.list(ownedBy: cluster.metadata.uid))
        let results = await carryOut(plan, for: cluster)
        if let error = results.error { throw error }
        let remaining = machines.list(ownedBy: cluster.metadata.uid)
        guard remaining.isEmpty else {
            // Providers have finalizers too; the watch tells when the last Machine is gone.
            try await report(
                StatusReport(deleting: cluster, remaining, at: clock.timestamp), ClusterOutcome())
            return .requeue(after: interval)
        }
        try await removeManifests(of: cluster)
        // Only now that no machine can need them any more.
        guard try await removeSecrets(of: cluster) else { return .requeue(after: interval) }
        try await removeFinalizer(from: cluster)
        forget(cluster.key)
        log("Successfully deleted cluster", results, of: cluster.key)
        return .done
    }

    /// Forgets a cluster that is gone, and removes manifests that it has left.
    ///
    /// It leaves some if it went without our finalizer: somebody took that away, or a server overlooked it. One that
    /// is only out of our sight, with other labels, keeps them. A cluster that was cleaned up costs no request.
    func cleanUpAfterLoss(of key: ObjectKey) async throws(ReconcileError) {
        forget(key)
        do throws(ManifestError) {
            guard try await manifests.hasDirectory(of: key) else { return }
        } catch {
            throw .fileSystem(error)
        }
        guard try await isGone(key) else { return }
        do throws(ManifestError) {
            try await manifests.remove(of: key)
        } catch {
            throw .fileSystem(error)
        }
    }

    private func forget(_ key: ObjectKey) {
        memory.forget(key)
        config?.memory.forget(key)
        config?.generator.forget(key)
        lifecycle?.forget(key)
    }

    private func isGone(_ key: ObjectKey) async throws(ReconcileError) -> Bool {
        do throws(APIError) {
            _ = try await client.get(KubernetesCluster.self, key)
            return false
        } catch {
            guard error.isNotFound else { throw .api(error, "Looking whether the cluster is gone") }
            return true
        }
    }

    private func removeManifests(of cluster: KubernetesCluster) async throws(ReconcileError) {
        do throws(ManifestError) {
            try await manifests.remove(of: cluster.key)
        } catch {
            let status = StatusReport(
                deleting: cluster, [], filesProblem: error.description, at: clock.timestamp)
            try await report(status, ClusterOutcome())
            throw .fileSystem(error)
        }
    }

    private func removeFinalizer(from cluster: KubernetesCluster) async throws(ReconcileError) {
        do throws(APIError) {
            guard let updated = try await Self.finalizer.remove(from: cluster, client) else { return }
            // Another finalizer may keep it; otherwise it is gone with ours.
            if updated.metadata.finalizers.isEmpty {
                clusters.record(deletedKey: cluster.key, uid: cluster.metadata.uid)
            } else {
                clusters.record(written: updated)
            }
        } catch {
            throw .api(error, "Removing the finalizer")
        }
    }
}

extension MachinePlan {
    /// The plan that leaves nothing: all Machines at once, for there is no control plane left to keep alive.
    init(deleting owned: [Machine]) {
        for machine in owned.sorted(by: { $0.key < $1.key }) {
            if machine.metadata.isBeingDeleted {
                leaving.append(machine.key)
            } else {
                delete.append(Deletion(key: machine.key, uid: machine.metadata.uid))
            }
        }
    }
}
