// SPDX-License-Identifier: Apache-2.0
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
import Testing

@testable import ClusterController

/// A cluster of three control planes and a worker with the addresses 192.0.2.1 to 192.0.2.4.
struct EngineFixture {
    static let fingerprint = ServerFingerprint("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    static let names = ["demo-cp-0", "demo-cp-1", "demo-cp-2", "demo-w-0"]
    static let credentials = Result { () throws(PKIError) in
        try ClusterCredentials.issue(
            try ConfigFixture.secrets.get(), clusterName: "demo", at: Fixture.noon, lifetime: .seconds(86400))
    }

    let clock = ManualClock()
    let connector = FakeConnector([:])
    let kubernetes = ScriptedTransport { _ in nil }
    let workloads: WorkloadClusters
    let longCalls = LongCalls()
    var cluster: ManagedCluster
    var record = LifecycleRecord()

    init(kubernetes: ScriptedTransport = ScriptedTransport { _ in nil }) throws {
        workloads = WorkloadClusters(userAgent: "tests", fence: nil, clock: clock) {
            _ throws(TransportError) in
            kubernetes
        }
        var nodes: [DesiredNode] = []
        var addresses: [String: [String]] = [:]
        for (index, name) in Self.names.enumerated() {
            let text = try Self.configuration(name).yaml()
            nodes.append(
                DesiredNode(
                    name: name, role: name.contains("cp") ? .controlPlane : .worker,
                    configDigest: SHA256.hexadecimal(of: Array(text.utf8)), installer: "installer:v1.12.3"))
            addresses[name] = [Self.address(index)]
        }
        let release = try #require(Release("v1.12.3"))
        let desired = DesiredCluster(
            name: "demo", talos: release, kubernetes: try #require(Release("v1.33.1")), nodes: nodes)
        cluster = ManagedCluster(
            key: ObjectKey(namespace: "default", name: "demo"), desired: desired, addresses: addresses,
            endpoint: "https://192.0.2.100:6443", credentials: try Self.credentials.get(),
            configuration: { name throws(RenderingFailure) in
                do {
                    return DesiredConfiguration(try EngineFixture.configuration(name))
                } catch {
                    throw RenderingFailure("\(error)")
                }
            })
    }

    static func address(_ index: Int) -> String { "192.0.2.\(index + 1):50000" }

    /// The configuration that a node is to have.
    static func configuration(_ name: String) throws -> MachineConfiguration {
        var input = MachineConfigInput(
            version: TalosVersion(minor: 12), role: name.contains("cp") ? .controlPlane : .worker,
            clusterName: "demo", endpoint: "https://192.0.2.100:6443", kubernetesVersion: "v1.33.1",
            secrets: try ConfigFixture.secrets.get())
        input.installDisk = "/dev/sda"
        input.sysctls = ["test.node": name]
        return try MachineConfiguration(generating: input)
    }

    /// Puts a node that runs as it should behind each address.
    func runAll() throws -> [FakeNode] {
        try Self.names.enumerated().map { index, name in
            let node = FakeNode(name)
            let text = try Self.configuration(name).yaml()
            node.change { $0.configuration = Array(text.utf8) }
            connector.put(.node(node), at: Self.address(index))
            return node
        }
    }

    var observer: ClusterObserver {
        ClusterObserver(connector: connector, workloads: workloads, longCalls: longCalls, clock: clock)
    }

    func performer(
        snapshots: SnapshotDirectory? = nil, fence: WriteFence? = nil
    ) -> ActionPerformer {
        ActionPerformer(
            connector: connector, workloads: workloads, longCalls: longCalls, snapshots: snapshots,
            fence: fence,
            clock: clock)
    }

    /// Performs an action on the ground of a close look.
    func perform(
        _ kind: LifecycleAction.Kind, on node: String, fence: WriteFence? = nil,
        snapshots: SnapshotDirectory? = nil
    ) async -> ActionResult {
        let look = await observer.look(at: cluster, record, .close)
        return await performer(snapshots: snapshots, fence: fence)
            .perform(LifecycleAction(kind, on: node), in: cluster, look.observation, NoStore())
    }
}

/// A store that a test has no use for.
struct NoStore: LifecycleStore {
    func store(_ record: LifecycleRecord) async throws(LifecycleStoreError) {}
    func deleteMachine(_ name: String) async throws(LifecycleStoreError) {}
}
