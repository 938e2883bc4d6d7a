// SPDX-License-Identifier: Apache-2.0
import HTTP
import PKI
import Platform
import StructuredData
import Talos
import TalosAPI
import TestSupport
import Testing

@Suite("Calls to a server of grpc-go", .timeLimit(.minutes(15)))
struct GoServerCallTests {
    /// Every code of gRPC that is an error.
    private static let codes = GRPCStatus.Code.allCases.filter { $0 != .ok }

    private static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    @Test(
        "A request says what it is, which node answers and how long it may take, and carries our certificate")
    func request() async throws {
        let go = try await GoNode()
        #expect(await go.call("ok", within: .seconds(77)).failure == nil)
        let call = try #require(try await go.server.events("call", 1).first)
        #expect(call["method"] == "/machine.MachineService/ServiceRestart")
        let metadata = call["metadata"]
        #expect(metadata?["content-type"] == ["application/grpc+proto"])
        #expect(metadata?["user-agent"] == ["test"])
        #expect(metadata?[":authority"] == .array([.string("\(go.server.endpoint)")]))
        for name in ["node", "nodes", "authorization", "grpc-encoding"] { #expect(metadata?[name] == nil) }
        #expect(call["peer"] == "os:admin")
        #expect(call["tls"] == 0x0304)
        let deadline = try #require(call["deadline"]?.integer)
        #expect((1...77_000).contains(deadline))
    }

    @Test("A message of up to 32 MiB arrives", arguments: [0, 1, 32 << 10, 33_554_000])
    func largeReply(size: Int) async throws {
        let go = try await GoNode()
        let resource = try await go.node.resource(.machineStatus, id: "ok?size=\(size)", within: patience)
        #expect(resource?.encodedSpec.count == size)
    }

    @Test("Of a message over 32 MiB the limit is told, and the next call goes well")
    func tooLarge() async throws {
        let go = try await GoNode()
        let result = await Result { () async throws(TalosError) in
            try await go.node.resource(.machineStatus, id: "ok?size=33600000", within: patience)
        }
        #expect(result.failure.text.contains("larger than 33554437"))
        #expect(result.failure?.mayHaveBeenProcessed == true)
        #expect(await go.call("ok").failure == nil)
    }

    @Test("A request of nearly 32 MiB arrives byte for byte")
    func largeRequest() async throws {
        let go = try await GoNode()
        let configuration = Self.bytes((32 << 20) - 100)
        let result = try await go.node.applyConfiguration(
            configuration, mode: .auto, dryRun: true, within: patience)
        #expect(result.details == Self.hexadecimal(SHA256.digest(of: configuration)))
    }

    @Test("A snapshot of many messages is uploaded byte for byte")
    func upload() async throws {
        let go = try await GoNode()
        let snapshot = Self.bytes(9_000_001)
        try await go.node.etcdRecover(snapshot: snapshot, within: patience)
        let call = try #require(try await go.server.events("call", 1).first)
        #expect(call["messages"] == 9)
        #expect(call["bytes"] == 9_000_001)
        #expect(call["digest"]?.string == Self.hexadecimal(SHA256.digest(of: snapshot)))
    }

    @Test(
        "Each status comes through: alone, after a head, with details, and after messages", arguments: codes)
    func status(code: GRPCStatus.Code) async throws {
        let go = try await GoNode()
        let expected = TalosError.status(GRPCStatus(code, "no \(code)"))
        let words = ["code=\(code.rawValue)", "message=no%20\(code)"]
        for extra in [[], ["header=1"], ["details=1"], ["header=1", "details=1"]] {
            let script = "ok?" + (words + extra).joined(separator: "&")
            let unary = await Result { () async throws(TalosError) in
                try await go.node.restartService(id: script, within: patience)
            }
            #expect(unary.failure == expected, "\(script)")
            for count in [0, 1, 3] {
                let stream = await Result { () async throws(TalosError) in
                    try await go.node.read(path: script + "&size=9&count=\(count)", within: patience)
                }
                #expect(stream.failure == expected, "\(script) after \(count)")
            }
        }
        #expect(expected.code == code)
    }

    @Test(
        "A status' words come through whole, whatever they are",
        arguments: [
            "", "100%", "%41", "a+b&c", "naïve – Zürich 東京 🙂", "two\nlines\ttab\r\n", "\u{0} \u{7F}",
            "two  spaces",
        ])
    func words(text: String) async throws {
        let go = try await GoNode()
        for extra in ["", "1"] {
            let result = await go.call("ok", ["code": "9", "message": text, "header": extra])
            #expect(result.failure == .status(GRPCStatus(.failedPrecondition, text)))
        }
    }

    @Test("A status of 8 KiB of text is read")
    func longWords() async throws {
        let go = try await GoNode()
        let text = String(repeating: "é", count: 4096)
        let result = await go.call("ok", ["code": "3", "message": text])
        #expect(result.failure == .status(GRPCStatus(.invalidArgument, text)))
    }

    @Test("OK without a message, or with two, is no answer to a call that has one", arguments: [0, 2])
    func wrongCount(count: Int) async throws {
        let go = try await GoNode()
        let failure = await go.call("ok", ["count": "\(count)"]).failure
        guard case .decoding = failure else {
            Issue.record("\(failure.text)")
            return
        }
        #expect(failure?.mayHaveBeenProcessed == true)
    }

    @Test("A file of no message is empty, and one of 50,000 small ones is whole", arguments: [0, 1, 50_000])
    func manyMessages(count: Int) async throws {
        let go = try await GoNode()
        let bytes = try await go.node.read(path: "ok?count=\(count)&size=7", within: patience)
        #expect(bytes.count == count * 7)
    }

    @Test("A stream that fails midway brings what came before, then the server's words")
    func midway() async throws {
        let go = try await GoNode("-snapshot", "ok?count=20&size=70000&code=15&message=disk")
        let stream = try await go.node.etcdSnapshot(within: patience)
        var received = 0
        let result = await Result { () async throws(TalosError) in
            while let piece = try await stream.next() { received += piece.count }
        }
        #expect(received == 1_400_000)
        #expect(result.failure == .status(GRPCStatus(.dataLoss, "disk")))
    }

    @Test("A reader that takes its time holds the server back, and nobody else")
    func slowReader() async throws {
        let go = try await GoNode("-snapshot", "ok?count=120&size=1048576")
        let stream = try await go.node.etcdSnapshot(within: patience)
        var received = try await stream.next()?.count ?? 0
        for _ in 0..<20 { #expect(await go.call("ok").failure == nil) }
        let sent = try await go.server.events("end", 20)
        #expect(sent.allSatisfy { $0["script"] == "ok" })
        while let piece = try await stream.next() { received += piece.count }
        #expect(received == 120 << 20)
        let calls = try await go.server.events("call", 21)
        let connections = calls.map { $0["connection"]?.string ?? "" }
        #expect(Set(connections.dropFirst()).count == 1)
        #expect(!connections.dropFirst().contains(connections[0]))
    }

    @Test("A snapshot that is let go ends at the server too")
    func abandoned() async throws {
        let go = try await GoNode("-snapshot", "ok?count=120&size=1048576")
        _ = try await go.node.etcdSnapshot(within: patience).next()
        let end = try await go.server.events("end", 1).first
        #expect(end?["context"] == "context canceled")
        #expect((end?["sent"]?.integer ?? 120) < 120)
    }

    @Test("A server whose client has a deadline ends the call by it")
    func deadline() async throws {
        let go = try await GoNode()
        #expect(await go.call("ok").failure == nil)
        let failure = await go.call("wait", within: .seconds(3)).failure
        #expect(failure?.isUnavailable == true)
        #expect(failure?.mayHaveBeenProcessed == true)
        let end = try await go.server.events("end", 2).last
        #expect(end?["context"] == "context deadline exceeded")
        #expect(await go.call("ok").failure == nil)
    }

    @Test("A server sees that a call is cancelled, or a stream let go, and the connection stays")
    func cancellation() async throws {
        let go = try await GoNode()
        let task = Task { await go.call("wait") }
        _ = try await go.server.events("call", 1)
        task.cancel()
        #expect(await task.value.failure?.isCancellation == true)
        // The head is there, and no message.
        _ = try await go.node.watch(.service, id: "wait?header=1", within: patience)
        // libcurl 7.88 says so with the next thing that it sends on the connection.
        #expect(await go.call("ok").failure == nil)
        let ends = try await go.server.events("end", 3).filter { $0["script"] != "ok" }
        #expect(ends.map { $0["context"] } == ["context canceled", "context canceled"])
        let calls = try await go.server.events("call", 3)
        #expect(calls[0]["connection"] == calls[2]["connection"])
    }

    @Test("A compressed answer, which nobody asked for, is refused as such")
    func compression() async throws {
        let go = try await GoNode("-compress")
        let unary = await go.call("ok").failure
        let stream = await Result { () async throws(TalosError) in
            try await go.node.read(path: "ok?size=100000", within: patience)
        }
        for failure in [unary, stream.failure] {
            #expect(failure.text.contains("compressed, which was not asked for"))
            #expect(failure?.mayHaveBeenProcessed == true)
        }
        // A status needs no message.
        let status = await go.call("ok", ["code": "5", "message": "x"]).failure
        #expect(status == .status(GRPCStatus(.notFound, "x")))
    }

    @Test("Five hundred calls at once are answered over few connections")
    func many() async throws {
        let go = try await GoNode()
        await withTaskGroup(of: TalosError?.self) { group in
            for number in 0..<500 {
                group.addTask {
                    await go.call("ok", number.isMultiple(of: 2) ? [:] : ["header": "1"]).failure
                }
            }
            for await failure in group { #expect(failure == nil) }
        }
        let calls = try await go.server.events("call", 500)
        #expect(Set(calls.map { $0["connection"]?.string ?? "" }).count <= 4)
    }
}
