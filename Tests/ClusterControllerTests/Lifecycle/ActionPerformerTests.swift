// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import HTTP
import Kubernetes
import Platform
import StructuredData
import Talos
import TalosAPI
import TestSupport
import Testing

@testable import ClusterController

@Suite("Carrying actions out")
struct ActionPerformerTests {
    @Test(
        "What became of a request decides what is known",
        arguments: [
            (TalosError.transport(.timedOut), ActionResult.unknown("no response in time")),
            (.transport(.connectFailed("refused")), .notNow("cannot connect: refused")),
            (.transport(.tlsFailed("x")), .notNow("TLS handshake failed: x")),
            (.transport(.interrupted("x")), .unknown("connection broken: x")),
            (.transport(.cancelled), .unknown("cancelled")),
            (.status(GRPCStatus(.unavailable)), .unknown("UNAVAILABLE")),
            (.status(GRPCStatus(.alreadyExists, "not empty")), .alreadyDone),
            (.status(GRPCStatus(.failedPrecondition, "not yet")), .notNow("FAILED_PRECONDITION: not yet")),
            (
                .status(GRPCStatus(.failedPrecondition, "only on control plane nodes")),
                .refused("FAILED_PRECONDITION: only on control plane nodes")
            ),
            (.status(GRPCStatus(.unimplemented)), .refused("UNIMPLEMENTED")),
            (.status(GRPCStatus(.permissionDenied)), .refused("PERMISSION_DENIED")),
            (.status(GRPCStatus(.unknown, "etcd")), .notNow("UNKNOWN: etcd")),
            (.decoding("x"), .unknown("unusable answer: x")),
        ])
    func results(_ error: TalosError, _ expected: ActionResult) async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        nodes[0].change { $0.failures["bootstrap"] = error }
        #expect(await fixture.perform(.bootstrap, on: "demo-cp-0") == expected)
    }

    @Test("A member that is gone is removed")
    func memberGone() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        nodes[0].change { $0.failures["etcdRemoveMember"] = .status(GRPCStatus(.notFound)) }
        #expect(await fixture.perform(.removeMember(7), on: "demo-cp-0") == .alreadyDone)
    }

    @Test("A machine gets its configuration only with the key that it has shown")
    func install() async throws {
        var fixture = try EngineFixture()
        let fingerprint = try #require(EngineFixture.fingerprint)
        let machine = FakeNode(nil)
        fixture.connector.put(.maintenance(fingerprint, machine), at: EngineFixture.address(0))
        let other = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        let refused = await fixture.perform(.apply(.install(fingerprint: other)), on: "demo-cp-0")
        #expect(refused == .notNow("demo-cp-0 does not wait for its configuration with that key"))
        let install = LifecycleAction.Kind.apply(.install(fingerprint: fingerprint.description))
        #expect(await fixture.perform(install, on: "demo-cp-0") == .done)
        let text = try EngineFixture.configuration("demo-cp-0").yaml()
        #expect(machine.applied.map(\.text) == [text] && machine.applied.map(\.mode) == [.auto])
        fixture.cluster.fingerprints["demo-cp-0"] = other
        #expect(await fixture.perform(install, on: "demo-cp-0") != .done)
        #expect(machine.applied.count == 1)
    }

    @Test(
        "A machine that is installed while API servers are older gets no kubelet that is newer than these",
        arguments: [
            ("v1.32.9", "v1.32.9"), ("v1.33.0", "v1.33.0"), (nil, "v1.33.1"), ("v1.99.0", "v1.33.1"),
        ])
    func installedDuringUpgrade(_ servers: String?, _ expected: String) async throws {
        let fixture = try EngineFixture()
        let fingerprint = try #require(EngineFixture.fingerprint)
        let machine = FakeNode(nil)
        fixture.connector.put(.maintenance(fingerprint, machine), at: EngineFixture.address(3))
        var look = await fixture.observer.look(at: fixture.cluster, fixture.record, .close).observation
        look.kubernetes.lowestVersions[.apiServer] = servers.flatMap { Release($0) }
        let install = LifecycleAction(
            .apply(.install(fingerprint: fingerprint.description)), on: "demo-w-0")
        #expect(await fixture.performer().perform(install, in: fixture.cluster, look, NoStore()) == .done)
        let text = try #require(machine.applied.first?.text)
        #expect(text.contains("kubelet:\(expected)"))
    }

    @Test(
        "A configured node is not given a configuration as if it were new, nor a new one as if it were configured"
    )
    func wrongKindOfNode() async throws {
        let fixture = try EngineFixture()
        let fingerprint = try #require(EngineFixture.fingerprint)
        let nodes = try fixture.runAll()
        let install = LifecycleAction.Kind.apply(.install(fingerprint: fingerprint.description))
        #expect(await fixture.perform(install, on: "demo-cp-0") != .done)
        let machine = FakeNode(nil)
        fixture.connector.put(.maintenance(fingerprint, machine), at: EngineFixture.address(1))
        #expect(await fixture.perform(.apply(.noReboot), on: "demo-cp-1") != .done)
        #expect(nodes[0].applied.isEmpty && machine.applied.isEmpty)
    }

    @Test("A configuration keeps the images of Kubernetes that the node runs")
    func keepsImages() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let live = try EngineFixture.configuration("demo-cp-0").yaml()
        nodes[0].change { $0.configuration = Array(live.replacing("v1.33.1", with: "v1.32.9").utf8) }
        #expect(await fixture.perform(.apply(.staged), on: "demo-cp-0") == .done)
        let sent = try #require(nodes[0].applied.first)
        #expect(sent.mode == .staged && sent.text.contains("v1.32.9") && !sent.text.contains("v1.33.1"))
    }

    @Test("One image is changed and keeps its registry; nothing is sent when it is there already")
    func setImage() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let live = try EngineFixture.configuration("demo-cp-0").yaml()
            .replacing(
                "ghcr.io/siderolabs/kubelet:v1.33.1",
                with: "mirror.local:5000/k/kubelet:v1.33.1-fat@sha256:12")
        nodes[0].change { $0.configuration = Array(live.utf8) }
        let next = try #require(Release("v1.33.2"))
        #expect(await fixture.perform(.setImage(.kubelet, next), on: "demo-cp-0") == .done)
        let sent = try #require(nodes[0].applied.first)
        let expected = live.replacing("kubelet:v1.33.1-fat@sha256:12", with: "kubelet:v1.33.2-fat")
        #expect(sent.text == expected && sent.mode == .noReboot)
        let present = try #require(Release("v1.33.1"))
        #expect(await fixture.perform(.setImage(.scheduler, present), on: "demo-cp-0") == .alreadyDone)
        #expect(nodes[0].applied.count == 1)
    }

    @Test(
        "A node that says it is another one is asked for nothing; what cannot be made good needs its own name"
    )
    func identity() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let look = await fixture.observer.look(at: fixture.cluster, fixture.record, .close)
        let performer = fixture.performer()
        func perform(_ kind: LifecycleAction.Kind) async -> ActionResult {
            await performer.perform(
                LifecycleAction(kind, on: "demo-cp-0"), in: fixture.cluster, look.observation, NoStore())
        }
        let reset = LifecycleAction.Kind.reset(
            LifecycleAction.ResetCall(isGraceful: false, reboots: true, wipe: .ephemeral))
        nodes[0].change { $0.name = "demo-cp-1" }
        for kind in [reset, .reboot(.default), .leaveEtcd, .bootstrap, .apply(.staged)] {
            #expect(
                await perform(kind) == .refused("the node at 192.0.2.1:50000 says that it is demo-cp-1"))
        }
        nodes[0].change { $0.name = "talos-abc-def" }
        #expect(await perform(reset) != .done)
        #expect(await perform(.leaveEtcd) != .done)
        #expect(await perform(.reboot(.default)) == .done)
        nodes[0].change { $0.name = nil }
        #expect(await perform(reset) == .notNow("the node does not tell its name"))
        #expect(nodes[0].resets.isEmpty && !nodes[0].calls.contains("etcdLeave"))
    }

    @Test("A reset names what is wiped")
    func reset() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        func reset(_ wipe: DeletionPolicy.Wipe) async -> ActionResult {
            await fixture.perform(
                .reset(LifecycleAction.ResetCall(isGraceful: true, reboots: true, wipe: wipe)), on: "demo-w-0"
            )
        }
        #expect(await reset(.ephemeral) == .done)
        #expect(await reset(.systemDisk) == .done)
        #expect(await reset(.all) == .notNow("the node does not tell which disk is its own"))
        nodes[3].change { state in
            state.disks = [
                NodeDisk(deviceName: "/dev/sda", size: 1, isSystemDisk: true),
                NodeDisk(deviceName: "/dev/sdb", size: 1),
                NodeDisk(deviceName: "/dev/sr0", size: 1, kind: .cd),
                NodeDisk(deviceName: "/dev/loop0", size: 1, busPath: "/virtual"),
                NodeDisk(deviceName: "/dev/sdc", size: 1, isReadOnly: true),
            ]
        }
        #expect(await reset(.all) == .done)
        #expect(
            nodes[3].resets.map(\.wipe) == [
                .system(.partitions(NonEmpty("STATE", "EPHEMERAL")), userDisks: []),
                .system(.disk, userDisks: []), .system(.disk, userDisks: ["/dev/sdb"]),
            ])
        #expect(nodes[3].resets.allSatisfy { $0.graceful && $0.reboot })
    }

    @Test("Nothing is asked of a node once this process may no longer be the leader")
    func fence() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let fence = WriteFence(clock: fixture.clock)
        #expect(
            await fixture.perform(.bootstrap, on: "demo-cp-0", fence: fence)
                == .notNow("this process may no longer be the leader"))
        #expect(!nodes[0].calls.contains("bootstrap"))
        fence.open(until: fixture.clock.now + .seconds(10))
        #expect(await fixture.perform(.bootstrap, on: "demo-cp-0", fence: fence) == .done)
    }

    @Test("What a node says of a configuration that it refuses is told without secrets")
    func refusedConfiguration() async throws {
        let fixture = try EngineFixture()
        let nodes = try fixture.runAll()
        let token = try #require(try EngineFixture.configuration("demo-w-0")["machine", "token"]?.string)
        nodes[3].change { state in
            state.failures["apply"] = .status(
                GRPCStatus(.invalidArgument, "token `\(token.prefix(9))...` is bad"))
        }
        #expect(
            await fixture.perform(.apply(.noReboot), on: "demo-w-0")
                == .refused("INVALID_ARGUMENT: token `******` is bad"))
    }
}
