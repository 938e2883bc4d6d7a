// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import TestSupport
import Testing

@Suite("CurlTransport: cancelling and ending", .timeLimit(.minutes(15)))
struct CurlLifetimeTests {
    /// Tells when a request has arrived, never answers, and tells when the client has closed.
    private static func silent(_ arrived: Latch, _ closed: Latch) -> ScriptedServer.Script {
        { connection in
            guard connection.readRequest() != nil else { return }
            arrived.open()
            connection.waitForClose()
            closed.open()
        }
    }

    @Test("A request cancelled before it starts is never sent")
    func cancelledBeforeStart() async throws {
        try await withTransport(answering()) { transport, server in
            let start = Latch()
            let task = Task {
                await start.wait()
                return await transport.failure(.get())
            }
            task.cancel()
            start.open()
            #expect(await task.value == .cancelled)
            #expect(server.connectionCount == 0)
        }
    }

    @Test("A request cancelled while it waits ends at once, and the server sees the end")
    func cancelledWhileWaiting() async throws {
        let (arrived, closed) = (Latch(), Latch())
        try await withTransport(Self.silent(arrived, closed)) { transport, _ in
            let task = Task { await transport.failure(.get()) }
            await arrived.wait()
            task.cancel()
            #expect(await task.value == .cancelled)
            await closed.wait()
        }
    }

    @Test("A stream cancelled before its head ends at once")
    func streamCancelledBeforeHead() async throws {
        let (arrived, closed) = (Latch(), Latch())
        try await withTransport(Self.silent(arrived, closed)) { transport, _ in
            let task = Task {
                do throws(TransportError) {
                    _ = try await transport.open(.get())
                    return nil as TransportError?
                } catch {
                    return error
                }
            }
            await arrived.wait()
            task.cancel()
            #expect(await task.value == .cancelled)
            await closed.wait()
        }
    }

    @Test("Cancelling one request disturbs no other")
    func cancelOneOfMany() async throws {
        let arrived = Latch()
        let script: ScriptedServer.Script = { connection in
            while let request = connection.readRequest() {
                guard request.target == "/silent" else {
                    connection.respond(body: "ok")
                    continue
                }
                arrived.open()
                connection.waitForClose()
            }
        }
        try await withTransport(script) { transport, _ in
            let task = Task { await transport.failure(.get("/silent")) }
            await arrived.wait()
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 { group.addTask { try await transport.send(.get()).text } }
                task.cancel()
                for try await text in group { #expect(text == "ok") }
            }
            #expect(await task.value == .cancelled)
        }
    }

    @Test("Cancelling at any moment ends in a response or in the error")
    func cancelAnywhere() async throws {
        try await withTransport(answering(body: "ok")) { transport, _ in
            for round in 0..<50 {
                let task = Task { await transport.failure(.get("/\(round)")) }
                for _ in 0..<round % 20 { await Task.yield() }
                task.cancel()
                #expect([nil, .cancelled].contains(await task.value))
            }
            let response = try await transport.send(.get())
            #expect(response.text == "ok")
        }
    }

    @Test("Shutting down ends what is under way, and what comes later")
    func shutdown() async throws {
        let arrived = (0..<20).map { _ in Latch() }
        let script: ScriptedServer.Script = { connection in
            guard let request = connection.readRequest() else { return }
            if request.target == "/stream" { connection.send("HTTP/1.1 200 OK\r\n\r\nbytes") }
            arrived[connection.index].open()
            connection.waitForClose()
        }
        try await withTransport(script) { transport, _ in
            let (_, body) = try await transport.open(.get("/stream"))
            #expect(try await body.next() == Array("bytes".utf8))
            let errors = await withTaskGroup(of: TransportError?.self) { group in
                for _ in 1..<20 { group.addTask { await transport.failure(.get()) } }
                for latch in arrived { await latch.wait() }
                transport.shutdown()
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(errors == Array(repeating: .cancelled, count: 19))
            #expect(await failure(of: body) == .cancelled)
            #expect(await transport.failure(.get()) == .cancelled)
            transport.shutdown()
        }
    }

    @Test("Shutting down does not wait for a name look-up or a connection")
    func shutdownWhileConnecting() async throws {
        let arrived = Latch()
        let server = try ScriptedServer { connection in
            arrived.open()
            connection.waitForClose()
        }
        defer { server.stop() }
        let transport = try CurlTransport(configuration(server.port, scheme: .https))
        let task = Task { await transport.failure(.get()) }
        await arrived.wait()
        transport.shutdown()
        #expect(await task.value == .cancelled)
    }

    @Test("Letting go of an idle transport closes its connections")
    func dropIdle() async throws {
        let closed = Latch()
        let server = try ScriptedServer { connection in
            while connection.readRequest() != nil { connection.respond() }
            closed.open()
        }
        defer { server.stop() }
        var transport: CurlTransport? = try CurlTransport(configuration(server.port))
        _ = try await transport?.send(.get())
        #expect(!closed.isOpen)
        transport = nil
        await closed.wait()
    }

    @Test("A stream outlives the transport it came from, and its end is the end of the connection")
    func dropWithStream() async throws {
        let (go, closed) = (Latch(), Latch())
        let server = try ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            go.block()
            connection.send("last")
            connection.waitForClose()
            closed.open()
        }
        defer { server.stop() }
        var transport: CurlTransport? = try CurlTransport(configuration(server.port))
        let body = try #require(try await transport?.open(.get()).1)
        transport = nil
        go.open()
        #expect(try await body.text() == "last")
        await closed.wait()
    }

    @Test("Transports come and go")
    func comeAndGo() async throws {
        let server = try ScriptedServer(answering(body: "ok"))
        defer { server.stop() }
        for round in 0..<30 {
            let transport = try CurlTransport(configuration(server.port))
            #expect(try await transport.send(.get()).text == "ok")
            if round % 2 == 0 { transport.shutdown() }
        }
    }

    private func failure(of body: any HTTPBody) async -> TransportError? {
        do throws(TransportError) {
            while try await body.next() != nil {}
            return nil
        } catch {
            return error
        }
    }
}
