// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("Replacing control-plane nodes")
struct ReplaceFlowTests {
    /// A cluster in which the machine of `c1` was replaced or wiped: its member is still counted on.
    private static func wiped(_ controlPlane: Int = 3) -> Cluster {
        var cluster = Cluster(controlPlane: controlPlane)
        cluster.silence("c1")
        cluster.observed.nodes["c1"] = NodeObservation(contact: .maintenance(fingerprint: "new"))
        return cluster
    }

    @Test("The old member is taken out by its identity before the new machine is installed")
    func replaced() {
        var cluster = Self.wiped()
        let log = cluster.settle()
        #expect(
            Array(log.prefix(3)) == ["removeMember f000000000000002 through c0", "deleteNode c1", "apply c1"])
    }

    @Test(
        "A node that merely does not answer keeps its member, however long that lasts",
        arguments: [true, false])
    func silent(_ hasMachine: Bool) {
        var cluster = Cluster()
        cluster.silence("c1")
        cluster.change("c1") { $0.hasMachine = hasMachine }
        cluster.pass(.seconds(100_000))
        #expect(cluster.settle().isEmpty && cluster.record.operations.isEmpty)
    }

    @Test("A member of which the others agree that it is not there leaves nothing to do but to install")
    func noMember() {
        var cluster = Self.wiped()
        cluster.dropMember(Cluster.member("c1"))
        #expect(cluster.settle().first == "apply c1")
    }

    @Test("Without a quorum for it the old member stays, and the machine is not installed over it")
    func noQuorum() {
        var cluster = Self.wiped()
        cluster.silence("c2")
        #expect(cluster.settle().isEmpty && cluster.record.operations.isEmpty)
        let waits = cluster.decide().waits
        #expect(waits.contains { $0.node == "c1" && $0.problem == .quorumAtRisk }, "\(waits)")
    }

    @Test("The member of one of two is not taken out: the other one alone has no quorum to decide it with")
    func two() {
        var cluster = Self.wiped(2)
        #expect(cluster.settle().isEmpty)
    }

    @Test("A member that another node says it is is not touched, whatever its name")
    func taken() {
        var cluster = Self.wiped()
        cluster.observed.etcd.statuses["c2"]?.memberID = Cluster.member("c1")
        #expect(!cluster.settle().contains { $0.hasPrefix("removeMember") })
    }

    @Test("A member of another name is never taken for that of the node")
    func otherName() {
        var cluster = Self.wiped()
        for name in cluster.observed.etcd.views.keys {
            cluster.observed.etcd.views[name]?[1].hostname = "somebody"
        }
        #expect(!cluster.settle(passes: 20).contains { $0.hasPrefix("removeMember") })
    }

    @Test("It is done while another control-plane node is worked on, which may be waiting for just this one")
    func besideAnother() {
        var cluster = Self.wiped()
        cluster.begin(.upgrade(image: "i", to: Cluster.talos), .draining, on: "c2")
        #expect(cluster.decide().actions.contains { $0.kind == .removeMember(Cluster.member("c1")) })
        var down = Self.wiped()
        down.begin(.upgrade(image: "i", to: Cluster.talos), .rebooting, on: "c2")
        down.silence("c2")
        #expect(!down.decide().actions.contains { $0.node == "c0" }, "etcd has no quorum to decide it by")
    }

    @Test("A removal that is refused halts, and the machine is not installed")
    func refused() {
        var cluster = Self.wiped()
        let log = cluster.settle { cluster, action in
            if case .removeMember = action.kind { return .refused("permission denied") }
            return cluster.perform(action)
        }
        #expect(log == ["removeMember f000000000000002 through c0"])
        #expect(
            cluster.record.halt?.reason == .removalFailed && cluster.record.operations["c1"]?.isHalted == true
        )
    }

    @Test("A lost answer is found out by looking")
    func lost() {
        var cluster = Self.wiped()
        let log = cluster.settle { cluster, action in
            let result = cluster.perform(action)
            return result == .done ? .unknown("connection closed") : result
        }
        #expect(log.count { $0.hasPrefix("removeMember") } == 1)
    }

    @Test("A member that never started is found by the address of the machine")
    func unstarted() {
        var cluster = Self.wiped()
        cluster.dropMember(Cluster.member("c1"))
        cluster.observed.nodes["c1"]?.address = "[fd00::7]:50000"
        for name in cluster.observed.etcd.views.keys {
            cluster.observed.etcd.views[name]?.append(
                EtcdObservation.Member(
                    id: 99, hostname: "", isLearner: true, peerURLs: ["https://[fd00::7]:2380"]))
        }
        #expect(cluster.settle().first == "removeMember 63 through c0")
    }
}
