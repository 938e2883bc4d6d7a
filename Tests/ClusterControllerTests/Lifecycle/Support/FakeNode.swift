// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import HTTP
import Platform
import StructuredData
import Talos
import TalosAPI

/// A node in memory: what it says is set, what it is asked is kept.
final class FakeNode: PartialNode {
    struct State {
        var name: String?
        var status = MachineStatus(stage: .running, isReady: true)
        var tag = "v1.12.3"
        var bootID = "boot-1"
        var schematic: String?
        var services = [
            ServiceInfo(id: "etcd", state: .running, health: .healthy),
            ServiceInfo(id: "kubelet", state: .running, health: .healthy),
        ]
        var configuration: [UInt8] = []
        var persistent: [UInt8]?
        var memberID: UInt64 = 1
        var isLearner = false
        var disks: [NodeDisk] = []
        var snapshot: [[UInt8]] = []
        var manifests: [JSONValue] = []
        /// What the next calls of a name come to, instead of success.
        var failures: [String: TalosError] = [:]
        /// What a dry run comes to.
        var dryRun = ApplyResult(effect: .noReboot, details: "Dry run summary:\n+ something")
        var calls: [String] = []
        var applied: [(text: String, mode: ApplyMode)] = []
        var resets: [ResetRequest] = []
    }

    private let state: Locked<State>

    init(_ name: String?, _ change: (inout State) -> Void = { _ in }) {
        var state = State()
        state.name = name
        change(&state)
        self.state = Locked(state)
    }

    /// The names of the calls so far.
    var calls: [String] { state.withLock { $0.calls } }
    var applied: [(text: String, mode: ApplyMode)] { state.withLock { $0.applied } }
    var resets: [ResetRequest] { state.withLock { $0.resets } }
    var status: MachineStatus { state.withLock { $0.status } }

    func change(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }

    private func call<Answer>(
        _ name: String, _ answer: (inout State) -> Answer
    ) throws(TalosError) -> Answer {
        try state.withLock { (state) throws(TalosError) in
            state.calls.append(name)
            if let failure = state.failures[name] { throw failure }
            return answer(&state)
        }
    }

    func version(within limit: Duration) async throws(TalosError) -> VersionInfo {
        try call("version") { VersionInfo(tag: $0.tag) }
    }

    func applyConfiguration(
        _ configuration: [UInt8], mode: ApplyMode, dryRun: Bool, within limit: Duration
    ) async throws(TalosError) -> ApplyResult {
        try call(dryRun ? "dryRun" : "apply") { state in
            guard !dryRun else { return state.dryRun }
            state.applied.append((String(decoding: configuration, as: UTF8.self), mode))
            return ApplyResult(effect: .noReboot)
        }
    }

    func bootstrap(recovery: EtcdRecovery?, within limit: Duration) async throws(TalosError) {
        try call("bootstrap") { _ in }
    }

    func reset(_ request: ResetRequest, within limit: Duration) async throws(TalosError) -> ActorID {
        try call("reset") { state in
            state.resets.append(request)
            return ActorID("")
        }
    }

    func reboot(mode: RebootMode, within limit: Duration) async throws(TalosError) -> ActorID {
        try call("reboot") { _ in ActorID("") }
    }

    func read(path: String, within limit: Duration) async throws(TalosError) -> [UInt8] {
        try call("bootID") { Array("\($0.bootID)\n".utf8) }
    }

    func disks(within limit: Duration) async throws(TalosError) -> [NodeDisk] {
        try call("disks") { $0.disks }
    }

    func services(within limit: Duration) async throws(TalosError) -> [ServiceInfo] {
        try call("services") { $0.services }
    }

    func etcdMembers(local: Bool, within limit: Duration) async throws(TalosError) -> [EtcdMember] {
        try call("etcdMembers") {
            [EtcdMember(id: $0.memberID, hostname: $0.name ?? "", isLearner: $0.isLearner)]
        }
    }

    func etcdStatus(within limit: Duration) async throws(TalosError) -> EtcdStatus {
        try call("etcdStatus") { EtcdStatus(memberID: $0.memberID, leader: $0.memberID) }
    }

