// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import TestSupport
import Testing

@Suite("CurlTransport: whole responses", .timeLimit(.minutes(15)))
struct CurlTransportTests {
    @Test("A response arrives with status, headers and body")
    func simpleGet() async throws {
        let script = answering(headers: ["X-Test: one", "x-test:two "], body: "hello")
        try await withTransport(script) { transport, server in
            let response = try await transport.send(.get("/path/../x?q=a%20b"))
            #expect(response.head.status == 200)
            #expect(response.head.headers.values(of: "X-TEST") == ["one", "two"])
            #expect(response.text == "hello")
            let request = try #require(server.requests.first)
            #expect(request.method == "GET")
            #expect(request.target == "/path/../x?q=a%20b")
            #expect(request.headers["user-agent"] == "test/1")
            #expect(request.headers["host"] == "127.0.0.1:\(server.port)")
        }
    }

    @Test(
        "Every method goes out as it is, with its body",
        arguments: [
            (HTTPMethod.get, nil), (.delete, nil), (.delete, "{}"), (.post, "{\"a\":1}"), (.put, ""),
            (.patch, String(repeating: "x", count: 300_000)), (.post, nil),
        ] as [(HTTPMethod, String?)])
    func methods(method: HTTPMethod, body: String?) async throws {
        try await withTransport(answering(body: "ok")) { transport, server in
            var request = HTTPRequest(
                method: method, target: "/", headers: ["Content-Type": "application/json"])
            request.body = body.map { Array($0.utf8) }
            #expect(try await transport.send(request).text == "ok")
            let seen = try #require(server.requests.first)
            #expect(seen.method == method.rawValue)
            #expect(seen.body == Array((body ?? "").utf8))
            #expect(seen.headers["content-type"] == "application/json")
            #expect(seen.headers["expect"] == nil)
            #expect(seen.headers["transfer-encoding"] == nil)
        }
    }

    @Test("A request whose time is over is not sent, and one whose time is not is")
    func notAfter() async throws {
        try await withTransport(answering(body: "ok")) { transport, server in
            var request = HTTPRequest(method: .patch, target: "/", body: [1])
            request.notAfter = Instant(nanoseconds: 0)
            #expect(await transport.failure(request) == .tooLate)
            request.notAfter = .distantFuture
            #expect(await transport.failure(request) == nil)
            #expect(server.requests.count == 1)
        }
    }

