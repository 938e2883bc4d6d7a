// SPDX-License-Identifier: Apache-2.0

/// What the operator asks of one node: Talos' API, call by call.
///
/// This is the seam to the network: `NodeConnections` makes nodes that speak gRPC, and tests bring nodes of their own. Every
/// call ends by itself within `limit`, connecting included, and as soon as its task is cancelled. A call that
/// fails says with `TalosError.mayHaveBeenProcessed` whether the node may have acted all the same; no call is
/// ever sent twice. Which versions know a call stands with it; others answer UNIMPLEMENTED.
///
/// `CallLimit` names the limits that are taken where none is given.
package protocol TalosNode: Sendable {
    // The machine.

    /// Which Talos runs; in maintenance mode only from 1.13 on, so look at `machineStatus` first.
    func version(within limit: Duration) async throws(TalosError) -> VersionInfo

    /// Hands over a whole machine configuration, never a part of one.
    ///
    /// With `dryRun` nothing changes. In maintenance mode up to 1.12 only `.auto`, `.reboot` and `.try` are known.
    func applyConfiguration(
        _ configuration: [UInt8], mode: ApplyMode, dryRun: Bool, within limit: Duration
    ) async throws(TalosError) -> ApplyResult

    /// Makes this control plane the first member of its cluster's etcd, or of the one that `recovery` restores.
    ///
    /// ALREADY_EXISTS says that the node has etcd data; never ask a second node after this call may have been
    /// processed.
    func bootstrap(recovery: EtcdRecovery?, within limit: Duration) async throws(TalosError)

    /// The upgrade call of all versions, which the node itself carries on with: drain, install, reboot.
    func upgrade(_ request: LegacyUpgradeRequest, within limit: Duration) async throws(TalosError) -> ActorID

    /// Installs another version, from 1.13 on: no drain, no look at etcd, no reboot.
    ///
    /// The image must have been pulled into the system namespace. An exit code other than 0 is a failure,
    /// which is returned, not thrown.
    func lifecycleUpgrade(image: String, within limit: Duration) async throws(TalosError) -> InstallResult

    /// Pulls an image, from 1.13 on; returns the name under which it was pulled, which `lifecycleUpgrade` takes.
    func pullImage(
        _ reference: String, namespace: ImageNamespace, within limit: Duration
    ) async throws(TalosError) -> String

    /// Pulls an image by the call of versions before 1.13.
    func legacyPullImage(
        _ reference: String, namespace: ImageNamespace, within limit: Duration
    ) async throws(TalosError)

    /// Wipes and stops the node; returns before that happens.
    func reset(_ request: ResetRequest, within limit: Duration) async throws(TalosError) -> ActorID

    /// Reboots the node; returns before that happens.
    func reboot(mode: RebootMode, within limit: Duration) async throws(TalosError) -> ActorID

    /// Powers the node off; `force` does not wait for pods to end.
    func shutdown(force: Bool, within limit: Duration) async throws(TalosError) -> ActorID

    /// Boots the version before the last upgrade; reboots the node.
    func rollback(within limit: Duration) async throws(TalosError)

    /// Name in the network.
    func hostname(within limit: Duration) async throws(TalosError) -> String

    /// A file of the node, up to 32 MiB.
    func read(path: String, within limit: Duration) async throws(TalosError) -> [UInt8]

    /// The node's disks, also in maintenance mode.
    func disks(within limit: Duration) async throws(TalosError) -> [NodeDisk]

    /// The node's clock and that of its time server.
    func time(within limit: Duration) async throws(TalosError) -> NodeTime

    /// The node's memory.
    func memory(within limit: Duration) async throws(TalosError) -> NodeMemory

    /// What happens on the node, from `request` on, until `limit` or until the stream is let go.
    func events(_ request: EventsRequest, within limit: Duration) async throws(TalosError) -> TalosStream<
        NodeEvent
    >

    // Services.

    /// All services of Talos on the node, with their states.
    func services(within limit: Duration) async throws(TalosError) -> [ServiceInfo]

    /// Stops a service and starts it again.
    func restartService(id: String, within limit: Duration) async throws(TalosError)

    // etcd; control planes only.

    /// The members as etcd knows them; with `local` the node's own view is taken without asking for a quorum.
    func etcdMembers(local: Bool, within limit: Duration) async throws(TalosError) -> [EtcdMember]

    /// Removes a member; NOT_FOUND if there is none with that ID.
    func etcdRemoveMember(id: UInt64, within limit: Duration) async throws(TalosError)

    /// Takes the node itself out of etcd and deletes its data.
    func etcdLeave(within limit: Duration) async throws(TalosError)

    /// Gives leadership away; returns the new leader's name, or nil if the node did not lead.
    func etcdForfeitLeadership(within limit: Duration) async throws(TalosError) -> String?

    /// How the node's own member does.
    func etcdStatus(within limit: Duration) async throws(TalosError) -> EtcdStatus

    /// The bytes of a snapshot, in pieces; only a stream read to its end is a whole one.
    ///
    /// A reader that takes its time holds the node back, whatever the size.
    func etcdSnapshot(within limit: Duration) async throws(TalosError) -> TalosStream<[UInt8]>

    /// Uploads a snapshot for `bootstrap(recovery:)`.
    func etcdRecover(snapshot: [UInt8], within limit: Duration) async throws(TalosError)

    /// The alarms of all members.
    func etcdAlarms(within limit: Duration) async throws(TalosError) -> [EtcdAlarm]

    /// Takes back every alarm; returns those.
    func etcdDisarm(within limit: Duration) async throws(TalosError) -> [EtcdAlarm]

    /// Gives space of the member's database back; it serves nothing meanwhile.
    func etcdDefragment(within limit: Duration) async throws(TalosError)

    // Resources (COSI), also in maintenance mode.

    /// One resource; nil if there is none. A kind that this version of Talos does not know is PERMISSION_DENIED.
    func resource(
        _ kind: ResourceKind, id: String, within limit: Duration
    ) async throws(TalosError) -> TalosResource?

    /// All resources of a kind that match. A kind that this version of Talos does not know is PERMISSION_DENIED.
    func resources(
        _ kind: ResourceKind, matching selector: ResourceSelector, within limit: Duration
    ) async throws(TalosError) -> [TalosResource]

    /// What there is, then each change, until `limit` or until the stream is let go.
    ///
    /// With an `id` only that resource: first what it is, or `.destroyed` if it is not there. Without one all
    /// of the kind: each as `.created`, then `.bootstrapped`.
    func watch(
        _ kind: ResourceKind, id: String?, within limit: Duration
    ) async throws(TalosError) -> TalosStream<ResourceEvent>
}
