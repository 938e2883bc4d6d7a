// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos
import TalosAPI
import TestSupport
import Testing

@Suite("Requests to Talos, as its own stubs decode them", .timeLimit(.minutes(15)))
struct TalosRequestTests {
    private let recorder: RecordedNode
    private var node: any TalosNode { recorder.node }

    init() async throws {
        recorder = try await RecordedNode()
    }

    /// The request that the recorder decoded, after `call`.
    private func request(_ method: String, _ call: () async throws -> Void) async throws -> JSONValue {
        try await call()
        let recorded = try #require(await recorder.calls(1).first)
        #expect(recorded.method == method)
        #expect(recorded.requests.count == 1)
        return recorded.request
    }

    private static func machine(_ method: String) -> String { "/machine.MachineService/\(method)" }

    @Test(
        "A configuration is applied in the mode that was asked for",
        arguments: [
            (.reboot, 0, 0), (.auto, 1, 0), (.noReboot, 2, 0), (.staged, 3, 0),
            (.try(timeout: .seconds(90)), 4, 90),
        ] as [(ApplyMode, Int64, Int64)], [false, true])
    func apply(mode: (mode: ApplyMode, number: Int64, timeout: Int64), dryRun: Bool) async throws {
        let request = try await request(Self.machine("ApplyConfiguration")) {
            _ = try await node.applyConfiguration(
                [1, 2, 255], mode: mode.mode, dryRun: dryRun, within: patience)
        }
        #expect(
            request == [
                "data": "0102ff", "mode": .integer(mode.number), "dry_run": .bool(dryRun),
                "try_mode_timeout": .integer(mode.timeout),
            ])
    }

    @Test("A bootstrap restores only what it is told to")
    func bootstrap() async throws {
        for recovery in [nil, EtcdRecovery(skipsHashCheck: false), EtcdRecovery(skipsHashCheck: true)] {
            try await node.bootstrap(recovery: recovery, within: patience)
        }
        let requests = await recorder.calls(3).map(\.request)
        #expect(
            requests == [
                ["recover_etcd": false, "recover_skip_hash_check": false],
                ["recover_etcd": true, "recover_skip_hash_check": false],
                ["recover_etcd": true, "recover_skip_hash_check": true],
            ])
    }

    @Test("Each field of a legacy upgrade is its own", arguments: 0..<5)
    func upgrade(flag: Int) async throws {
        let request = try await request(Self.machine("Upgrade")) {
            _ = try await node.upgrade(
                LegacyUpgradeRequest(
                    image: "installer:v1", preserve: flag == 0, stage: flag == 1, force: flag == 2,
                    rebootsByPowerCycle: flag == 3), within: patience)
        }
        #expect(
            request == [
                "image": "installer:v1", "preserve": .bool(flag == 0), "stage": .bool(flag == 1),
                "force": .bool(flag == 2), "reboot_mode": .integer(flag == 3 ? 1 : 0),
            ])
    }

    @Test(
        "A reset wipes what it was told to, and nothing that a node refuses can be asked for",
        arguments: [
            (.system(.disk, userDisks: []), [], [], 1),
            (.system(.disk, userDisks: ["/dev/sdb", "/dev/sdc"]), [], ["/dev/sdb", "/dev/sdc"], 0),
            (
                .system(.partitions(NonEmpty("STATE", "EPHEMERAL")), userDisks: []), ["STATE", "EPHEMERAL"],
                [], 1
            ),
            (
                .system(.partitions(NonEmpty("EPHEMERAL")), userDisks: ["/dev/sdb"]), ["EPHEMERAL"],
                ["/dev/sdb"], 0
            ),
            (.userDisks(NonEmpty("/dev/sdb")), [], ["/dev/sdb"], 2),
        ] as [(ResetRequest.Wipe, [String], [String], Int64)])
    func reset(wipe: ResetRequest.Wipe, partitions: [String], disks: [String], mode: Int64) async throws {
        for (graceful, reboot) in [(false, true), (true, false)] {
            _ = try await node.reset(
                ResetRequest(graceful: graceful, reboot: reboot, wipe: wipe), within: patience)
        }
        let requests = await recorder.calls(2).map(\.request)
        #expect(
            requests
                == [(false, true), (true, false)].map { graceful, reboot in
                    [
                        "graceful": .bool(graceful), "reboot": .bool(reboot),
                        "system_partitions_to_wipe": .array(
                            partitions.map { ["label": .string($0), "wipe": true] }),
                        "user_disks_to_wipe": .array(disks.map { .string($0) }), "mode": .integer(mode),
                    ]
                })
    }

    @Test("Reboots, shutdowns and the like say what they mean")
    func power() async throws {
        for mode in [RebootMode.normal, .powerCycle, .force] {
            _ = try await node.reboot(mode: mode, within: patience)
        }
        for force in [false, true] { _ = try await node.shutdown(force: force, within: patience) }
        try await node.rollback(within: patience)
        try await node.restartService(id: "etcd", within: patience)
        let calls = await recorder.calls(7)
        #expect(
            calls.map(\.request) == [
                ["mode": 0], ["mode": 1], ["mode": 2], ["force": false], ["force": true], [:], ["id": "etcd"],
            ])
        #expect(calls.suffix(2).map(\.method) == ["Rollback", "ServiceRestart"].map(Self.machine))
    }

    @Test("Members of etcd are named by all 64 bits")
    func etcd() async throws {
        _ = try await node.etcdMembers(local: true, within: patience)
        _ = try await node.etcdMembers(local: false, within: patience)
        try await node.etcdRemoveMember(id: .max - 1, within: patience)
        try await node.etcdLeave(within: patience)
        _ = try await node.etcdForfeitLeadership(within: patience)
        _ = try await node.etcdAlarms(within: patience)
        _ = try await node.etcdDisarm(within: patience)
        try await node.etcdDefragment(within: patience)
        let calls = await recorder.calls(8)
        #expect(
            calls.map(\.request) == [
                ["query_local": true], ["query_local": false], ["member_id": "18446744073709551614"], [:],
                [:], [:],
                [:], [:],
            ])
        #expect(
            calls.map(\.method)
                == [
                    "EtcdMemberList", "EtcdMemberList", "EtcdRemoveMemberByID", "EtcdLeaveCluster",
                    "EtcdForfeitLeadership", "EtcdAlarmList", "EtcdAlarmDisarm", "EtcdDefragment",
                ].map(Self.machine))
    }

    @Test("A snapshot is uploaded piece by piece, and none of it is lost")
    func recover() async throws {
        let snapshot = (0..<(5 << 19)).map { UInt8(truncatingIfNeeded: $0 / 7) }
        try await node.etcdRecover(snapshot: snapshot, within: patience)
        let call = try #require(await recorder.calls(1).first)
        #expect(call.requests.count == 3)
        let digits = Array("0123456789abcdef".utf8)
        let text = snapshot.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        let received = call.requests.map { $0["bytes"]?.string ?? "" }.joined()
        #expect(received.utf8.elementsEqual(text))
    }

    @Test("Images are pulled and installed where the kubelet's and the installer's are kept")
    func images() async throws {
        _ = try await node.pullImage("kubelet:v1", namespace: .system, within: patience)
        _ = try await node.pullImage("apiserver:v1", namespace: .cri, within: patience)
        _ = try await node.lifecycleUpgrade(image: "installer:v1", within: patience)
        try await node.legacyPullImage("kubelet:v1", namespace: .system, within: patience)
        try await node.legacyPullImage("apiserver:v1", namespace: .cri, within: patience)
        let requests = await recorder.calls(5).map(\.request)
        #expect(
            requests == [
                ["containerd": ["driver": 1, "namespace": 1], "image_ref": "kubelet:v1"],
                ["containerd": ["driver": 1, "namespace": 2], "image_ref": "apiserver:v1"],
                ["containerd": ["driver": 1, "namespace": 1], "source": ["image_name": "installer:v1"]],
                ["namespace": 1, "reference": "kubelet:v1"], ["namespace": 2, "reference": "apiserver:v1"],
            ])
    }

    @Test("Events are asked for from where they were left off")
    func events() async throws {
        for start in [EventsRequest.Start.now, .last(-1), .after(id: "cq"), .seconds(30)] {
            let stream = try await node.events(
                EventsRequest(start: start, actor: ActorID("me")), within: patience)
            while try await stream.next() != nil {}
        }
        let requests = await recorder.calls(4).map(\.request)
        #expect(
            requests == [
                ["tail_events": 0, "tail_id": "", "tail_seconds": 0, "with_actor_id": "me"],
                ["tail_events": -1, "tail_id": "", "tail_seconds": 0, "with_actor_id": "me"],
                ["tail_events": 0, "tail_id": "cq", "tail_seconds": 0, "with_actor_id": "me"],
                ["tail_events": 0, "tail_id": "", "tail_seconds": 30, "with_actor_id": "me"],
            ])
    }

    @Test("Resources are asked for by namespace, type and ID, or by labels")
    func resources() async throws {
        _ = try await node.resource(.machineStatus, id: "machine", within: patience)
        _ = try await node.resources(.extensionStatus, matching: .all, within: patience)
        _ = try await node.resources(
            .manifest, matching: ResourceSelector(labels: ["b": "2", "a": "1"], idPattern: "^0"),
            within: patience)
        for id in ["etcd", nil] {
            let watch = try await node.watch(.service, id: id, within: patience)
            _ = await Result { () async throws(TalosError) in while try await watch.next() != nil {} }
        }
        let requests = await recorder.calls(5).map(\.request)
        #expect(
            requests[0] == [
                "namespace": "runtime", "type": "MachineStatuses.runtime.talos.dev", "id": "machine",
                "options": [:],
            ])
        #expect(
            requests[1] == [
                "namespace": "runtime", "type": "ExtensionStatuses.runtime.talos.dev",
                "options": ["label_query": [], "id_query": ["regexp": ""]],
            ])
        let terms: JSONValue = [
            ["key": "a", "op": 1, "value": ["1"], "invert": false],
            ["key": "b", "op": 1, "value": ["2"], "invert": false],
        ]
        #expect(
            requests[2] == [
                "namespace": "controlplane", "type": "Manifests.kubernetes.talos.dev",
                "options": ["label_query": [["terms": terms]], "id_query": ["regexp": "^0"]],
            ])
        #expect(requests[3]["id"] == "etcd")
        #expect(requests[3]["options"]?["bootstrap_contents"] == false)
        #expect(requests[3]["api_version"] == 1)
        #expect(requests[4]["id"] == .null)
        #expect(requests[4]["options"]?["bootstrap_contents"] == true)
    }

    @Test("A call names no other node, says how long it may take, and comes with our certificate")
    func headers() async throws {
        _ = try await node.version(within: .seconds(77))
        let call = try #require(await recorder.calls(1).first)
        #expect(call.headers["node"] == nil)
        #expect(call.headers["nodes"] == nil)
        #expect(call.peer.contains("os:admin"))
        let deadline = try #require(call.deadline.kindDescription == "a number" ? call.deadline : nil)
        #expect("\(deadline)".contains("7"))
    }
}
