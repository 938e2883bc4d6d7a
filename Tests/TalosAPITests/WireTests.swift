// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import StructuredData
import TestSupport
import Testing

@testable import TalosAPI

/// Calls whose messages are in no package of stubs: what is on the wire was made by protobuf's own compiler, from
/// Talos' definitions of 1.13 and those of COSI.
@Suite("Messages as protobuf's compiler encodes them")
struct WireTests {
    private static let head = HTTPResponseHead(status: 200, headers: ["content-type": "application/grpc"])
    private static let ok: HTTPHeaders = ["grpc-status": "0"]
    private static let kind = ResourceKind(namespace: "n", type: "T")

    private static func bytes(_ text: String) -> [UInt8] {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// A server that answers with messages.
    private static func server(_ messages: String...) -> ScriptedTransport {
        let frames = messages.map { GRPCFrames.frame(bytes($0)) }
        return ScriptedTransport { request in
            request.target.hasSuffix("Get") || request.target.hasSuffix("EtcdStatus")
                ? .response(HTTPResponse(head: head, body: Array(frames.joined()), trailers: ok))
                : .stream(head, ScriptedBody(frames, trailers: ok))
        }
    }

    /// Whether that is the one request that was made.
    private static func expect(
        _ server: ScriptedTransport, _ method: String, _ message: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(server.requests.map(\.target) == [method], sourceLocation: sourceLocation)
        #expect(
            server.requests.first?.body == GRPCFrames.frame(bytes(message)), sourceLocation: sourceLocation)
    }

    @Test("LifecycleService/Upgrade", arguments: [("0a021000", 0), ("0a0b10ffffffffffffffffff01", -1)])
    func lifecycleUpgrade(end: String, code: Int32) async throws {
        let server = Self.server("0a090a07636f7079696e67", end)
        let result = try await TalosNodeClient(server).lifecycleUpgrade(image: "installer:v1")
        #expect(result == InstallResult(exitCode: code, messages: ["copying"]))
        Self.expect(
            server, "/machine.LifecycleService/Upgrade",
            "0a0408011001120e0a0c696e7374616c6c65723a7631")
    }

    @Test("ImageService/Pull")
    func pull() async throws {
        let server = Self.server(
            "12180a087368613235363a61120c080212040803100518042005",
            "0a106b7562656c6574407368613235363a62")
        let name = try await TalosNodeClient(server).pullImage("kubelet:v1", namespace: .cri)
        #expect(name == "kubelet@sha256:b")
        Self.expect(server, "/machine.ImageService/Pull", "0a04080110021a0a6b7562656c65743a7631")
    }

    @Test("MachineService/EtcdStatus")
    func etcdStatus() async throws {
        let server = Self.server(
            """
            0a3a0a030a016112330a05332e362e341080e497d0121807200c280d300e380f42036f6e65420374776f480150fe\
            ffffffffffffffff015a03332e36
            """)
        let status = try await TalosNodeClient(server).etcdStatus()
        #expect(
            status
                == EtcdStatus(
                    memberID: .max - 1, leader: 12, databaseSize: 5_000_000_000, databaseSizeInUse: 7,
                    raftIndex: 13, raftTerm: 14, raftAppliedIndex: 15, isLearner: true,
                    errors: ["one", "two"],
                    protocolVersion: "3.6.4", storageVersion: "3.6"))
        Self.expect(server, "/machine.MachineService/EtcdStatus", "")
    }

    @Test("A node's error in the metadata of a reply")
    func metadata() async {
        let server = Self.server("0a200a1e0a016112076e6f20657463641a10080912076e6f20657463641a030a0174")
        await #expect(
            throws: TalosError.node(hostname: "a", GRPCStatus(.failedPrecondition, "no etcd"))
        ) { try await TalosNodeClient(server).etcdStatus() }
    }

    @Test("State/Get")
    func get() async throws {
        let server = Self.server(
            """
            0a540a450a0772756e74696d651201541a076d616368696e652201332a0163320b74656172696e67446f776e3a04\
            08011002420208034a016652060a016c12016d5a060a0161120162120b0a0201021205783a20310a
            """)
        let resource = try await TalosNodeClient(server).resource(.machineStatus, id: "machine")
        let metadata = TalosResource.Metadata(
            kind: ResourceKind(namespace: "runtime", type: "T"), id: "machine", version: "3", owner: "c",
            isTearingDown: true, labels: ["l": "m"], annotations: ["a": "b"], finalizers: ["f"],
            created: Timestamp(nanosecondsSince1970: 1_000_000_002),
            updated: Timestamp(nanosecondsSince1970: 3_000_000_000))
        #expect(resource?.metadata == metadata)
        #expect(resource?.spec == ["x": 1])
        #expect(resource?.encodedSpec == [1, 2])
        Self.expect(
            server, "/cosi.resource.State/Get",
            """
            0a0772756e74696d6512214d616368696e6553746174757365732e72756e74696d652e74616c6f732e6465761a07\
            6d616368696e65
            """)
    }

    @Test("State/List")
    func list() async throws {
        let server = Self.server()
        let selector = ResourceSelector(labels: ["a": "1"], idPattern: "^0")
        #expect(try await TalosNodeClient(server).resources(Self.kind, matching: selector).isEmpty)
        Self.expect(
            server, "/cosi.resource.State/List",
            "0a016e1201541a120a0a0a080a016110011a013112040a025e30")
    }

    @Test(
        "State/Watch",
        arguments: [("", "0a016e1201541a002801"), (nil as String?, "0a016e120154220208012801")])
    func watch(id: String?, request: String) async throws {
        let server = Self.server(
            """
            0a190a170a0c0a016e1201541a016922013312071205783a20310a0a370a170a0c0a016e1201541a016922013312\
            071205783a20310a10011a170a0c0a016e1201541a016922013212071205783a20300a2a01010a0210030a021005\
            0a1b0a170a0c0a016e1201541a016922013312071205783a20310a1002
            """, "0a0b100422076f76657272756e")
        let stream = try await TalosNodeClient(server).watch(Self.kind, id: id)
        let new = TalosResource(
            metadata: TalosResource.Metadata(kind: Self.kind, id: "i", version: "3"), spec: ["x": 1])
        let old = TalosResource(
            metadata: TalosResource.Metadata(kind: Self.kind, id: "i", version: "2"), spec: ["x": 0])
        for event in [
            ResourceEvent.created(new), .updated(new, old: old), .bootstrapped, .destroyed(new),
        ] {
            #expect(try await stream.next() == event)
        }
        await #expect(throws: TalosError.status(GRPCStatus(.aborted, "the watch ended: overrun"))) {
            try await stream.next()
        }
        Self.expect(server, "/cosi.resource.State/Watch", request)
    }
}
