// SPDX-License-Identifier: Apache-2.0
package import ControllerRuntime
import Kubernetes
import StructuredData

/// Which changes of the API make a cluster be looked at.
extension KubernetesClusterReconciler {
    /// A cluster is looked at when more of it changes than its status, which only we write.
    package static func clusterHandler(_ queue: WorkQueue) -> ChangeHandler<KubernetesCluster> {
        EventHandlers.enqueueObject(queue, where: ChangePredicates.isBeyondStatus)
    }

    /// A Machine that changes in a way that matters makes its cluster be looked at.
    ///
    /// The echo of our own write does not matter, for the reconcile that made it knew. A Machine that stops being in
    /// another cluster's way makes that one be looked at too.
    package func machineHandler(_ queue: WorkQueue) -> ChangeHandler<Machine> {
        { [memory] change in
            guard Self.matters(change) else { return }
            for key in EventHandlers.controllers(of: change, kind: KubernetesCluster.definition) {
                if let machine = change.new, memory.isOwnEcho(machine, of: key) { continue }
                queue.add(key)
            }
            guard let machine = change.key, Self.mayHaveFreedItsName(change) else { return }
            for key in memory.clusters(waitingFor: machine) { queue.add(key) }
        }
    }

    /// Whether more changed than details of the status, such as a provider's heartbeat.
    static func matters(_ change: StoreChange<Machine>) -> Bool {
        change.old?.state != change.new?.state || change.old?.addresses != change.new?.addresses
            || ChangePredicates.isBeyondStatus(change)
    }

    private static func mayHaveFreedItsName(_ change: StoreChange<Machine>) -> Bool {
        change.new?.metadata.uid != change.old?.metadata.uid
            || change.new?.metadata.controller?.uid != change.old?.metadata.controller?.uid
    }

    /// A Secret of a cluster that changes or goes makes that cluster be looked at.
    ///
    /// A bundle that somebody brought has no owner; it belongs to the cluster that its label names.
    package func secretHandler(_ queue: WorkQueue) -> ChangeHandler<ClusterSecret> {
        { [config, clusters] change in
            guard Self.matters(change) else { return }
            let owners = EventHandlers.controllers(of: change, kind: KubernetesCluster.definition)
            for key in owners {
                if let secret = change.new, config?.memory.isOwnEcho(secret, of: key) == true { continue }
                queue.add(key)
            }
            guard owners.isEmpty, let secret = change.new ?? change.old else { return }
            for cluster in clusters.store.list() where cluster.key.namespace == secret.key.namespace {
                guard let name = cluster.spec["clusterName"]?.string,
                    name == secret.metadata.labels[APINames.clusterNameLabel]
                else { continue }
                queue.add(cluster.key)
            }
        }
    }

    /// A ConfigMap with layers that changes makes the clusters be looked at that use it.
    package func layerConfigMapHandler(_ queue: WorkQueue) -> ChangeHandler<LayerConfigMap> {
        { change in
            guard change.old?.layers != change.new?.layers, let key = change.key else { return }
            let reference = LayerReference(kind: .configMap, key: key)
            let versions = [change.old?.layers, change.new?.layers].compactMap { $0 }
            for cluster in users(of: reference, versions) { queue.add(cluster) }
        }
    }

    /// A Secret with layers that changes makes the clusters be looked at that name it.
    package func layerSecretHandler(_ queue: WorkQueue) -> ChangeHandler<LayerSecret> {
        { change in
            guard change.old?.layers != change.new?.layers, let key = change.key else { return }
            for cluster in users(of: LayerReference(kind: .secret, key: key), []) { queue.add(cluster) }
        }
    }

    /// The clusters that name an object, and those that it holds for, before or after a change, without being named.
    private func users(of reference: LayerReference, _ versions: [LayerObject]) -> Set<ObjectKey> {
        guard let config else { return [] }
        var users = config.memory.users(of: reference)
        for key in config.memory.clusters where !users.contains(key) {
            guard let labels = clusters.get(key)?.metadata.labels else { continue }
            if versions.contains(where: { config.layers.isWide($0, labels) }) { users.insert(key) }
        }
        return users
    }

    private static func matters(_ change: StoreChange<ClusterSecret>) -> Bool {
        guard let old = change.old, let new = change.new else { return true }
        let (was, now) = (old.metadata, new.metadata)
        return old.digest != new.digest || was.uid != now.uid || was.labels != now.labels
            || was.annotations != now.annotations || was.ownerReferences != now.ownerReferences
            || was.deletionTimestamp != now.deletionTimestamp
    }
}
