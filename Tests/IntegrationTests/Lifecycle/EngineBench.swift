// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle
import HTTP
import Kubernetes
import Observability
import PKI
import Platform
import StructuredData
import Talos
import TalosAPI
import TestSupport

/// A record in memory, as a store keeps it.
final class RecordInMemory: LifecycleStore {
    private let state: Locked<(record: LifecycleRecord, deleted: [String])>

    init(_ record: LifecycleRecord = LifecycleRecord()) {
        state = Locked((record, []))
    }

    var record: LifecycleRecord { state.withLock { $0.record } }
    var deletedMachines: [String] { state.withLock { $0.deleted } }

    func store(_ record: LifecycleRecord) async throws(LifecycleStoreError) {
        state.withLock { $0.record = record }
    }

    func deleteMachine(_ name: String) async throws(LifecycleStoreError) {
        state.withLock { $0.deleted.append(name) }
    }
}

/// The engine with everything behind it but Machines: a cluster of simulated nodes is what it works on.
struct EngineBench {
    let name: String
    let simulator: TalosSimulator
    let engine: LifecycleEngine
    let longCalls: LongCalls
    let store = RecordInMemory()
    let log = RecordingLogSink()
    let secrets: SecretsBundle
    var cluster: ManagedCluster

    /// A cluster whose machines wait for their configuration.
    init(
        _ simulator: TalosSimulator, name: String, controlPlanes: Int, workers: Int = 0,
        talos: String = "v1.12.3", kubernetes: String = "v1.34.1", snapshots: SnapshotDirectory? = nil
    ) async throws {
        self.name = name
        self.simulator = simulator
        let clock = SystemClock()
        let endpoint = try await simulator.addCluster(name)["endpoint"]?.string ?? ""
        secrets = try SecretsBundle.generate(for: TalosVersion(minor: 12), at: clock.timestamp)
        let release = Release(talos) ?? Release(minor: 12)
        var nodes: [DesiredNode] = []
        var configurations: [String: MachineConfiguration] = [:]
        var addresses: [String: [String]] = [:]
        let roles =
            (0..<controlPlanes).map { ("\(name)-cp-\($0)", ClusterLifecycle.NodeRole.controlPlane) }
            + (0..<workers).map { ("\(name)-worker-\($0)", .worker) }
        for (node, role) in roles {
            let address = try await simulator.addNode(node, to: name, talosVersion: talos)
            addresses[node] = ["\(address):\(simulator.port)"]
            let configuration = try Self.configuration(
                node, role, name: name, endpoint: endpoint, release: release, kubernetes: kubernetes, secrets)
            configurations[node] = configuration
            nodes.append(
                DesiredNode(
                    name: node, role: role,
                    configDigest: SHA256.hexadecimal(of: Array(configuration.yaml().utf8)),
                    installer: "ghcr.io/siderolabs/installer:\(talos)"))
        }
        var desired = DesiredCluster(
            name: name, talos: release, kubernetes: Release(kubernetes) ?? Release(minor: 34), nodes: nodes)
        desired.policy.timeouts.settle = .seconds(1)
        let rendered = configurations
        cluster = ManagedCluster(
            key: ObjectKey(namespace: "test", name: name), desired: desired, addresses: addresses,
            endpoint: endpoint,
            credentials: try ClusterCredentials.issue(secrets, clusterName: name, at: clock.timestamp),
            configuration: { name throws(RenderingFailure) in
                guard let configuration = rendered[name] else {
                    throw RenderingFailure("there is no \(name)")
                }
                return DesiredConfiguration(configuration)
            })
        let http = try HTTPEngine()
        let connector = NodeConnections(engine: http, userAgent: "tests", clock: clock)
        let workloads = WorkloadClusters(userAgent: "tests", fence: nil, clock: clock) {
            configuration throws(TransportError) in
            try CurlTransport(configuration, engine: http)
        }
        longCalls = LongCalls()
        engine = LifecycleEngine(
            looking: ClusterObserver(
                connector: connector, workloads: workloads, longCalls: longCalls, clock: clock),
            performing: ActionPerformer(
                connector: connector, workloads: workloads, longCalls: longCalls, snapshots: snapshots,
                fence: nil, clock: clock),
            logger: Logger(sink: log, clock: clock), clock: clock)
    }

    private static func configuration(
        _ node: String, _ role: ClusterLifecycle.NodeRole, name: String, endpoint: String, release: Release,
        kubernetes: String, _ secrets: SecretsBundle
    ) throws -> MachineConfiguration {
        var input = MachineConfigInput(
            version: release.line, role: role == .controlPlane ? .controlPlane : .worker, clusterName: name,
            endpoint: endpoint, kubernetesVersion: kubernetes, secrets: secrets)
        input.installDisk = "/dev/sda"
        input.installImage = "ghcr.io/siderolabs/installer:\(release)"
        var configuration = try MachineConfiguration(generating: input)
        let text =
            release.line >= TalosVersion(minor: 12)
            ? "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: \(node)\nauto: \"off\"\n"
            : "machine:\n  network:\n    hostname: \(node)\n"
        let patch = try ConfigPatch(
            Layer(name: "hostname", content: .text(text)), number: 1, version: release.line)
        try configuration.apply(patch)
        return configuration
    }

    /// One pass with the record as it is kept.
    @discardableResult
    func pass() async throws -> LifecyclePass {
        try await engine.pass(cluster, store.record, store)
    }

    /// Makes passes until `isTrue` of one; the test's time limit is the limit, and so is a halt unless they are `lasting`.
    @discardableResult
    func passes(
        lasting: Bool = false, until isTrue: (LifecyclePass) -> Bool
    ) async throws -> LifecyclePass {
        while true {
            let pass = try await pass()
            if isTrue(pass) { return pass }
            if !lasting, let halt = pass.record.halt { throw Halted(halt: halt) }
            // Something happens in the simulated cluster before long, or a clock runs: that is what is waited for.
            try await SystemClock().sleep(for: .milliseconds(100))
        }
    }

    /// Carries out long calls while `body` runs.
    func withLongCalls(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let longCalls = longCalls
            group.addTask { await longCalls.run() }
            try await body()
            group.cancelAll()
        }
    }

    /// Asks for another release of Talos, with its installer.
    mutating func want(talos: String) {
        cluster.desired.talos = Release(talos) ?? cluster.desired.talos
        for index in cluster.desired.nodes.indices {
            cluster.desired.nodes[index].installer = "ghcr.io/siderolabs/installer:\(talos)"
        }
    }

    /// Asks for other configurations: those of now with `patch`, for another release of Talos.
    mutating func want(_ patch: String, talos: String) async throws {
        let release = Release(talos) ?? cluster.desired.talos
        var configurations: [String: MachineConfiguration] = [:]
        for index in cluster.desired.nodes.indices {
            let name = cluster.desired.nodes[index].name
            var configuration = try await cluster.configuration(name).configuration
            configuration.version = release.line
            try configuration.apply(
                ConfigPatch(Layer(name: "another", content: .text(patch)), number: 2, version: release.line))
            configurations[name] = configuration
            cluster.desired.nodes[index].configDigest = SHA256.hexadecimal(
                of: Array(configuration.yaml().utf8))
        }
        let rendered = configurations
        cluster.configuration = { name throws(RenderingFailure) in
            guard let configuration = rendered[name] else { throw RenderingFailure("there is no \(name)") }
            return DesiredConfiguration(configuration)
        }
        want(talos: talos)
    }

    struct Halted: Error {
        var halt: Halt
    }
}
