// SPDX-License-Identifier: Apache-2.0
package import HTTP
package import Kubernetes
package import Observability
package import Platform
import TalosAPI

extension LifecycleEngine {
    /// An engine that reaches nodes, and the Kubernetes of their clusters, over one thread for all of them.
    ///
    /// Whoever makes it runs `longCalls` as long as it is used. See `ActionPerformer` for `snapshots` and `fence`.
    package static func connected(
        userAgent: String, longCalls: LongCalls, snapshots: SnapshotDirectory? = nil,
        fence: WriteFence? = nil,
        logger: Logger, clock: any Clock
    ) throws(TransportError) -> LifecycleEngine {
        let http = try HTTPEngine(idleConnections: keptConnections)
        let connector = NodeConnections(engine: http, userAgent: userAgent, clock: clock)
        let workloads = WorkloadClusters(userAgent: userAgent, fence: fence, clock: clock) {
            configuration throws(TransportError) in
            try CurlTransport(configuration, engine: http)
        }
        return LifecycleEngine(
            looking: ClusterObserver(
                connector: connector, workloads: workloads, longCalls: longCalls, clock: clock),
            performing: ActionPerformer(
                connector: connector, workloads: workloads, longCalls: longCalls, snapshots: snapshots,
                fence: fence, clock: clock),
            logger: logger, clock: clock)
    }

    /// The nodes of a hundred clusters and more: each is asked twice a minute, and to connect anew takes twenty times as
    /// much of a processor as to ask.
    private static let keptConnections = 640
}
