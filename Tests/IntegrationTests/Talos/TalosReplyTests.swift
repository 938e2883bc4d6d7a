// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import Talos
import TalosAPI
import TestSupport
import Testing

@Suite("Talos' replies, as its own stubs encode them", .timeLimit(.minutes(15)))
struct TalosReplyTests {
    private let recorder: RecordedNode
    private var node: any TalosNode { recorder.node }

    init() async throws {
        recorder = try await RecordedNode()
    }

    /// The item of the one reply that the recorder has sent.
    private func item() async throws -> JSONValue {
        try #require(await recorder.calls(1).first).item
    }

    private static func text(_ value: JSONValue?) -> String { value?.string ?? "?" }
    private static func texts(_ value: JSONValue?) -> [String] { value?.array?.compactMap(\.string) ?? [] }
    private static func unsigned(_ value: JSONValue?) -> UInt64? { value?.string.flatMap { UInt64($0) } }
    private static func signed(_ value: JSONValue?) -> Int64? { value?.integer }
    private static func time(_ value: JSONValue?) -> Timestamp? {
        value?.integer.map { Timestamp(nanosecondsSince1970: $0 * 1_000_000_000) }
    }

    @Test("Version")
    func version() async throws {
        let version = try await node.version(within: patience)
        let item = try await item()
        #expect(
            version
                == VersionInfo(
                    tag: Self.text(item["version"]?["tag"]), sha: Self.text(item["version"]?["sha"]),
                    operatingSystem: Self.text(item["version"]?["os"]),
                    architecture: Self.text(item["version"]?["arch"]),
                    platform: Self.text(item["platform"]?["name"]),
                    mode: Self.text(item["platform"]?["mode"]),
                    hasRBAC: true))
    }

    @Test("ApplyConfiguration")
    func apply() async throws {
        let result = try await node.applyConfiguration([1], mode: .auto, dryRun: true, within: patience)
        let item = try await item()
        #expect(item["mode"] == 1)
        #expect(
            result
                == ApplyResult(
                    effect: .auto, warnings: Self.texts(item["warnings"]),
                    details: Self.text(item["mode_details"]))
        )
        #expect(result.warnings.count == 2)
    }

    @Test("Actors")
    func actors() async throws {
        let actors = [
            try await node.upgrade(LegacyUpgradeRequest(image: "a", preserve: false), within: patience),
            try await node.reset(
                ResetRequest(graceful: false, reboot: true, wipe: .system(.disk, userDisks: [])),
                within: patience),
            try await node.reboot(mode: .normal, within: patience),
            try await node.shutdown(force: false, within: patience),
        ]
        let items = await recorder.calls(4).map(\.item)
        #expect(actors.map(\.description) == items.map { Self.text($0["actor_id"]) })
        #expect(actors.allSatisfy { $0.description.hasPrefix("actor_id") })
    }

    @Test("Members of etcd")
    func members() async throws {
        let members = try await node.etcdMembers(local: false, within: patience)
        let expected = try await item()["members"]?.array ?? []
        #expect(expected.count == 2)
        #expect(
            members
                == expected.map {
                    EtcdMember(
                        id: Self.unsigned($0["id"]) ?? 0, hostname: Self.text($0["hostname"]),
                        peerURLs: Self.texts($0["peer_urls"]), clientURLs: Self.texts($0["client_urls"]),
                        isLearner: true)
                })
        #expect(members.allSatisfy { $0.id > UInt64(Int64.max) && $0.peerURLs.count == 2 })
    }

    @Test("Status of etcd")
    func etcdStatus() async throws {
        let status = try await node.etcdStatus(within: patience)
        let expected = try await item()["member_status"] ?? .null
        #expect(
            status
                == EtcdStatus(
                    memberID: Self.unsigned(expected["member_id"]) ?? 0,
                    leader: Self.unsigned(expected["leader"]) ?? 0,
                    databaseSize: Self.signed(expected["db_size"]) ?? 0,
                    databaseSizeInUse: Self.signed(expected["db_size_in_use"]) ?? 0,
                    raftIndex: Self.unsigned(expected["raft_index"]) ?? 0,
                    raftTerm: Self.unsigned(expected["raft_term"]) ?? 0,
                    raftAppliedIndex: Self.unsigned(expected["raft_applied_index"]) ?? 0, isLearner: true,
                    errors: Self.texts(expected["errors"]),
                    protocolVersion: Self.text(expected["protocol_version"]),
                    storageVersion: Self.text(expected["storage_version"])))
    }

    @Test("Alarms, leadership, host name")
    func small() async throws {
        let alarms = try await node.etcdAlarms(within: patience)
        let leader = try await node.etcdForfeitLeadership(within: patience)
        let hostname = try await node.hostname(within: patience)
        let items = await recorder.calls(3).map(\.item)
        #expect(
            alarms
                == (items[0]["member_alarms"]?.array ?? []).map {
                    EtcdAlarm(
                        memberID: Self.unsigned($0["member_id"]) ?? 0,
                        kind: $0["alarm"] == 1 ? .noSpace : .corrupt)
                })
        #expect(alarms.count == 2)
        #expect(leader == Self.text(items[1]["member"]))
        #expect(hostname == Self.text(items[2]["hostname"]))
    }

    @Test("Services")
    func services() async throws {
        let services = try await node.services(within: patience)
        let expected = try await item()["services"]?.array ?? []
        #expect(services.count == 2)
        #expect(
            services
                == expected.map { service in
                    ServiceInfo(
                        id: Self.text(service["id"]), state: .other(Self.text(service["state"])),
                        health: .unknown,
                        events: (service["events"]?["events"]?.array ?? []).map {
                            ServiceInfo.Event(
                                state: .other(Self.text($0["state"])), message: Self.text($0["msg"]),
                                time: Self.time($0["ts"]))
                        })
                })
        #expect(services.first?.events.count == 2)
        #expect(services.first?.events.first?.time != nil)
    }

    @Test("Disks")
    func disks() async throws {
        let disks = try await node.disks(within: patience)
        let expected = try await item()["disks"]?.array ?? []
        let kinds: [NodeDisk.Kind] = [.unknown, .ssd, .hdd, .nvme, .sd, .cd]
        #expect(
            disks
                == expected.map {
                    NodeDisk(
                        deviceName: Self.text($0["device_name"]), size: Self.unsigned($0["size"]) ?? 0,
                        model: Self.text($0["model"]), serial: Self.text($0["serial"]),
                        wwid: Self.text($0["wwid"]),
                        uuid: Self.text($0["uuid"]), kind: kinds[Int($0["type"]?.integer ?? 0)],
                        busPath: Self.text($0["bus_path"]), isSystemDisk: true, isReadOnly: true)
                })
        #expect(disks.count == 2)
    }

    @Test("Time and memory")
    func timeAndMemory() async throws {
        let time = try await node.time(within: patience)
        let memory = try await node.memory(within: patience)
        let items = await recorder.calls(2).map(\.item)
        #expect(
            time
                == NodeTime(
                    server: Self.text(items[0]["server"]), local: Self.time(items[0]["localtime"]),
                    remote: Self.time(items[0]["remotetime"])))
        #expect(time.remote != nil)
        #expect(memory.total == Self.unsigned(items[1]["meminfo"]?["memtotal"]))
        #expect(memory.available == Self.unsigned(items[1]["meminfo"]?["memavailable"]))
    }

    @Test("Images")
    func images() async throws {
        #expect(try await node.pullImage("a", namespace: .cri, within: patience) == "pulled@sha256:abc")
        let result = try await node.lifecycleUpgrade(image: "a", within: patience)
        #expect(result == InstallResult(exitCode: 0, messages: (5..<25).map { "line \($0)" }))
        #expect(result.succeeded)
    }

    @Test("Resources, with what they say in YAML")
    func resources() async throws {
        let resource = try #require(try await node.resource(.machineStatus, id: "machine", within: patience))
        let list = try await node.resources(.machineStatus, matching: .all, within: patience)
        let calls = await recorder.calls(2)
        let expected = calls[0].reply.first?["resource"] ?? .null
        let metadata = expected["metadata"] ?? .null
        #expect(
            resource.metadata
                == TalosResource.Metadata(
                    kind: ResourceKind(
                        namespace: Self.text(metadata["namespace"]), type: Self.text(metadata["type"])),
                    id: Self.text(metadata["id"]), version: Self.text(metadata["version"]),
                    owner: Self.text(metadata["owner"]), labels: ["labels-key": "labels-value"],
                    annotations: ["annotations-key": "annotations-value"],
                    finalizers: Self.texts(metadata["finalizers"]), created: Self.time(metadata["created"]),
                    updated: Self.time(metadata["updated"])))
        #expect(
            resource.spec == [
                "stage": "running", "status": ["ready": true, "unmetConditions": []], "name": "yes",
                "count": 3,
            ])
        #expect(resource.encodedSpec.prefix(3) == [1, 0, 255])
        #expect(MachineStatus(resource: resource) == MachineStatus(stage: .running, isReady: true))
        #expect(
            list.map(\.metadata.id) == calls[1].reply.map { Self.text($0["resource"]?["metadata"]?["id"]) })
        #expect(list.count == 2)
    }

    @Test("Watches, up to their error")
    func watch() async throws {
        let watch = try await node.watch(.service, id: nil, within: patience)
        var kinds: [String] = []
        let end = await Result { () async throws(TalosError) in
            while let event = try await watch.next() {
                switch event {
                case .created: kinds.append("created")
                case .updated(_, let old):
                    kinds.append("updated from \(old == nil ? "nothing" : "something")")
                case .bootstrapped: kinds.append("bootstrapped")
                case .destroyed: kinds.append("destroyed")
                }
            }
        }
        #expect(kinds == ["created", "updated from something", "bootstrapped", "destroyed"])
        #expect(end.failure == .status(GRPCStatus(.aborted, "the watch ended: compacted")))
    }

    @Test("Events of every kind")
    func events() async throws {
        let stream = try await node.events(EventsRequest(start: .now), within: patience)
        var events: [NodeEvent] = []
        while let event = try await stream.next() { events.append(event) }
        #expect(events.count == 10)
        #expect(events.dropLast().allSatisfy { $0.actor == ActorID("actor") && $0.id.hasPrefix("id-") })
        guard case .machineStatus(let status) = events[0].payload else {
            throw NodeProgram.Failure(output: [])
        }
        #expect(status.isReady)
        #expect(status.unmetConditions.count == 2)
        #expect(
            status.unmetConditions.allSatisfy { $0.name.hasPrefix("name") && $0.reason.hasPrefix("reason") })
        guard case .sequence(let name, _, let error?) = events[1].payload else {
            throw NodeProgram.Failure(output: [])
        }
        #expect(name.hasPrefix("sequence") && error.hasPrefix("message"))
        guard case .phase(let phase, true) = events[2].payload,
            case .task(let task, true) = events[3].payload,
            case .service(let id, _, let message) = events[4].payload,
            case .address(let hostname, let addresses) = events[5].payload,
            case .configurationError(let first) = events[6].payload,
            case .configurationError(let second) = events[7].payload, case .restart = events[8].payload
        else { throw NodeProgram.Failure(output: []) }
        #expect(phase.hasPrefix("phase") && task.hasPrefix("task") && id.hasPrefix("service"))
        #expect(message.hasPrefix("message") && hostname.hasPrefix("hostname") && addresses.count == 2)
        #expect(first.hasPrefix("error") && second.hasPrefix("error"))
        #expect(events[9].payload == .other(type: "talos/runtime/machine.NewEvent"))
    }
}