    func etcdAlarms(within limit: Duration) async throws(TalosError) -> [EtcdAlarm] {
        try call("etcdAlarms") { _ in [] }
    }

    func etcdRemoveMember(id: UInt64, within limit: Duration) async throws(TalosError) {
        try call("etcdRemoveMember") { _ in }
    }

    func etcdLeave(within limit: Duration) async throws(TalosError) { try call("etcdLeave") { _ in } }

    func etcdForfeitLeadership(within limit: Duration) async throws(TalosError) -> String? {
        try call("etcdForfeitLeadership") { _ in nil }
    }

    func etcdSnapshot(within limit: Duration) async throws(TalosError) -> TalosStream<[UInt8]> {
        let pieces = try call("etcdSnapshot") { $0.snapshot }
        let rest = Locked(pieces[...])
        return TalosStream { () throws(TalosError) in rest.withLock { $0.popFirst() } }
    }

    func resource(
        _ kind: ResourceKind, id: String, within limit: Duration
    ) async throws(TalosError) -> TalosResource? {
        try call(kind == .machineConfig ? "\(kind.type)/\(id)" : kind.type) { state in
            let spec: JSONValue? =
                switch kind {
                case .nodename: state.name.map { ["nodename": .string($0)] }
                case .machineConfig where id == "v1alpha1":
                    .string(String(decoding: state.configuration, as: UTF8.self))
                case .machineConfig where id == "persistent":
                    .string(String(decoding: state.persistent ?? state.configuration, as: UTF8.self))
                default: nil
                }
            return spec.map { TalosResource(metadata: .init(kind: kind, id: id), spec: $0) }
        }
    }

    func resources(
        _ kind: ResourceKind, matching selector: ResourceSelector, within limit: Duration
    ) async throws(TalosError) -> [TalosResource] {
        try call(kind.type) { state in
            switch kind {
            case .extensionStatus:
                state.schematic.map {
                    [
                        TalosResource(
                            metadata: .init(kind: kind, id: "0"),
                            spec: ["metadata": ["name": "schematic", "version": .string($0)]])
                    ]
                } ?? []
            case .manifest:
                [
                    TalosResource(
                        metadata: .init(kind: kind, id: "0"), spec: ["items": .array(state.manifests)])
                ]
            default: []
            }
        }
    }
}

/// What is behind addresses, in memory.
final class FakeConnector: TalosConnector {
    enum Behind: Sendable {
        case node(FakeNode)
        case maintenance(ServerFingerprint, FakeNode)
        case silence
        case stranger
    }

    private let behind: Locked<(places: [String: Behind], contacts: Int)>

    init(_ places: [String: Behind]) { behind = Locked((places, 0)) }

    /// How many times somebody has asked what is behind an address.
    var contacts: Int { behind.withLock { $0.contacts } }

    func put(_ thing: Behind, at address: String) { behind.withLock { $0.places[address] = thing } }

    private func thing(_ endpoint: NodeEndpoint) -> Behind {
        behind.withLock { $0.places[endpoint.description] } ?? .silence
    }

    func node(
        at endpoint: NodeEndpoint, as credentials: TalosCredentials
    ) throws(TalosError) -> any TalosNode {
        guard case .node(let node) = thing(endpoint) else { throw .transport(.connectFailed("refused")) }
        return node
    }

    func maintenanceNode(
        at endpoint: NodeEndpoint, fingerprint: ServerFingerprint
    ) throws(TalosError) -> any TalosNode {
        guard case .maintenance(fingerprint, let node) = thing(endpoint) else {
            throw .transport(.tlsFailed("another key"))
        }
        return node
    }

    func contact(
        _ endpoint: NodeEndpoint, as credentials: TalosCredentials, fingerprint: ServerFingerprint?,
        within limit: Duration
    ) async -> NodeContact {
        behind.withLock { $0.contacts += 1 }
        return switch thing(endpoint) {
        case .node(let node): .configured(node.status)
        case .maintenance(let own, _) where fingerprint != nil && fingerprint != own: .refused("another key")
        case .maintenance(let own, let node): .maintenance(own, node.status)
        case .silence: .unreachable("refused")
        case .stranger: .refused("unknown authority")
        }
    }
}
