// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import TestSupport
import Testing

@Suite("CurlTransport: streams", .timeLimit(.minutes(15)))
struct CurlStreamTests {
    private static let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    /// Sends the head, then a chunk each time the test opens the next latch, then the end.
    private static func chunks(_ texts: [String], after latches: [Latch]) -> ScriptedServer.Script {
        { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(head)
            for (text, latch) in zip(texts, latches) {
                latch.block()
                connection.sendChunk(text)
            }
            connection.sendChunk("")
            connection.waitForClose()
        }
    }

    @Test("The head comes before the body, and each chunk as soon as it is sent")
    func chunkByChunk() async throws {
        let latches = (0..<3).map { _ in Latch() }
        try await withTransport(Self.chunks(["one", "two", "three"], after: latches)) { transport, _ in
            let (head, body) = try await transport.open(.get())
            #expect(head.status == 200)
            for (latch, text) in zip(latches, ["one", "two", "three"]) {
                latch.open()
                #expect(try await body.next() == Array(text.utf8))
            }
            #expect(try await body.next() == nil)
            #expect(try await body.next() == nil)
        }
    }

    @Test("An empty stream ends after its head")
    func empty() async throws {
        try await withTransport(answering(503)) { transport, _ in
            let (head, body) = try await transport.open(.get())
            #expect(head.status == 503)
            #expect(try await body.next() == nil)
        }
    }

