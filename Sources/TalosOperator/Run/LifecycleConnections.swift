// SPDX-License-Identifier: Apache-2.0
import ClusterController
import HTTP
import Kubernetes
import Observability
import Platform

/// The ways to nodes and to the clusters they are, and what carries clusters on by them; one thread serves all.
struct LifecycleConnections: Sendable {
    let longCalls: LongCalls
    let management: LifecycleManagement

    /// `notify` is told which cluster may be looked at soon, for a call to a node of it has ended.
    init(
        _ settings: Settings, fence: WriteFence?, clock: any Clock, logger: Logger,
        notify: @escaping @Sendable (ObjectKey) -> Void
    ) throws(TransportError) {
        let longCalls = LongCalls(onEnd: notify)
        let directory = settings.snapshotDirectory
        let engine = try LifecycleEngine.connected(
            userAgent: Version.userAgent, longCalls: longCalls,
            snapshots: directory.isEmpty ? nil : SnapshotDirectory(path: directory), fence: fence,
            logger: logger, clock: clock)
        self.longCalls = longCalls
        management = LifecycleManagement(engine: engine, fleet: settings.fleet)
    }
}
