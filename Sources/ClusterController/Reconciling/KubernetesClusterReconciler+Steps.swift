// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Observability
import Platform

/// The steps of a reconcile that reach out: to the API, to the disk, to whoever listens.
extension KubernetesClusterReconciler {
    /// Whether nothing has changed since there was nothing to do; costs no request.
    func isSettled(_ cluster: KubernetesCluster, _ fingerprint: ClusterMemory.Fingerprint) async -> Bool {
        guard memory.isSettled(cluster.key, in: fingerprint) else { return false }
        return await manifests.isIntact(ManifestOwner(cluster))
    }

    /// The specification, if it is valid; otherwise the status says why it is not, and that is the end.
    func validate(
        _ cluster: KubernetesCluster, _ owned: [Machine], _ outcome: inout ClusterOutcome
    ) async throws(ReconcileError) -> ClusterSpec {
        switch ClusterValidation(cluster.spec, owned: owned) {
        case .valid(let spec, let warnings):
            outcome.warnings = warnings
            return spec
        case .invalid(let problems):
            outcome.problems = problems
            try await report(StatusReport(cluster, outcome, at: clock.timestamp), outcome)
            throw .validation(problems)
        }
    }

    /// The cluster with our finalizer.
    func addFinalizer(to cluster: KubernetesCluster) async throws(ReconcileError) -> KubernetesCluster {
        guard !Self.finalizer.isPresent(on: cluster.metadata) else { return cluster }
        do throws(APIError) {
            let updated = try await Self.finalizer.add(to: cluster, client)
            clusters.record(written: updated)
            return updated
        } catch {
            if error.isNotFound { throw .conflict("Cluster \(cluster.key) is gone") }
            throw .api(error, "Adding the finalizer")
        }
    }

    /// Makes sure that the specification is still the one that was planned for: no Machine comes or goes on old knowledge.
    ///
    /// A cache may be behind: while a cluster moves from one shard to another, or when the server has lost its youngest
    /// history and shows the Machines' before the clusters'. A new cluster needs no such look: no finalizer can be added
    /// to any other version than the one that is known.
    ///
    /// - Returns: The cluster as the server has it now.
    @discardableResult
    func confirm(_ known: KubernetesCluster) async throws(ReconcileError) -> KubernetesCluster {
        let current: KubernetesCluster
        do throws(APIError) {
            current = try await client.get(KubernetesCluster.self, known.key)
        } catch {
            if error.isNotFound { throw .conflict("Cluster \(known.key) is gone") }
            throw .api(error, "Looking at the cluster before Machines come or go")
        }
        let (was, now) = (known.metadata, current.metadata)
        guard now.uid == was.uid, now.generation == was.generation, !now.isBeingDeleted else {
            throw .conflict("Cluster \(known.key) has changed")
        }
        return current
    }

    /// Does what the plan says, and remembers, counts and returns what became of it.
    func carryOut(_ plan: MachinePlan, for cluster: KubernetesCluster) async -> MachineResults {
        let key = cluster.key
        memory.setObstacles(Set(plan.obstacles.map(\.key)), of: key)
        let writer = MachineWriter(client: client, machines: machines) { [memory] desired, machine in
            let record = AppliedRecord(
                digest: desired.digest, generation: machine.metadata.generation,
                version: machine.metadata.resourceVersion)
            memory.note(record, ofMachine: machine.metadata.uid, of: key)
        }
        let results = MachineResults(plan, await writer.carryOut(plan))
        memory.keepRecords(of: key, existing: machines.list(ownedBy: cluster.metadata.uid))
        for machine in results.created { metrics.countMachine(of: key, machine.role) }
        return results
    }

    /// One line for a reconcile that changed something; what failed is logged where the error ends up.
    func log(_ message: StaticString, _ results: MachineResults, of cluster: ObjectKey) {
        logger.info(
            message,
            [
                "cluster": .string(cluster.name), "namespace": .string(cluster.namespace),
                "created": .integer(Int64(results.created.count)),
                "changed": .integer(Int64(results.changed)),
                "deleted": .integer(Int64(results.deleted)),
            ])
    }

    /// Writes the manifests of the Machines that are the cluster's to apply; that this fails stops nothing else.
    func writeManifests(
        _ desired: [DesiredMachine], _ plan: MachinePlan, _ spec: ClusterSpec, _ cluster: KubernetesCluster,
        _ outcome: inout ClusterOutcome
    ) async -> ReconcileError? {
        let taken = Set(plan.obstacles.map(\.key) + plan.withheld)
        let own = desired.filter { !taken.contains($0.key) }
        do throws(ManifestError) {
            let directory = try await manifests.write(
                own, of: ManifestOwner(cluster), named: spec.clusterName)
            outcome.files = .generated(directory: directory)
            return nil
        } catch {
            outcome.files = .failed(error.description)
            return .fileSystem(error)
        }
    }

    /// Tells the API server the status, if it is another one, and then people what is new about it.
    ///
    /// - Returns: Whether there was anything to tell.
    @discardableResult
    func report(_ report: StatusReport, _ outcome: ClusterOutcome) async throws(ReconcileError) -> Bool {
        let cluster = report.cluster
        guard let patch = report.patch(at: clock.timestamp), !memory.wasInVain(report.status, for: cluster)
        else { return false }
        do throws(APIError) {
            let updated = try await client.mergePatch(
                KubernetesCluster.self, cluster.key, patch, subresource: .status)
            clusters.record(written: updated)
            memory.note(sent: report.status, kept: updated.status, for: cluster.key)
        } catch {
            if error.isNotFound { return true }
            throw .api(error, "Updating the status")
        }
        let announcements = Announcement.all(
            from: cluster.status, to: report.status, created: outcome.created, deleted: outcome.deleted)
        for announcement in announcements {
            events.record(
                announcement.type, reason: announcement.reason, message: announcement.message,
                about: ObjectReference(cluster))
        }
        return true
    }
}
