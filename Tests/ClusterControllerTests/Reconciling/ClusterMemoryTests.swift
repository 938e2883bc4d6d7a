// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Testing

@testable import ClusterController

@Suite("What is remembered between reconciles")
struct ClusterMemoryTests {
    private let memory = ClusterMemory()
    private let cluster = Fixture.cluster()
    private let other = ObjectKey(namespace: "default", name: "other")
    private let machine = ObjectKey(namespace: "default", name: "simple-cp-0")

    private func machines() throws -> [Machine] {
        try Fixture.desired(cluster).map { try Fixture.stored($0) }
    }

    @Test("A fingerprint is the same whatever the order of the Machines")
    func order() throws {
        let machines = try machines()
        let fingerprint = ClusterMemory.Fingerprint(cluster, machines)
        #expect(ClusterMemory.Fingerprint(cluster, machines.reversed()) == fingerprint)
    }

    @Test(
        "A fingerprint changes with everything that could matter",
        arguments: [
            { @Sendable (cluster: inout KubernetesCluster, _) in cluster.metadata.resourceVersion = "11" },
            { cluster, _ in cluster.metadata.uid = "uid-2" }, { _, machines in machines.removeLast() },
            { _, machines in machines[0].metadata.resourceVersion = "21" },
            { _, machines in machines[0].metadata.uid = "other" }, { _, machines in machines.removeAll() },
        ] as [@Sendable (inout KubernetesCluster, inout [Machine]) -> Void])
    func changes(change: @Sendable (inout KubernetesCluster, inout [Machine]) -> Void) throws {
        var (cluster, machines) = (cluster, try machines())
        memory.settle(cluster.key, in: ClusterMemory.Fingerprint(cluster, machines))
        #expect(memory.isSettled(cluster.key, in: ClusterMemory.Fingerprint(cluster, machines)))
        change(&cluster, &machines)
        #expect(!memory.isSettled(cluster.key, in: ClusterMemory.Fingerprint(cluster, machines)))
    }

    @Test("What is forgotten is forgotten whole")
    func forgetting() throws {
        let fingerprint = ClusterMemory.Fingerprint(cluster, [])
        memory.settle(cluster.key, in: fingerprint)
        memory.setObstacles([machine], of: cluster.key)
        memory.note(AppliedRecord(digest: "d", generation: 1, version: "5"), ofMachine: "u", of: cluster.key)
        memory.forget(cluster.key)
        #expect(!memory.isSettled(cluster.key, in: fingerprint))
        #expect(memory.clusters(waitingFor: machine).isEmpty)
        #expect(memory.records(of: cluster.key).isEmpty)
    }

    @Test("Records of Machines that are gone are dropped")
    func records() throws {
        let machines = try machines()
        for machine in machines {
            memory.note(
                AppliedRecord(digest: "d", generation: 1, version: "20"), ofMachine: machine.metadata.uid,
                of: cluster.key)
        }
        memory.keepRecords(of: cluster.key, existing: Array(machines.prefix(2)))
        #expect(Set(memory.records(of: cluster.key).keys) == Set(machines.prefix(2).map(\.metadata.uid)))
        #expect(memory.isOwnEcho(machines[0], of: cluster.key))
        #expect(!memory.isOwnEcho(machines[0], of: other))
        #expect(!memory.isOwnEcho(machines[4], of: cluster.key))
    }

    @Test("Several clusters can wait for one Machine, each until it waits for others")
    func obstacles() {
        memory.setObstacles([machine], of: cluster.key)
        memory.setObstacles([machine], of: other)
        #expect(memory.clusters(waitingFor: machine) == [cluster.key, other])
        memory.setObstacles([], of: cluster.key)
        #expect(memory.clusters(waitingFor: machine) == [other])
    }

    @Test("Only a status that the server has changed is not sent again")
    func statuses() {
        var cluster = cluster
        var sent = ClusterStatus()
        sent.phase = .running
        #expect(!memory.wasInVain(sent, for: cluster))
        memory.note(sent: sent, kept: sent, for: cluster.key)
        #expect(!memory.wasInVain(sent, for: cluster))
        memory.note(sent: sent, kept: ClusterStatus(), for: cluster.key)
        #expect(memory.wasInVain(sent, for: cluster))
        cluster.status.workersReady = 1
        #expect(!memory.wasInVain(sent, for: cluster))
    }
}
