// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import TestSupport
import Testing

@Suite("HTTPEngine: many transports on one thread", .timeLimit(.minutes(15)))
struct HTTPEngineTests {
    /// Tells when a request has arrived, and never answers.
    private static func silent(_ arrived: Latch) -> ScriptedServer.Script {
        { connection in
            guard connection.readRequest() != nil else { return }
            arrived.open()
            connection.waitForClose()
        }
    }

    @Test("Transports to many servers are served at a time, each by its own")
    func manyServers() async throws {
        let engine = try HTTPEngine()
        let servers = try (0..<20).map { try ScriptedServer(answering(body: "server \($0)")) }
        defer { for server in servers { server.stop() } }
        let transports = try servers.map { try CurlTransport(configuration($0.port), engine: engine) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for round in 0..<200 {
                group.addTask {
                    let number = round % 20
                    let text = try await transports[number].send(.get()).text
                    #expect(text == "server \(number)")
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("Shutting one transport down ends its own exchanges and no other")
    func shutdownOfOne() async throws {
        let engine = try HTTPEngine()
        let arrived = Latch()
        let first = try ScriptedServer(Self.silent(arrived))
        let second = try ScriptedServer(answering(body: "ok"))
        defer {
            first.stop()
            second.stop()
        }
        let ended = try CurlTransport(configuration(first.port), engine: engine)
        let other = try CurlTransport(configuration(second.port), engine: engine)
        let task = Task { await ended.failure(.get()) }
        await arrived.wait()
        ended.shutdown()
        #expect(await task.value == .cancelled)
        #expect(await ended.failure(.get()) == .cancelled)
        #expect(try await other.send(.get()).text == "ok")
    }

    @Test("A transport that is let go leaves the others as they are")
    func letGo() async throws {
        let engine = try HTTPEngine()
        let server = try ScriptedServer(answering(body: "ok"))
        defer { server.stop() }
        let stays = try CurlTransport(configuration(server.port), engine: engine)
        for _ in 0..<50 {
            let passing = try CurlTransport(configuration(server.port), engine: engine)
            #expect(try await passing.send(.get()).text == "ok")
        }
        #expect(try await stays.send(.get()).text == "ok")
    }

    @Test("Shutting the engine down ends everything")
    func shutdownOfAll() async throws {
        let engine = try HTTPEngine()
        let arrived = [Latch(), Latch()]
        let servers = try arrived.map { try ScriptedServer(Self.silent($0)) }
        defer { for server in servers { server.stop() } }
        let transports = try servers.map { try CurlTransport(configuration($0.port), engine: engine) }
        let tasks = transports.map { transport in Task { await transport.failure(.get()) } }
        for latch in arrived { await latch.wait() }
        engine.shutdown()
        for task in tasks { #expect(await task.value == .cancelled) }
        #expect(await transports.first?.failure(.get()) == .cancelled)
    }

    @Test("A stream ends when its lifetime does, whatever has come")
    func lifetime() async throws {
        let engine = try HTTPEngine()
        let server = try ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\n\r\nbytes")
            connection.waitForClose()
        }
        defer { server.stop() }
        let transport = try CurlTransport(configuration(server.port), engine: engine)
        var request = HTTPRequest.get()
        request.lifetime = .milliseconds(200)
        let (_, body) = try await transport.open(request)
        await #expect(throws: TransportError.timedOut) { while try await body.next() != nil {} }
    }

    @Test("Fields after the body are trailers, of a whole response and of a stream")
    func trailers() async throws {
        let server = try ScriptedServer { connection in
            while connection.readRequest() != nil {
                connection.send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n"
                        + "2\r\nok\r\n0\r\nX-End: done\r\n\r\n")
            }
        }
        defer { server.stop() }
        let transport = try CurlTransport(configuration(server.port))
        let response = try await transport.send(.get())
        #expect(response.text == "ok")
        #expect(response.trailers == ["X-End": "done"])
        #expect(response.head.headers["X-End"] == nil)
        let (_, body) = try await transport.open(.get())
        #expect(try await body.text() == "ok")
        #expect(body.trailers == ["X-End": "done"])
    }

    @Test("A gRPC call is not sent to a server without HTTP/2")
    func needsHTTP2() async throws {
        try await withTransport(answering()) { transport, _ in
            var request = HTTPRequest(method: .post, target: "/", body: [])
            request.isGRPC = true
            let error = await transport.failure(request)
            #expect("\(error, default: "none")".contains("HTTP/2"))
            #expect(error?.mayHaveBeenProcessed == false)
        }
    }
}
