// SPDX-License-Identifier: Apache-2.0
import HTTP
import PKI
import Platform
import StructuredData
import Talos
import TalosAPI
import TestSupport

/// `GoServer/main.go`: a server of grpc-go, the library that Talos serves its API with.
///
/// A request's words are its script: the ID of `restartService` for a unary call, the path of `read` for a stream.
final class GoServer: Sendable {
    private let program: NodeProgram

    var process: Subprocess { program.process }
    var endpoint: NodeEndpoint { program.endpoint }
    var fingerprint: String { program.fingerprint }

    /// Starts a server with these flags; with an authority it wants client certificates that this one has signed.
    init(_ flags: [String] = [], authority: KeyAndCertificate? = nil) async throws {
        program = try await NodeProgram([Self.path()] + flags, authority: authority)
    }

    /// Tells the server something, and waits until it says that it has `event`.
    func tell(_ command: String, until event: String? = nil) async throws {
        let start = process.lines.count
        process.write(command)
        guard let event else { return }
        let found = await process.index(from: start) { $0.contains("\"event\":\"\(event)\"") }
        guard found != nil else { throw NodeProgram.Failure(output: process.lines) }
    }

    /// The key of the server that has started with the `count`th time.
    func fingerprint(_ count: Int) async throws -> String {
        try await events("start", count).last?["fingerprint"]?.string ?? ""
    }

    /// The first events of a kind; waits until there are `count`.
    func events(_ kind: String, _ count: Int) async throws -> [JSONValue] {
        var (index, events): (Int, [JSONValue]) = (0, [])
        while events.count < count {
            let next = await process.index(from: index) { $0.contains("\"event\":\"\(kind)\"") }
            guard let next, let event = NodeProgram.json(process.lines[next]) else {
                throw NodeProgram.Failure(output: process.lines)
            }
            events.append(event)
            index = next + 1
        }
        return events
    }

    /// The program as `hack/install-deps.sh` has built it from these very sources.
    private static func path() throws -> String {
        let source = "\(Repository.root)/Tests/IntegrationTests/Talos/GoServer"
        let names = try Directory(source).entries().filter { $0.hasSuffix(".go") }
        let text = try names.sorted().flatMap { try FileSystem.read("\(source)/\($0)", limit: 1 << 20) }
        let digest = SHA256.digest(of: text).prefix(8)
        let digits = Array("0123456789abcdef")
        let name = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return try CachedTool.path("grpc-server/\(String(name))", group: "grpc-server")
    }
}

/// A server of grpc-go as a configured node, and the way to it.
struct GoNode {
    let access: NodeAccess
    let server: GoServer
    let connections: NodeConnections
    let node: any TalosNode

    init(_ flags: String...) async throws {
        access = try NodeAccess()
        server = try await GoServer(flags, authority: access.bundle.os)
        connections = NodeConnections(engine: try HTTPEngine(), userAgent: "test", connectTimeout: patience)
        node = try connections.node(at: server.endpoint, as: access.credentials())
    }

    /// Makes a call with one answer, which is to be as the words say.
    func call(
        _ verb: String, _ words: KeyValuePairs<String, String> = [:], within limit: Duration = patience
    ) async -> Result<Void, TalosError> {
        await Result { () async throws(TalosError) in
            try await node.restartService(id: Self.script(verb, words), within: limit)
        }
    }

    /// What `GoServer/answers.go` reads as these words.
    static func script(_ verb: String, _ words: KeyValuePairs<String, String>) -> String {
        let digits = Array("0123456789ABCDEF")
        let pairs = words.map { name, value in
            "\(name)="
                + value.utf8.map { "%\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
        }
        return ([verb + (pairs.isEmpty ? "" : "?")] + [pairs.joined(separator: "&")]).joined()
    }
}
