// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport
import Testing

@testable import HTTP

@Suite("CurlTransport: what goes wrong", .timeLimit(.minutes(15)))
struct CurlFailureTests {
    @Test("A refused connection has reached nobody")
    func refused() async throws {
        let nobody = try DeafPort()
        let transport = try CurlTransport(configuration(nobody.port))
        defer { transport.shutdown() }
        let error = try #require(await transport.failure(.get()))
        #expect(error.kind == .connectFailed)
        #expect(!error.mayHaveBeenProcessed)
        #expect("\(error)".contains("port \(nobody.port): Couldn't connect to server"))
    }

    @Test(
        "How long it took is left out, so that equal failures read alike",
        arguments: [
            ("Failed to connect to h port 1 after 3 ms: Refused", "Failed to connect to h port 1: Refused"),
            ("Connection timed out after 5001 milliseconds", "Connection timed out"),
            ("Operation timed out after 5 milliseconds with 0 bytes", "Operation timed out with 0 bytes"),
            ("after 3 ms", "after 3 ms"), ("look after 3 sheep", "look after 3 sheep"), ("", ""),
        ])
    func withoutTime(_ text: String, _ expected: String) {
        #expect(CurlFailure.withoutTime(text) == expected)
    }

    @Test("An unknown host has reached nobody")
    func unknownHost() async throws {
        var configuration = configuration(80)
        // A label of more than 63 letters is refused by the resolver without asking anybody.
        configuration.endpoint.host = String(repeating: "x", count: 64) + ".invalid"
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        #expect(await transport.failure(.get())?.kind == .connectFailed)
    }

    @Test("A server that says nothing during the handshake has seen no request")
    func silentHandshake() async throws {
        let server = try ScriptedServer { $0.waitForClose() }
        defer { server.stop() }
        var configuration = configuration(server.port, scheme: .https)
        configuration.connectTimeout = .milliseconds(50)
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        #expect(await transport.failure(.get())?.kind == .connectFailed)
        #expect(await transport.failure(.get(timeout: .milliseconds(20)))?.kind == .connectFailed)
    }

    @Test("A server that does not answer in time may have acted, and the next request has a new connection")
    func silentServer() async throws {
        let script: ScriptedServer.Script = { connection in
            while let request = connection.readRequest(), request.target == "/" {
                connection.respond(body: "ok")
            }
            connection.waitForClose()
        }
        try await withTransport(script) { transport, server in
            _ = try await transport.send(.get())
            let error = await transport.failure(.get("/silent", timeout: .milliseconds(500)))
            #expect(error == .timedOut)
            #expect(error?.mayHaveBeenProcessed == true)
            #expect(try await transport.send(.get()).text == "ok")
            #expect(server.connectionCount == 2)
        }
    }

    @Test("The time limit covers the wait for a connection, too")
    func noConnection() async throws {
        let (count, isFull) = (Locked(0), Latch())
        let script: ScriptedServer.Script = { connection in
            while let request = connection.readRequest(), request.target == "/" {
                connection.respond(body: "ok")
            }
            let number = count.withLock { count in
                count += 1
                return count
            }
            if number == 32 { isFull.open() }
            connection.waitForClose()
        }
        try await withTransport(script) { transport, server in
            // Before the first answer libcurl does not know that each request needs a connection for itself.
            _ = try await transport.send(.get())
            await withTaskGroup(of: TransportError?.self) { group in
                for _ in 0..<32 { group.addTask { await transport.failure(.get("/silent")) } }
                await isFull.wait()
                #expect(await transport.failure(.get("/more", timeout: .seconds(1)))?.kind == .connectFailed)
                #expect(!server.requests.contains { $0.target == "/more" })
                group.cancelAll()
            }
        }
    }