    @Test("One handle serves requests of all methods in turn, and nothing of one is left in the next")
    func handleReuse() async throws {
        let script: ScriptedServer.Script = { connection in
            while let request = connection.readRequest() {
                connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (request.method == "HEAD" ? "" : "ok"))
            }
        }
        try await withTransport(script) { transport, server in
            let put = HTTPRequest(method: .put, target: "/a", headers: ["X-Secret": "1"], body: [1, 2, 3])
            let head = HTTPRequest(method: .head, target: "/")
            let requests = [
                put, .get(), head, .get(), head, put, HTTPRequest(method: .delete, target: "/"), .get(),
            ]
            for request in requests {
                let text = try await transport.send(request).text
                #expect(text == (request.method == .head ? "" : "ok"))
            }
            #expect(server.requests.map(\.method) == requests.map(\.method.rawValue))
            #expect(server.requests.map(\.body) == requests.map { $0.body ?? [] })
            #expect(server.requests.map { $0.headers["x-secret"] } == requests.map { $0.headers["X-Secret"] })
            #expect(server.connectionCount == 1)
        }
    }

    @Test("A header without a value is sent, and a value outside ASCII unchanged")
    func oddHeaders() async throws {
        try await withTransport(answering()) { transport, server in
            var request = HTTPRequest.get()
            request.headers = ["X-Empty": "", "X-Name": "Zoë"]
            _ = try await transport.send(request)
            #expect(server.requests.first?.headers["x-empty"] == "")
            #expect(server.requests.first?.headers["x-name"] == "Zoë")
        }
    }

    @Test("A path prefix stands before the target")
    func pathPrefix() async throws {
        let server = try ScriptedServer(answering())
        defer { server.stop() }
        var configuration = configuration(server.port)
        configuration.endpoint.pathPrefix = "/k8s/clusters/c-1"
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        _ = try await transport.send(.get("/api"))
        #expect(server.requests.first?.target == "/k8s/clusters/c-1/api")
    }

    @Test("A response may arrive in pieces cut anywhere", arguments: [1, 2, 3, 7, 64])
    func piecewise(size: Int) async throws {
        let wire = Array(
            """
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Ünï: cödé\r\n\r\n\
            5\r\nhel\u{E9}\r\n1;x=y\r\n!\r\n0\r\nX-Trailer: t\r\n\r\n
            """.utf8)
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            for start in stride(from: 0, to: wire.count, by: size) {
                connection.send(Array(wire[start..<min(start + size, wire.count)]))
            }
            connection.waitForClose()
        }
        try await withTransport(script) { transport, _ in
            let response = try await transport.send(.get())
            #expect(response.text == "hel\u{E9}!")
            #expect(response.head.headers["X-Ünï"] == "cödé")
            #expect(response.head.headers["X-Trailer"] == nil)
        }
    }

    @Test(
        "Responses without a body end with their head",
        arguments: [
            (HTTPMethod.head, "200 OK\r\nContent-Length: 1000"), (.get, "204 No Content"),
            (.get, "304 Not Modified\r\nContent-Length: 1000"),
        ])
    func bodiless(method: HTTPMethod, head: String) async throws {
        let script: ScriptedServer.Script = { connection in
            while connection.readRequest() != nil { connection.send("HTTP/1.1 \(head)\r\n\r\n") }
        }
        try await withTransport(script) { transport, server in
            for _ in 0..<2 {
                let response = try await transport.send(HTTPRequest(method: method, target: "/"))
                #expect(String(response.head.status) == head.prefix(3))
                #expect(response.body.isEmpty)
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("Interim responses are passed over")
    func interim() async throws {
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n")
            connection.respond(201, headers: ["X-Final: 1"], body: "made")
        }
        try await withTransport(script) { transport, _ in
            let response = try await transport.send(.get())
            #expect(response.head.status == 201)
            #expect(response.head.headers["X-Hint"] == nil)
            #expect(response.head.headers["X-Final"] == "1")
            #expect(response.text == "made")
        }
    }

    @Test("A redirect is the caller's to see", arguments: [301, 302, 307, 308])
    func redirect(status: Int) async throws {
        try await withTransport(answering(status, headers: ["Location: /elsewhere"])) { transport, server in
            let response = try await transport.send(.get())
            #expect(response.head.status == status)
            #expect(response.head.headers["location"] == "/elsewhere")
            #expect(server.requests.count == 1)
        }
    }

    @Test("Errors of the server are responses", arguments: [400, 401, 404, 409, 429, 500, 503])
    func errorStatus(status: Int) async throws {
        let script = answering(status, headers: ["WWW-Authenticate: Basic realm=x"], body: "why")
        try await withTransport(script) { transport, server in
            let response = try await transport.send(.get())
            #expect(response.head.status == status)
            #expect(response.text == "why")
            #expect(server.requests.count == 1)
        }
    }

    @Test("A body up to the limit is accepted, one byte more is not", arguments: [true, false])
    func bodyLimit(isChunked: Bool) async throws {
        let script: ScriptedServer.Script = { connection in
            while connection.readRequest() != nil {
                let body = String(repeating: "x", count: 1000)
                guard isChunked else {
                    connection.respond(body: body)
                    continue
                }
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                connection.sendChunk(body)
                connection.sendChunk("")
            }
        }
        try await withTransport(script) { transport, _ in
            var request = HTTPRequest.get()
            request.responseLimit = 1000
            let body = try await transport.send(request).body
            #expect(body.count == 1000)
            request.responseLimit = 999
            let error = await transport.failure(request)
            #expect(error == .responseTooLarge(limit: 999))
        }
    }

    @Test("A lying Content-Length reserves no memory and ends as an interruption")
    func hugeContentLength() async throws {
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nabc")
        }
        try await withTransport(script) { transport, _ in
            let error = await transport.failure(.get())
            #expect(error?.kind == .interrupted)
        }
    }

    @Test("A response head of more than 256 KiB is refused")
    func headLimit() async throws {
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            let line = "X-Filler: " + String(repeating: "x", count: 8000) + "\r\n"
            connection.send("HTTP/1.1 200 OK\r\n" + String(repeating: line, count: 40) + "\r\n")
            connection.waitForClose()
        }
        try await withTransport(script) { transport, _ in
            let error = await transport.failure(.get())
            #expect(error?.kind == .interrupted)
        }
    }

    @Test("gzip is undone if the request asks for it")
    func gzip() async throws {
        let script: ScriptedServer.Script = { connection in
            while connection.readRequest() != nil {
                let body = Gzip.stored(Array("plain text".utf8))
                connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(body.count)\r\n\r\n")
                connection.send(body)
            }
        }
        try await withTransport(script) { transport, server in
            var request = HTTPRequest.get()
            #expect(try await transport.send(request).body == Gzip.stored(Array("plain text".utf8)))
            request.headers["Accept-Encoding"] = "gzip"
            #expect(try await transport.send(request).text == "plain text")
            request.headers["accept-encoding"] = nil
            _ = try await transport.send(request)
            #expect(server.requests.map { $0.headers["accept-encoding"] } == [nil, "gzip", nil])
        }
    }

    @Test("A small compressed body that unfolds beyond the limit is given up")
    func gzipBomb() async throws {
        let bomb = Gzip.zeros(count: 64 << 20)
        #expect(bomb.count < 1 << 20)
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(bomb.count)\r\n\r\n")
            connection.send(bomb)
            connection.waitForClose()
        }
        try await withTransport(script) { transport, _ in
            var request = HTTPRequest.get()
            request.headers["Accept-Encoding"] = "gzip"
            request.responseLimit = 1 << 20
            let error = await transport.failure(request)
            #expect(error == .responseTooLarge(limit: 1 << 20))
        }
    }

    @Test("300 requests at once are all answered over a few dozen connections")
    func manyAtOnce() async throws {
        let script: ScriptedServer.Script = { connection in
            while let request = connection.readRequest() { connection.respond(body: request.target) }
        }
        try await withTransport(script) { transport, server in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<300 {
                    group.addTask { try await transport.send(.get("/\(index)")).text == "/\(index)" }
                }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(server.requests.count == 300)
            #expect(server.connectionCount < 100)
        }
    }

    @Test("A large body arrives whole")
    func largeBody() async throws {
        let size = 8 << 20
        try await withTransport(answering(body: String(repeating: "0123456789abcdef", count: size / 16))) {
            transport, _ in
            let body = try await transport.send(.get()).body
            #expect(body.count == size)
            #expect(body.suffix(16) == Array("0123456789abcdef".utf8)[...])
        }
    }
}