    @Test("A large stream arrives whole and in order")
    func large() async throws {
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head)
            for number in 0..<20_000 {
                connection.sendChunk("\(number) " + String(repeating: "x", count: 100) + "\n")
            }
            connection.sendChunk("")
        }
        try await withTransport(script) { transport, _ in
            let text = try await transport.open(.get()).1.text()
            let numbers = text.split(separator: "\n").map { $0.prefix { $0 != " " } }
            #expect(numbers == (0..<20_000).map { "\($0)"[...] })
        }
    }

    @Test("A stream that breaks gives what came, then the error, then the error again")
    func broken() async throws {
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head)
            connection.sendChunk("partial")
        }
        try await withTransport(script) { transport, _ in
            let (_, body) = try await transport.open(.get())
            #expect(try await body.next() == Array("partial".utf8))
            for _ in 0..<2 { #expect(await body.failure()?.kind == .interrupted) }
        }
    }

    @Test("The time limit of a stream is for its head only")
    func headTimeout() async throws {
        let latch = Latch()
        let script: ScriptedServer.Script = { connection in
            guard let request = connection.readRequest(), request.target == "/stream" else {
                return connection.waitForClose()
            }
            connection.send(Self.head)
            latch.block()
            connection.sendChunk("late")
            connection.sendChunk("")
        }
        try await withTransport(script) { transport, _ in
            // On a busy machine the head itself takes a while.
            for limit in [Duration.seconds(1), .seconds(5), .seconds(20)] {
                guard let body = try? await transport.open(.get("/stream", timeout: limit)).1 else {
                    continue
                }
                // A limit of the same length has passed after the head, and the stream is still there.
                #expect(await transport.openFailure(.get("/silent", timeout: limit)) != nil)
                latch.open()
                let text = try await body.text()
                #expect(text == "late")
                return
            }
            Issue.record("no head")
        }
    }

    @Test("A stream that cannot connect fails where a request would")
    func refused() async throws {
        let nobody = try DeafPort()
        let transport = try CurlTransport(configuration(nobody.port))
        defer { transport.shutdown() }
        #expect(await transport.openFailure(.get())?.kind == .connectFailed)
    }

    @Test("A reader too far behind loses the stream, not the memory")
    func unreadLimit() async throws {
        let closed = Latch()
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.head)
            for _ in 0..<100 { connection.sendChunk(String(repeating: "x", count: 1000)) }
            connection.waitForClose()
            closed.open()
        }
        try await withTransport(script) { transport, _ in
            var request = HTTPRequest.get()
            request.responseLimit = 10_000
            let (_, body) = try await transport.open(request)
            await closed.wait()
            var error = await body.failure()
            while error == nil { error = await body.failure() }
            #expect(error == .responseTooLarge(limit: 10_000))
        }
    }

    @Test("A reader that keeps up may read more than the limit in all")
    func keepsUp() async throws {
        let latches = (0..<8).map { _ in Latch() }
        let texts = (0..<8).map { String(repeating: "\($0)", count: 1000) }
        try await withTransport(Self.chunks(texts, after: latches)) { transport, _ in
            var request = HTTPRequest.get()
            request.responseLimit = 1500
            let (_, body) = try await transport.open(request)
            for (latch, text) in zip(latches, texts) {
                latch.open()
                var chunk: [UInt8] = []
                while chunk.count < 1000, let bytes = try await body.next() { chunk += bytes }
                #expect(String(decoding: chunk, as: UTF8.self) == text)
            }
            #expect(try await body.next() == nil)
        }
    }

    @Test("Letting go of the body ends the exchange")
    func dropped() async throws {
        let closed = Latch()
        try await withTransport(Self.endless(closed)) { transport, _ in
            _ = try await transport.open(.get())
            await closed.wait()
        }
    }

    /// Sends a head and a chunk, then waits for the client to close.
    private static func endless(_ closed: Latch, _ sent: Latch = Latch()) -> ScriptedServer.Script {
        { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(head)
            connection.sendChunk("first")
            sent.open()
            connection.waitForClose()
            closed.open()
        }
    }

    @Test("A cancelled reader gets an error at once, and the server sees the end")
    func cancelledReader() async throws {
        let closed = Latch()
        try await withTransport(Self.endless(closed)) { transport, _ in
            let (_, body) = try await transport.open(.get())
            #expect(try await body.next() == Array("first".utf8))
            let task = Task { await body.failure() }
            task.cancel()
            #expect(await task.value == .cancelled)
            await closed.wait()
            #expect(await body.failure() == .cancelled)
        }
    }

    @Test("A second reader of the same body is refused while the first one waits")
    func twoReaders() async throws {
        try await withTransport(Self.endless(Latch())) { transport, _ in
            let (_, body) = try await transport.open(.get())
            #expect(try await body.next() == Array("first".utf8))
            let errors = await withTaskGroup(of: TransportError?.self) { group in
                for _ in 0..<2 { group.addTask { await body.failure() } }
                let first = await group.next()
                group.cancelAll()
                return [first, await group.next()].map { $0??.kind }
            }
            #expect(errors == [.invalidConfiguration, .cancelled])
        }
    }

    @Test("Streams never take the connections that requests need")
    func manyStreams() async throws {
        let script: ScriptedServer.Script = { connection in
            while let request = connection.readRequest() {
                guard request.target == "/stream" else {
                    connection.respond(body: "whole")
                    continue
                }
                connection.send(Self.head)
                connection.waitForClose()
            }
        }
        try await withTransport(script) { transport, _ in
            var bodies: [any HTTPBody] = []
            for _ in 0..<40 { bodies.append(try await transport.open(.get("/stream")).1) }
            #expect(try await transport.send(.get()).text == "whole")
            withExtendedLifetime(bodies) {}
        }
    }

    @Test("Many streams and requests go on side by side")
    func sideBySide() async throws {
        let go = Latch()
        let script: ScriptedServer.Script = { connection in
            while let request = connection.readRequest() {
                guard request.target == "/stream" else {
                    connection.respond(body: "whole")
                    continue
                }
                connection.send(Self.head)
                go.block()
                connection.sendChunk("piece")
                connection.sendChunk("")
            }
        }
        try await withTransport(script) { transport, _ in
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<10 {
                    group.addTask { try await transport.open(.get("/stream")).1.text() }
                }
                for _ in 0..<50 { #expect(try await transport.send(.get()).text == "whole") }
                go.open()
                for try await text in group { #expect(text == "piece") }
            }
        }
    }
}

extension HTTPBody {
    /// The error of the next read, nil if there is none.
    fileprivate func failure() async -> TransportError? {
        do throws(TransportError) {
            _ = try await next()
            return nil
        } catch {
            return error
        }
    }
}

extension CurlTransport {
    /// The error that opening a stream ends with, nil if it opens.
    fileprivate func openFailure(_ request: HTTPRequest) async -> TransportError? {
        do throws(TransportError) {
            _ = try await open(request)
            return nil
        } catch {
            return error
        }
    }
}
