// SPDX-License-Identifier: Apache-2.0
import HTTP
import PKI
import Platform
import StructuredData
import Talos
import TalosAPI
import TestSupport

/// `Recorder/recorder.py`: a node that decodes what it is asked with the stubs of the Talos API.
final class Recorder: Sendable {
    /// A call that the recorder has answered.
    struct Call: Sendable {
        var method: String
        /// As the stubs decode them, every field of them.
        var requests: [JSONValue]
        /// What the stubs encoded.
        var reply: [JSONValue]
        var headers: JSONValue
        /// The client's certificate.
        var peer: String
        /// The client's port.
        var connection: Int64
        /// How many seconds the client said to be left.
        var deadline: JSONValue
    }

    private let program: NodeProgram

    var endpoint: NodeEndpoint { program.endpoint }
    var fingerprint: String { program.fingerprint }

    /// Starts a node; with an authority it wants client certificates that this one has signed.
    init(authority: KeyAndCertificate? = nil) async throws {
        var environment = Repository.environment
        environment["PYTHONPATH"] = "\(Repository.root)/Tests/TalosSimulator"
        let script = "\(Repository.root)/Tests/IntegrationTests/Talos/Recorder/recorder.py"
        program = try await NodeProgram(
            [CachedTool.talosPython(), "-B", script], environment: environment, authority: authority)
    }

    /// The calls answered so far, of a client or of all; waits until there are `count`.
    func calls(_ count: Int, of agent: String? = nil) async -> [Call] {
        let process = program.process
        var index = 0
        var calls: [Call] = []
        while calls.count < count {
            guard let next = await process.index(from: index, where: { $0.hasPrefix("{\"method\"") }) else {
                break
            }
            index = next + 1
            guard let value = NodeProgram.json(process.lines[next]),
                agent == nil || value["agent"]?.string == agent
            else { continue }
            calls.append(Call(value))
        }
        return calls
    }
}

/// One recorder for many tests, each of which is a client of its own.
struct RecordedNode: Sendable {
    private static let shared = Task {
        let access = try NodeAccess()
        return (access: access, recorder: try await Recorder(authority: access.bundle.os))
    }

    let node: any TalosNode
    private let recorder: Recorder
    private let agent: String
    private let connections: NodeConnections

    init() async throws {
        let (access, recorder) = try await Self.shared.value
        self.recorder = recorder
        agent = "test/\(UInt64.random(in: 0 ... .max))"
        connections = NodeConnections(engine: try HTTPEngine(), userAgent: agent, connectTimeout: patience)
        node = try connections.node(at: recorder.endpoint, as: access.credentials())
    }

    /// The calls of this test; waits until there are `count`.
    func calls(_ count: Int) async -> [Recorder.Call] {
        await recorder.calls(count, of: agent)
    }
}

extension Recorder.Call {
    fileprivate init(_ value: JSONValue) {
        method = value["method"]?.string ?? ""
        requests = value["requests"]?.array ?? []
        reply = value["reply"]?.array ?? []
        headers = value["headers"] ?? .null
        peer = value["peer"]?.string ?? ""
        connection = value["connection"]?.integer ?? 0
        deadline = value["deadline"] ?? .null
    }

    /// The one request of it.
    var request: JSONValue { requests.first ?? .null }
    /// The one item of the one message of its reply.
    var item: JSONValue { reply.first?["messages"]?.array?.first ?? .null }
}

extension CachedTool {
    /// The Python that has the stubs of the Talos API.
    fileprivate static func talosPython() throws -> String {
        let path = "\(Repository.root)/hack/talos-simulator-requirements.txt"
        let lines = String(decoding: try FileSystem.read(path, limit: 1 << 16), as: UTF8.self).split(
            separator: "\n")
        let versions = ["talos-linux-api-v1-6-0==", "grpclib=="].map { name in
            lines.first { $0.hasPrefix(name) }?.dropFirst(name.count).prefix { $0 != " " } ?? ""
        }
        return try self.path(
            "talos-simulator-\(versions[0])-\(versions[1])/bin/python", group: "talos-simulator")
    }
}
