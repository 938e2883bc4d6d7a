// SPDX-License-Identifier: Apache-2.0
package import ControllerRuntime
import Kubernetes

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
        change.old?.state != change.new?.state || ChangePredicates.isBeyondStatus(change)
    }

    private static func mayHaveFreedItsName(_ change: StoreChange<Machine>) -> Bool {
        change.new?.metadata.uid != change.old?.metadata.uid
            || change.new?.metadata.controller?.uid != change.old?.metadata.controller?.uid
    }
}