    @Test("The time limit covers the body, too")
    func slowBody() async throws {
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            connection.respond(body: "ok")
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.waitForClose()
        }
        try await withTransport(script) { transport, _ in
            // The connection is there before time runs.
            _ = try await transport.send(.get())
            #expect(await transport.failure(.get(timeout: .milliseconds(500))) == .timedOut)
        }
    }

    @Test(
        "A request without time left ends at once", arguments: [Duration.zero, .seconds(-5), .nanoseconds(1)])
    func noTime(timeout: Duration) async throws {
        try await withTransport({ $0.waitForClose() }) { transport, _ in
            #expect(await transport.failure(.get(timeout: timeout)) != nil)
        }
    }

    enum Break: CaseIterable, CustomTestStringConvertible {
        case resetBeforeHead, closeBeforeHead, closeInHead, closeInBody, resetInBody, closeInChunk, noHTTP,
            oldHTTP

        var testDescription: String { "\(self)" }

        func act(on connection: ScriptedConnection) {
            let head = "HTTP/1.1 200 OK\r\n"
            switch self {
            case .resetBeforeHead: connection.reset()
            case .closeBeforeHead: break
            case .closeInHead: connection.send(head + "X-Hal")
            case .closeInBody: connection.send(head + "Content-Length: 10\r\n\r\nabc")
            case .resetInBody:
                connection.send(head + "Content-Length: 10\r\n\r\nabc")
                connection.reset()
            case .closeInChunk: connection.send(head + "Transfer-Encoding: chunked\r\n\r\na\r\nabc")
            case .noHTTP: connection.send("SSH-2.0-OpenSSH_9.2\r\n")
            case .oldHTTP: connection.send("<html>hello</html>")
            }
        }
    }

    @Test("A connection that breaks after the request leaves open what happened", arguments: Break.allCases)
    func broken(_ way: Break) async throws {
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            way.act(on: connection)
        }
        try await withTransport(script) { transport, server in
            let error = try #require(
                await transport.failure(HTTPRequest(method: .post, target: "/", body: [1])))
            #expect(error.kind == .interrupted)
            #expect(error.mayHaveBeenProcessed)
            #expect(server.requests.count == 1)
        }
    }

    /// Answers the first request of each connection, and the second only if it is not the first connection.
    private static let staleKeepAlive: ScriptedServer.Script = { connection in
        guard connection.readRequest() != nil else { return }
        connection.respond(body: "first")
        guard connection.readRequest() != nil, connection.index > 0 else { return }
        connection.respond(body: "second")
    }

    @Test(
        "A request on a connection found dead is sent again",
        arguments: [HTTPMethod.get, .put, .delete, .patch])
    func sentAgain(method: HTTPMethod) async throws {
        try await withTransport(Self.staleKeepAlive) { transport, server in
            _ = try await transport.send(.get())
            let request = HTTPRequest(
                method: method, target: "/again", body: method == .get ? nil : [1, 2, 3])
            #expect(try await transport.send(request).text == "first")
            #expect(server.requests.map(\.target) == ["/", "/again", "/again"])
            #expect(server.requests[1].body == server.requests[2].body)
            #expect(server.connectionCount == 2)
        }
    }

    @Test("A POST is never sent twice")
    func postOnce() async throws {
        try await withTransport(Self.staleKeepAlive) { transport, server in
            _ = try await transport.send(.get())
            let error = await transport.failure(HTTPRequest(method: .post, target: "/once", body: [1, 2, 3]))
            #expect(error?.kind == .interrupted)
            #expect(server.requests.map(\.target) == ["/", "/once"])
        }
    }

    @Test("A refused second attempt does not hide that the first one was sent")
    func refusedAfterSent() async throws {
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            connection.respond()
            guard connection.readRequest() != nil else { return }
            connection.stopServer()
        }
        try await withTransport(script) { transport, _ in
            _ = try await transport.send(.get())
            let error = try #require(
                await transport.failure(HTTPRequest(method: .put, target: "/", body: [1])))
            #expect(error.kind == .interrupted)
            #expect(error.mayHaveBeenProcessed)
        }
    }

    @Test(
        "What would forge another request is refused here",
        arguments: [
            HTTPRequest.get(""), .get("path"), .get("/a b"), .get("/a\r\nX: y"), .get("/a#b"), .get("/ü"),
            .get("http://elsewhere/"), HTTPRequest(method: .get, target: "/", headers: ["X": "a\r\nY: b"]),
            HTTPRequest(method: .get, target: "/", headers: ["X": "a\nb"]),
            HTTPRequest(method: .get, target: "/", headers: ["X": "a\0b"]),
            HTTPRequest(method: .get, target: "/", headers: ["X\r\nY": "b"]),
            HTTPRequest(method: .get, target: "/", headers: ["": "b"]),
            HTTPRequest(method: .get, target: "/", headers: ["A B": "b"]),
            HTTPRequest(method: .get, target: "/", headers: ["X:": "b"]),
            HTTPRequest(method: .get, target: "/", headers: ["host": "elsewhere"]),
            HTTPRequest(method: .get, target: "/", headers: ["Content-Length": "0"]),
            HTTPRequest(method: .get, target: "/", headers: ["Transfer-Encoding": "chunked"]),
        ])
    func forged(request: HTTPRequest) async throws {
        try await withTransport(answering()) { transport, server in
            #expect(await transport.failure(request)?.kind == .invalidConfiguration)
            #expect(server.connectionCount == 0)
        }
    }

    @Test("A refused header's value is not told")
    func secretInRefusal() async throws {
        try await withTransport(answering()) { transport, _ in
            let request = HTTPRequest(
                method: .get, target: "/", headers: ["Authorization": "Bearer canary\n"])
            let error = try #require(await transport.failure(request))
            #expect(!String(reflecting: error).contains("canary"))
        }
    }

    @Test("A proxy is asked for the whole URL, with the user and password of its own")
    func httpProxy() async throws {
        let server = try ScriptedServer(answering(body: "by proxy"))
        defer { server.stop() }
        var configuration = configuration(1, proxy: "http://me:canary@127.0.0.1:\(server.port)")
        configuration.endpoint.host = "server.invalid"
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        #expect(try await transport.send(.get("/x")).text == "by proxy")
        #expect(server.requests.first?.target == "http://server.invalid:1/x")
        #expect(server.requests.first?.headers["proxy-authorization"] == "Basic bWU6Y2FuYXJ5")
    }

    @Test("A proxy that refuses the tunnel has passed on nothing", arguments: [403, 407, 502])
    func tunnelRefused(status: Int) async throws {
        let server = try ScriptedServer(answering(status))
        defer { server.stop() }
        let proxy = "http://me:canary@127.0.0.1:\(server.port)"
        let transport = try CurlTransport(configuration(6443, scheme: .https, proxy: proxy))
        defer { transport.shutdown() }
        let error = try #require(await transport.failure(.get()))
        #expect(error.kind == .connectFailed)
        #expect(!"\(error)".contains("canary"))
        #expect(server.requests.first?.method == "CONNECT")
        #expect(server.requests.first?.target == "127.0.0.1:6443")
    }

    @Test("A proxy that cannot be reached is a failed connection")
    func proxyRefused() async throws {
        let nobody = try DeafPort()
        for scheme in ["http", "socks5"] {
            let proxy = "\(scheme)://127.0.0.1:\(nobody.port)"
            let transport = try CurlTransport(configuration(6443, scheme: .https, proxy: proxy))
            defer { transport.shutdown() }
            #expect(await transport.failure(.get())?.kind == .connectFailed)
        }
    }
}
