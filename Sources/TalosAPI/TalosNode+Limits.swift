// SPDX-License-Identifier: Apache-2.0

// Each call with its usual limit.
extension TalosNode {
    package func version() async throws(TalosError) -> VersionInfo {
        try await version(within: CallLimit.read)
    }

    package func applyConfiguration(
        _ configuration: [UInt8], mode: ApplyMode, dryRun: Bool
    ) async throws(TalosError) -> ApplyResult {
        try await applyConfiguration(configuration, mode: mode, dryRun: dryRun, within: CallLimit.change)
    }

    package func bootstrap(recovery: EtcdRecovery? = nil) async throws(TalosError) {
        try await bootstrap(recovery: recovery, within: CallLimit.change)
    }

    package func upgrade(_ request: LegacyUpgradeRequest) async throws(TalosError) -> ActorID {
        try await upgrade(request, within: CallLimit.image)
    }

    package func lifecycleUpgrade(image: String) async throws(TalosError) -> InstallResult {
        try await lifecycleUpgrade(image: image, within: CallLimit.image)
    }

    package func pullImage(
        _ reference: String, namespace: ImageNamespace
    ) async throws(TalosError) -> String {
        try await pullImage(reference, namespace: namespace, within: CallLimit.image)
    }

    package func legacyPullImage(_ reference: String, namespace: ImageNamespace) async throws(TalosError) {
        try await legacyPullImage(reference, namespace: namespace, within: CallLimit.image)
    }

    package func reset(_ request: ResetRequest) async throws(TalosError) -> ActorID {
        try await reset(request, within: CallLimit.change)
    }

    package func reboot(mode: RebootMode) async throws(TalosError) -> ActorID {
        try await reboot(mode: mode, within: CallLimit.change)
    }

    package func shutdown(force: Bool) async throws(TalosError) -> ActorID {
        try await shutdown(force: force, within: CallLimit.change)
    }

    package func rollback() async throws(TalosError) {
        try await rollback(within: CallLimit.change)
    }

    package func hostname() async throws(TalosError) -> String {
        try await hostname(within: CallLimit.read)
    }

    package func read(path: String) async throws(TalosError) -> [UInt8] {
        try await read(path: path, within: CallLimit.read)
    }

    package func disks() async throws(TalosError) -> [NodeDisk] {
        try await disks(within: CallLimit.read)
    }

    package func time() async throws(TalosError) -> NodeTime {
        try await time(within: CallLimit.read)
    }

    package func memory() async throws(TalosError) -> NodeMemory {
        try await memory(within: CallLimit.read)
    }

    package func events(_ request: EventsRequest) async throws(TalosError) -> TalosStream<NodeEvent> {
        try await events(request, within: CallLimit.stream)
    }

    package func services() async throws(TalosError) -> [ServiceInfo] {
        try await services(within: CallLimit.read)
    }

    package func restartService(id: String) async throws(TalosError) {
        try await restartService(id: id, within: CallLimit.change)
    }
}

// etcd's calls with their usual limits.
extension TalosNode {
    package func etcdMembers(local: Bool = false) async throws(TalosError) -> [EtcdMember] {
        try await etcdMembers(local: local, within: CallLimit.read)
    }

    package func etcdRemoveMember(id: UInt64) async throws(TalosError) {
        try await etcdRemoveMember(id: id, within: CallLimit.etcd)
    }

    package func etcdLeave() async throws(TalosError) {
        try await etcdLeave(within: CallLimit.etcd)
    }

    package func etcdForfeitLeadership() async throws(TalosError) -> String? {
        try await etcdForfeitLeadership(within: CallLimit.etcd)
    }

    package func etcdStatus() async throws(TalosError) -> EtcdStatus {
        try await etcdStatus(within: CallLimit.read)
    }

    package func etcdSnapshot() async throws(TalosError) -> TalosStream<[UInt8]> {
        try await etcdSnapshot(within: CallLimit.stream)
    }

    package func etcdRecover(snapshot: [UInt8]) async throws(TalosError) {
        try await etcdRecover(snapshot: snapshot, within: CallLimit.stream)
    }

    package func etcdAlarms() async throws(TalosError) -> [EtcdAlarm] {
        try await etcdAlarms(within: CallLimit.read)
    }

    package func etcdDisarm() async throws(TalosError) -> [EtcdAlarm] {
        try await etcdDisarm(within: CallLimit.etcd)
    }

    package func etcdDefragment() async throws(TalosError) {
        try await etcdDefragment(within: CallLimit.etcd)
    }
}

// Resources with their usual limits.
extension TalosNode {
    package func resource(_ kind: ResourceKind, id: String) async throws(TalosError) -> TalosResource? {
        try await resource(kind, id: id, within: CallLimit.read)
    }

    package func resources(
        _ kind: ResourceKind, matching selector: ResourceSelector = .all
    ) async throws(TalosError) -> [TalosResource] {
        try await resources(kind, matching: selector, within: CallLimit.read)
    }

    package func watch(
        _ kind: ResourceKind, id: String? = nil
    ) async throws(TalosError) -> TalosStream<ResourceEvent> {
        try await watch(kind, id: id, within: CallLimit.stream)
    }
}
