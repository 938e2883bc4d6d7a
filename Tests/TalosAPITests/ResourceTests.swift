// SPDX-License-Identifier: Apache-2.0
import HTTP
import StructuredData
import TestSupport
import Testing

@testable import TalosAPI

@Suite("Resources")
struct ResourceTests {
    private static let head = HTTPResponseHead(status: 200, headers: ["content-type": "application/grpc"])

    /// A resource in protobuf.
    private static func resource(id: String = "x", yaml: String, encoded: [UInt8] = []) -> [UInt8] {
        ProtobufWriter.message { writer in
            writer.message(1) {
                $0.string(1, "runtime")
                $0.string(2, "Things.runtime.talos.dev")
                $0.string(3, id)
                $0.string(4, "7")
                $0.string(6, "tearingDown")
            }
            writer.message(2) {
                $0.bytes(1, encoded)
                $0.string(2, yaml)
            }
        }
    }

    private static func node(_ messages: [UInt8]...) -> TalosNodeClient {
        let replies = messages.map { message in ProtobufWriter.message { $0.element(1, message) } }
        return TalosNodeClient(
            ScriptedTransport { _ in
                replies.count == 1
                    ? .response(
                        HTTPResponse(
                            head: head, body: GRPCFrames.frame(replies[0]), trailers: ["grpc-status": "0"]))
                    : .stream(
                        head, ScriptedBody(replies.map(GRPCFrames.frame), trailers: ["grpc-status": "0"]))
            })
    }

    private static func failing(_ status: GRPCStatus.Code) -> TalosNodeClient {
        TalosNodeClient(
            ScriptedTransport { _ in
                .response(HTTPResponse(head: head, trailers: ["grpc-status": "\(status.rawValue)"]))
            })
    }

