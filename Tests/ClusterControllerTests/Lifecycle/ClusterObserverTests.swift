// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import HTTP
import Platform
import StructuredData
import Talos
import TalosAPI
import TestSupport
import Testing

@testable import ClusterController

@Suite("Looking at a cluster")
struct ClusterObserverTests {
    /// A record with which nothing is under way.
    private static let idle: LifecycleRecord = {
        var record = LifecycleRecord()
        record.bootstrap = BootstrapRecord(node: "demo-cp-0", since: Fixture.noon, isConfirmed: true)
        return record
    }()

    @Test("A close look finds everything that nodes tell")
    func closeLook() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        nodes[0].change { $0.schematic = "abc" }
        let look = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        #expect(look.depth == .close)
        let first = try #require(look.observation.nodes["demo-cp-0"])
        #expect(first.contact == .configured && first.address == "192.0.2.1:50000" && first.isWell)
        #expect(first.bootID == "boot-1" && first.talos == Release("v1.12.3") && first.schematic == "abc")
        #expect(look.observation.nodes["demo-cp-1"]?.schematic == "", "stock images are known to have none")
        #expect(first.etcdService?.isWell == true && first.memberID == 1)
        #expect(first.config == .matches && first.images[.kubelet]?.hasSuffix("v1.33.1") == true)
        #expect(look.observation.etcd.views.keys.sorted() == ["demo-cp-0", "demo-cp-1", "demo-cp-2"])
        #expect(look.observation.etcd.alarms?.isEmpty == true)
        #expect(look.observation.nodes["demo-w-0"]?.memberID == nil)
        #expect(look.observation.kubernetes.problem == "there is none yet")
    }

    @Test(
        "A quick look costs one question to each node, and two to control-plane nodes where something is awaited"
    )
    func quickLook() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let observer = fixture.observer
        let close = await observer.look(at: fixture.cluster, Self.idle, .quick)
        #expect(close.depth == .close)
        let calls = nodes.map(\.calls.count)
        let quick = await observer.look(at: fixture.cluster, Self.idle, .quick)
        // The scripted Kubernetes refuses, so the cluster counts as ill.
        #expect(quick.depth == .quick)
        let glimpses = zip(nodes, calls).map { Array($0.calls.dropFirst($1)) }
        #expect(glimpses == Array(repeating: ["services", "etcdMembers"], count: 3) + [[]])
        #expect(fixture.connector.contacts == 8)
        #expect(quick.observation.nodes == close.observation.nodes)
    }

    @Test(
        "What is remembered of a cluster that is ill holds for a tenth of the time that it has been",
        arguments: [(0, 3, 5), (200, 19, 26), (100_000, 59, 61)])
    func ill(_ age: Int, _ good: Int, _ old: Int) async throws {
        let fixture = try EngineFixture()
        _ = try fixture.runAll()
        let observer = fixture.observer
        func depth(after seconds: Int) async -> LookDepth {
            _ = await observer.look(at: fixture.cluster, Self.idle, .close)
            fixture.clock.advance(by: .seconds(seconds))
            return await observer.look(at: fixture.cluster, Self.idle, .quick).depth
        }
        _ = await observer.look(at: fixture.cluster, Self.idle, .close)
        fixture.clock.advance(by: .seconds(age))
        #expect(await depth(after: good) == .quick)
        #expect(await depth(after: old) == .close)
    }

    @Test(
        "While something is under way a quick look notices what a control-plane node's own word does not tell"
    )
    func glimpse() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let observer = fixture.observer
        var record = Self.idle
        record.operations["demo-w-0"] = NodeOperation(.remove, .checking, at: Fixture.noon)
        _ = await observer.look(at: fixture.cluster, record, .close)
        #expect(await observer.look(at: fixture.cluster, record, .quick).depth == .quick)
        nodes[1].change { $0.isLearner = true }
        #expect(await observer.look(at: fixture.cluster, record, .quick).depth == .close)
        fixture.clock.advance(by: .seconds(5))
        #expect(await observer.look(at: fixture.cluster, record, .quick).depth == .close)
        record.operations["demo-w-0"]?.advance(to: .draining, at: Fixture.noon)
        #expect(await observer.look(at: fixture.cluster, record, .quick).depth == .close)
    }

    @Test("A quick look becomes a close one where there is reason to")
    func reasons() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let observer = fixture.observer
        func depth(_ cluster: ManagedCluster, _ record: LifecycleRecord) async -> LookDepth {
            _ = await observer.look(at: fixture.cluster, Self.idle, .close)
            return await observer.look(at: cluster, record, .quick).depth
        }
        #expect(await depth(fixture.cluster, Self.idle) == .quick)
        var record = Self.idle
        record.operations["demo-w-0"] = NodeOperation(.remove, .checking, at: Fixture.noon)
        #expect(await depth(fixture.cluster, record) == .close)
        #expect(await depth(fixture.cluster, LifecycleRecord()) == .close)
        var cluster = fixture.cluster
        cluster.desired.approvedPlan = "plan"
        #expect(await depth(cluster, Self.idle) == .close)
        _ = await observer.look(at: fixture.cluster, Self.idle, .close)
        nodes[1].change { $0.status = MachineStatus(stage: .rebooting, isReady: false) }
        #expect(await observer.look(at: fixture.cluster, Self.idle, .quick).depth == .close)
        fixture.connector.put(.silence, at: EngineFixture.address(2))
        #expect(await observer.look(at: fixture.cluster, Self.idle, .quick).depth == .close)
    }

    @Test("A node that says that it is another one of the cluster's is not taken for the one it should be")
    func otherNode() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        nodes[0].change { $0.name = "demo-cp-1" }
        let look = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        let contact = look.observation.nodes["demo-cp-0"]?.contact
        #expect(contact == .refused("the node at its address says that it is demo-cp-1"))
        #expect(look.observation.etcd.views["demo-cp-0"] == nil)
        nodes[0].change { $0.name = "talos-abc-def" }
        let second = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        #expect(second.observation.nodes["demo-cp-0"]?.contact == .configured)
    }

    @Test("What cannot change without a boot is asked for again only after one")
    func sameBoot() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let observer = fixture.observer
        _ = await observer.look(at: fixture.cluster, fixture.record, .close)
        _ = await observer.look(at: fixture.cluster, fixture.record, .close)
        let name = ResourceKind.nodename.type
        #expect(nodes[0].calls.filter { $0 == name || $0 == "version" } == [name, "version"])
        nodes[0].change { state in
            state.bootID = "boot-2"
            state.tag = "v1.12.4"
        }
        let look = await observer.look(at: fixture.cluster, fixture.record, .close)
        #expect(look.observation.nodes["demo-cp-0"]?.talos == Release("v1.12.4"))
        #expect(nodes[0].calls.filter { $0 == name || $0 == "version" }.count == 4)
    }

    @Test("What a node does not answer stays unknown, and one that falls silent is asked nothing more")
    func unknown() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        nodes[0].change { state in
            state.failures = [
                "services": .status(GRPCStatus(.permissionDenied)), "etcdStatus": .transport(.timedOut),
            ]
        }
        nodes[1].change { $0.failures["bootID"] = .transport(.timedOut) }
        let look = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        let first = try #require(look.observation.nodes["demo-cp-0"])
        #expect(first.etcdService == nil && first.config == .matches)
        #expect(look.observation.etcd.statuses["demo-cp-0"] == nil)
        let second = try #require(look.observation.nodes["demo-cp-1"])
        #expect(second.talos == nil && second.config == .unknown && nodes[1].calls.last == "bootID")
    }

    @Test("Contacts are told as they are, and the first address at which a node answers counts")
    func contacts() async throws {
        var fixture = try EngineFixture()
        let fingerprint = try #require(EngineFixture.fingerprint)
        let waiting = FakeNode(nil) { $0.status = MachineStatus(stage: .maintenance, isReady: true) }
        fixture.connector.put(.maintenance(fingerprint, waiting), at: "192.0.2.9:50000")
        fixture.connector.put(.stranger, at: EngineFixture.address(1))
        fixture.cluster.addresses["demo-cp-0"] = ["192.0.2.8:50000", "192.0.2.9:50000"]
        fixture.cluster.addresses["demo-cp-1"] = [EngineFixture.address(1), "192.0.2.7:50000"]
        fixture.cluster.addresses["demo-w-0"] = []
        let look = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        let nodes = look.observation.nodes
        #expect(nodes["demo-cp-0"]?.contact == .maintenance(fingerprint: fingerprint.description))
        #expect(nodes["demo-cp-0"]?.address == "192.0.2.9:50000" && nodes["demo-cp-0"]?.stage == .maintenance)
        #expect(nodes["demo-cp-1"]?.contact == .refused("unknown authority"))
        #expect(nodes["demo-cp-2"]?.contact == .unreachable("refused"))
        #expect(nodes["demo-w-0"]?.contact == .noAddress)
        #expect(nodes["demo-cp-0"]?.isPinned == false)
        fixture.cluster.fingerprints["demo-cp-0"] = fingerprint.description
        let again = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        #expect(again.observation.nodes["demo-cp-0"]?.isPinned == true)
    }

    @Test(
        "A machine in maintenance mode is a stranger where its address may be another's, unless its key is pinned"
    )
    func doubt() async throws {
        var fixture = try EngineFixture()
        let fingerprint = try #require(EngineFixture.fingerprint)
        let waiting = FakeNode(nil) { $0.status = MachineStatus(stage: .maintenance, isReady: true) }
        fixture.connector.put(.maintenance(fingerprint, waiting), at: EngineFixture.address(0))
        fixture.cluster.doubt = { node, address in
            node == "demo-cp-0" && address == EngineFixture.address(0)
                ? "its Machine does not report it" : nil
        }
        let look = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        #expect(
            look.observation.nodes["demo-cp-0"]?.contact
                == .refused("a machine in maintenance mode answers, and its Machine does not report it"))
        fixture.cluster.fingerprints["demo-cp-0"] = fingerprint.description
        let pinned = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        #expect(pinned.observation.nodes["demo-cp-0"]?.isInMaintenance == true)
    }

    @Test(
        "Kubernetes is asked before there is a record where a control-plane node is not known to have no etcd"
    )
    func uncertain() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        for node in nodes {
            node.change { $0.services = [ServiceInfo(id: "etcd", state: .preparing, health: .unknown)] }
        }
        func problem(_ record: LifecycleRecord) async -> String? {
            await fixture.observer.look(at: fixture.cluster, record, .close).observation.kubernetes.problem
        }
        #expect(await problem(fixture.record) == "there is none yet")
        fixture.connector.put(.silence, at: EngineFixture.address(2))
        #expect(await problem(fixture.record) != "there is none yet")
        var record = fixture.record
        record.operations["demo-cp-2"] = NodeOperation(.install, .installing, at: Fixture.noon)
        #expect(await problem(record) == "there is none yet")
    }

    @Test("A changed live configuration is told with what the node says of it, and compared once")
    func drift() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let drifted = try EngineFixture.configuration("demo-w-9").yaml()
        nodes[3].change { state in
            state.configuration = Array(drifted.utf8)
            state.dryRun = ApplyResult(effect: .reboot, details: "Dry run summary:\n+ something")
        }
        let observer = fixture.observer
        for _ in 0..<2 {
            let look = await observer.look(at: fixture.cluster, fixture.record, .close)
            guard case .differs(let change)? = look.observation.nodes["demo-w-0"]?.config else {
                Issue.record("it does not differ")
                return
            }
            #expect(
                change.needsReboot == true && change.refusal == nil && change.summary.contains("demo-w-9"))
        }
        #expect(nodes[3].calls.filter { $0 == "dryRun" }.count == 1)
        let text0 = Array(try EngineFixture.configuration("demo-w-0").yaml().utf8)
        nodes[3].change { $0.persistent = text0 }
        let look = await observer.look(at: fixture.cluster, fixture.record, .close)
        #expect(look.observation.nodes["demo-w-0"]?.config == .staged)
    }

    @Test("Why a node would refuse a configuration is told without its secrets")
    func refusal() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let text9 = Array(try EngineFixture.configuration("demo-w-9").yaml().utf8)
        let token = try #require(try EngineFixture.configuration("demo-w-0")["machine", "token"]?.string)
        nodes[3].change { state in
            state.configuration = text9
            state.failures["dryRun"] = .status(
                GRPCStatus(.invalidArgument, "bad token \"\(token)\" on /dev/sda"))
        }
        let look = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        guard case .differs(let change)? = look.observation.nodes["demo-w-0"]?.config else {
            Issue.record("it does not differ")
            return
        }
        #expect(change.refusal == "INVALID_ARGUMENT: bad token \"******\" on /dev/sda")
    }

    @Test(
        "Where a live configuration cannot be read is told, and nothing of what is written there; it is read once"
    )
    func unreadable() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let text = try EngineFixture.configuration("demo-w-0").yaml()
        let newer = text + "---\napiVersion: v1alpha1\nkind: OpenSesame\npassword: opensesame\n"
        nodes[3].change { $0.configuration = Array(newer.utf8) }
        let observer = fixture.observer
        for _ in 0..<2 {
            let look = await observer.look(at: fixture.cluster, fixture.record, .close)
            let node = try #require(look.observation.nodes["demo-w-0"])
            let problem = try #require(node.configProblem)
            #expect(
                node.config == .unknown && problem.hasPrefix("its configuration cannot be read: document"))
            #expect(!problem.contains("sesame") && !problem.contains("OpenSesame"))
        }
        #expect(!nodes[3].calls.contains("dryRun"))
    }
}
