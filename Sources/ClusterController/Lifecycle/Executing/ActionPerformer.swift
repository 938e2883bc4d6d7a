// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
package import Kubernetes
package import Platform
import StructuredData
package import TalosAPI

/// Carries out actions on nodes, on the cluster's Kubernetes and on its Machines.
///
/// A result tells a request that was refused from one that was never sent and from one whose answer was lost, for the
/// next step depends on it.
package final class ActionPerformer: ActionPerforming {
    let connector: any TalosConnector
    let workloads: WorkloadClusters
    let longCalls: LongCalls
    let snapshots: SnapshotDirectory?
    let clock: any Clock
    private let fence: WriteFence?

    /// Makes one that keeps snapshots of etcd in `snapshots`, or none if that is nil.
    ///
    /// `fence` is closed when this process may no longer be the leader: nothing is asked of a node then either.
    package init(
        connector: any TalosConnector, workloads: WorkloadClusters, longCalls: LongCalls,
        snapshots: SnapshotDirectory?, fence: WriteFence?, clock: any Clock
    ) {
        self.connector = connector
        self.workloads = workloads
        self.longCalls = longCalls
        self.snapshots = snapshots
        self.fence = fence
        self.clock = clock
    }

    package func perform(
        _ action: LifecycleAction, in cluster: ManagedCluster, _ observation: ClusterObservation,
        _ store: any LifecycleStore
    ) async -> ActionResult {
        if let fence, !fence.allowsWrites { return .notNow("this process may no longer be the leader") }
        switch action.kind {
        case .cordon, .uncordon, .drain, .deleteNode: return await onKubernetes(action, cluster, observation)
        case .deleteMachine: return await deleteMachine(action.node, store)
        default: break
        }
        let target = NodeTarget(
            action.node, in: cluster, observation.nodes[action.node], connector, longCalls)
        do throws(TalosError) {
            if case .apply(.install(let fingerprint)) = action.kind {
                let kubernetes = observation.kubernetesForNewNode(cluster.desired.kubernetes)
                return try await target.install(fingerprint, kubernetes)
            }
            return try await onNode(action.kind, target)
        } catch {
            return error.result(of: action.kind)
        }
    }

    private func onNode(
        _ kind: LifecycleAction.Kind, _ target: NodeTarget
    ) async throws(TalosError) -> ActionResult {
        let node: any TalosNode
        switch try await target.configured(strictly: kind.isIrreversible) {
        case .success(let found): node = found
        case .failure(let obstacle): return obstacle.result
        }
        switch kind {
        case .apply(let mode): return try await target.apply(mode, node)
        case .setImage(let component, let release): return try await target.set(component, release, node)
        case .pull(let image, let isSystem): return target.pull(image, isSystem, kind, node)
        case .upgrade(let image, let call): return target.upgrade(image, call, kind, node)
        case .reset(let call): return try await target.reset(call, node)
        case .snapshot: return snapshot(target, node)
        case .syncManifests: return try await syncManifests(target, node)
        default: return try await node.perform(kind)
        }
    }

    private func deleteMachine(_ name: String, _ store: any LifecycleStore) async -> ActionResult {
        do throws(LifecycleStoreError) {
            try await store.deleteMachine(name)
            return .done
        } catch {
            return .notNow("\(error)")
        }
    }

    private func snapshot(_ target: NodeTarget, _ node: any TalosNode) -> ActionResult {
        guard let snapshots else { return .refused("no directory for snapshots is set") }
        let (clock, key) = (clock, target.cluster.key)
        return longCalls.begin(.snapshot, on: target.name, in: key) {
            do {
                let stream = try await node.etcdSnapshot(within: CallLimit.stream)
                let location = try await snapshots.keep(stream, of: key, at: clock.timestamp)
                return .done(SnapshotRecord(at: clock.timestamp, location: location))
            } catch {
                return .failed("\(error)".bounded)
            }
        }
    }
}

extension ActionPerformer {
    private func onKubernetes(
        _ action: LifecycleAction, _ cluster: ManagedCluster, _ observation: ClusterObservation
    ) async -> ActionResult {
        do throws(APIError) {
            let workload = try workloads.cluster(cluster)
            switch action.kind {
            case .cordon: return try await workload.cordon(action.node)
            case .uncordon:
                let isSchedulable =
                    observation.kubernetes.nodes[action.node].map { !$0.isUnschedulable } ?? false
                return try await workload.uncordon(action.node, isSchedulable: isSchedulable)
            case .deleteNode: return try await workload.deleteNode(action.node)
            case .drain(let force):
                let round = try await workload.drain(action.node, force: force)
                workloads.note(round.blockers, on: action.node, of: cluster.key)
                return round.result
            default: return .refused("not a matter of Kubernetes")
            }
        } catch {
            return error.result
        }
    }

    /// Talos itself holds the manifests, and Kubernetes has to be given them anew after an upgrade.
    private func syncManifests(
        _ target: NodeTarget, _ node: any TalosNode
    ) async throws(TalosError) -> ActionResult {
        let resources = try await node.resources(.manifest, matching: .all)
        let manifests = resources.sorted { $0.metadata.id < $1.metadata.id }.flatMap { resource in
            resource.spec["items"]?.array ?? resource.spec.array ?? []
        }
        guard !manifests.isEmpty else { return .notNow("the node has no manifests yet") }
        do throws(APIError) {
            return try await workloads.cluster(target.cluster).sync(manifests)
        } catch {
            return error.result
        }
    }
}

extension LifecycleAction.Kind {
    /// Whether doing it to another node than the one meant could never be made good.
    fileprivate var isIrreversible: Bool {
        switch self {
        case .reset, .leaveEtcd: true
        default: false
        }
    }
}

extension TalosNode {
    /// The requests that are one call and no more.
    fileprivate func perform(_ kind: LifecycleAction.Kind) async throws(TalosError) -> ActionResult {
        switch kind {
        case .bootstrap: try await bootstrap(recovery: nil)
        case .reboot(.default): _ = try await reboot(mode: .normal)
        case .reboot(.powercycle): _ = try await reboot(mode: .powerCycle)
        case .leaveEtcd: try await etcdLeave()
        case .removeMember(let id): try await etcdRemoveMember(id: id)
        case .forfeitLeadership:
            return try await etcdForfeitLeadership() == nil ? .alreadyDone : .done
        default: return .refused("not a request to a node")
        }
        return .done
    }
}