    @Test("A status says stage, readiness and what is missing")
    func machineStatus() async throws {
        let yaml = """
            stage: shutting down
            status:
                ready: false
                unmetConditions:
                    - name: services
                      reason: etcd not healthy
            """
        let status = try await Self.node(Self.resource(yaml: yaml)).machineStatus()
        #expect(
            status
                == MachineStatus(
                    stage: .shuttingDown, isReady: false,
                    unmetConditions: [.init(name: "services", reason: "etcd not healthy")]))
        let odd = try await Self.node(Self.resource(yaml: "stage: levitating\n")).machineStatus()
        #expect(odd == MachineStatus(stage: .other("levitating"), isReady: false))
        #expect("\(MachineStage.other("levitating"))" == "levitating")
    }

    @Test("What is not there is nil, and what fails is an error")
    func absent() async throws {
        #expect(try await Self.failing(.notFound).machineStatus() == nil)
        #expect(try await Self.failing(.notFound).nodename() == nil)
        #expect(try await Self.failing(.notFound).machineConfiguration() == nil)
        await #expect(throws: TalosError.status(GRPCStatus(.permissionDenied))) {
            _ = try await Self.failing(.permissionDenied).machineStatus()
        }
    }

    @Test("A configuration is the very bytes that were submitted, and nothing prints them")
    func configuration() async throws {
        let text = "# canary\nversion: v1alpha1\n---\nkind: X\n"
        let encoded = ProtobufWriter.message { $0.string(1, text) }
        let configuration = try #require(
            try await Self.node(Self.resource(yaml: text, encoded: encoded)).machineConfiguration())
        #expect(String(decoding: configuration.bytes, as: UTF8.self) == text)
        #expect(configuration.version == "7")
        let block = try #require(
            try await Self.node(Self.resource(yaml: "|\n    version: v1alpha1\n")).machineConfiguration())
        #expect(String(decoding: block.bytes, as: UTF8.self) == "version: v1alpha1\n")
        let resource = try #require(
            try await Self.node(Self.resource(yaml: text, encoded: encoded)).resource(.machineConfig, id: "x")
        )
        var printed = "\(configuration) \(resource) \(String(reflecting: resource))"
        dump(configuration, to: &printed)
        dump(resource, to: &printed)
        #expect(!printed.contains("canary"))
    }

    @Test("A configuration that is only there rewritten is none")
    func rewritten() async throws {
        await #expect(throws: TalosError.self) {
            _ = try await Self.node(Self.resource(yaml: "version: v1alpha1\n")).machineConfiguration()
        }
    }

    @Test("The schematic is the version of the extension of that name")
    func schematic() async throws {
        let node = Self.node(
            Self.resource(id: "0", yaml: "metadata:\n  name: iscsi-tools\n  version: v1\n"),
            Self.resource(id: "1", yaml: "metadata:\n  name: schematic\n  version: abc123\n"))
        #expect(try await node.schematicID() == "abc123")
        let none = Self.node(Self.resource(yaml: "{}"), Self.resource(yaml: "{}"))
        #expect(try await none.schematicID() == nil)
    }

    @Test("A member of etcd is named in hexadecimal digits, all 64 bits of them")
    func member() async throws {
        let node = Self.node(Self.resource(yaml: "memberID: fedcba9876543210\n"))
        #expect(try await node.etcdMemberID() == 0xFEDC_BA98_7654_3210)
        await #expect(throws: TalosError.self) {
            _ = try await Self.node(Self.resource(yaml: "memberID: ''\n")).etcdMemberID()
        }
    }

    @Test("A member whose name has digits alone is no number of another base")
    func digits() async throws {
        let node = Self.node(Self.resource(yaml: "memberID: \"1234567890123456\"\n"))
        #expect(try await node.etcdMemberID() == 0x1234_5678_9012_3456)
    }

    @Test("Services, names, pods and components are read")
    func others() async throws {
        let service = try await Self.node(
            Self.resource(yaml: "running: true\nhealthy: true\nunknown: false\n")
        )
        .service(id: "etcd")
        #expect(service == ServiceStatus(isRunning: true, isHealthy: true, isUnknown: false))
        #expect(try await Self.node(Self.resource(yaml: "nodename: cp-1\n")).nodename() == "cp-1")
        let pods = try await Self.node(
            Self.resource(
                id: "kube-system/a",
                yaml: "phase: Running\nconditions:\n- type: Ready\n  status: \"True\"\n"),
            Self.resource(
                id: "kube-system/b",
                yaml: "phase: Pending\nconditions:\n- type: Ready\n  status: \"False\"\n")
        ).staticPods()
        #expect(
            pods == [
                StaticPodStatus(id: "kube-system/a", isReady: true, phase: "Running"),
                StaticPodStatus(id: "kube-system/b", isReady: false, phase: "Pending"),
            ])
        let component = try await Self.node(
            Self.resource(yaml: "image: registry.k8s.io/kube-apiserver:v1.36.0\n")
        )
        .componentConfig(.apiServer)
        #expect(component == ComponentConfig(image: "registry.k8s.io/kube-apiserver:v1.36.0", version: "7"))
    }

    @Test("YAML that cannot be read is told without any of it")
    func broken() async throws {
        let error = await #expect(throws: TalosError.self) {
            _ = try await Self.node(Self.resource(yaml: "canary: [\n")).machineStatus()
        }
        #expect("\(error, default: "none")".contains("its YAML cannot be read"))
        #expect(!"\(error, default: "none")".contains("canary"))
    }

    @Test("A dry run that would change nothing is known by its last line")
    func noChanges() {
        for (details, expected) in [
            ("Dry run summary:\nApplied configuration without a reboot.\nConfig diff:\n\nNo changes.", true),
            ("Dry run summary:\nNo changes.\n", true), ("No changes.", true), ("No changes. But one", false),
            ("+ text: No changes.", false), ("", false),
        ] {
            #expect(ApplyResult(effect: .auto, details: details).hasNoChanges == expected)
        }
    }

    @Test("States and stages read as they are written")
    func words() {
        for word in [
            "Initialized", "Preparing", "Waiting", "Starting", "Running", "Stopping", "Finished", "Odd",
        ] {
            #expect("\(ServiceInfo.State(word: word))" == word)
        }
        for (number, stage) in MachineStage.known.map(\.stage).enumerated() {
            #expect(MachineStage(number: Int32(number)) == stage)
            #expect(MachineStage(word: "\(stage)") == stage)
        }
        #expect(MachineStage(number: 99) == .other("99"))
        #expect(MachineStage(number: -1) == .other("-1"))
        #expect(ServiceInfo(id: "a", state: .running).isRunningAndHealthy)
        #expect(!ServiceInfo(id: "a", state: .running, health: .unhealthy("x")).isRunningAndHealthy)
        #expect(!ServiceInfo(id: "a", state: .preparing, health: .healthy).isRunningAndHealthy)
    }

    @Test("A list that may not be empty cannot be made without an element")
    func nonEmpty() {
        #expect(NonEmpty([String]()) == nil)
        #expect(NonEmpty(["a", "b"]) == NonEmpty("a", "b"))
    }
}
