// SPDX-License-Identifier: Apache-2.0
import TalosAPI

/// A node that answers some calls and knows none of the others.
protocol PartialNode: TalosNode {}

extension PartialNode {
    private func unknown() -> TalosError { .status(GRPCStatus(.unimplemented, "not in this test")) }

    func version(within limit: Duration) async throws(TalosError) -> VersionInfo { throw unknown() }

    func applyConfiguration(_ configuration: [UInt8], mode: ApplyMode, dryRun: Bool, within limit: Duration)
        async throws(TalosError) -> ApplyResult
    { throw unknown() }

    func bootstrap(recovery: EtcdRecovery?, within limit: Duration) async throws(TalosError) {
        throw unknown()
    }

    func upgrade(_ request: LegacyUpgradeRequest, within limit: Duration) async throws(TalosError) -> ActorID
    { throw unknown() }

    func lifecycleUpgrade(image: String, within limit: Duration) async throws(TalosError) -> InstallResult {
        throw unknown()
    }

    func pullImage(_ reference: String, namespace: ImageNamespace, within limit: Duration)
        async throws(TalosError) -> String
    { throw unknown() }

    func legacyPullImage(_ reference: String, namespace: ImageNamespace, within limit: Duration)
        async throws(TalosError)
    { throw unknown() }

    func reset(_ request: ResetRequest, within limit: Duration) async throws(TalosError) -> ActorID {
        throw unknown()
    }

    func reboot(mode: RebootMode, within limit: Duration) async throws(TalosError) -> ActorID {
        throw unknown()
    }

    func shutdown(force: Bool, within limit: Duration) async throws(TalosError) -> ActorID { throw unknown() }

    func rollback(within limit: Duration) async throws(TalosError) { throw unknown() }

    func hostname(within limit: Duration) async throws(TalosError) -> String { throw unknown() }

    func read(path: String, within limit: Duration) async throws(TalosError) -> [UInt8] { throw unknown() }

    func disks(within limit: Duration) async throws(TalosError) -> [NodeDisk] { throw unknown() }

    func time(within limit: Duration) async throws(TalosError) -> NodeTime { throw unknown() }

    func memory(within limit: Duration) async throws(TalosError) -> NodeMemory { throw unknown() }

    func events(_ request: EventsRequest, within limit: Duration) async throws(TalosError) -> TalosStream<
        NodeEvent
    > { throw unknown() }

    func services(within limit: Duration) async throws(TalosError) -> [ServiceInfo] { throw unknown() }

    func restartService(id: String, within limit: Duration) async throws(TalosError) { throw unknown() }

    func etcdMembers(local: Bool, within limit: Duration) async throws(TalosError) -> [EtcdMember] {
        throw unknown()
    }

    func etcdRemoveMember(id: UInt64, within limit: Duration) async throws(TalosError) { throw unknown() }

    func etcdLeave(within limit: Duration) async throws(TalosError) { throw unknown() }

    func etcdForfeitLeadership(within limit: Duration) async throws(TalosError) -> String? { throw unknown() }

    func etcdStatus(within limit: Duration) async throws(TalosError) -> EtcdStatus { throw unknown() }

    func etcdSnapshot(within limit: Duration) async throws(TalosError) -> TalosStream<[UInt8]> {
        throw unknown()
    }

    func etcdRecover(snapshot: [UInt8], within limit: Duration) async throws(TalosError) { throw unknown() }

    func etcdAlarms(within limit: Duration) async throws(TalosError) -> [EtcdAlarm] { throw unknown() }

    func etcdDisarm(within limit: Duration) async throws(TalosError) -> [EtcdAlarm] { throw unknown() }

    func etcdDefragment(within limit: Duration) async throws(TalosError) { throw unknown() }

    func resource(_ kind: ResourceKind, id: String, within limit: Duration) async throws(TalosError)
        -> TalosResource?
    { throw unknown() }

    func resources(_ kind: ResourceKind, matching selector: ResourceSelector, within limit: Duration)
        async throws(TalosError) -> [TalosResource]
    { throw unknown() }

    func watch(_ kind: ResourceKind, id: String?, within limit: Duration) async throws(TalosError)
        -> TalosStream<ResourceEvent>
    { throw unknown() }

}
