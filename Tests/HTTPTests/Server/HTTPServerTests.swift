// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport
import Testing

@testable import HTTP

@Suite("HTTP server")
struct HTTPServerTests {
    private static let ok = """
        HTTP/1.1 200 OK\r
        Content-Type: text/plain; charset=utf-8\r
        Content-Length: 2\r
        X-Content-Type-Options: nosniff\r
        \r
        ok
        """

    /// More than the kernel buffers between two sockets.
    private static let large = [UInt8](repeating: 120, count: 20_000_000)

    /// Runs `body` with a server on loopback that answers with the path, `ok` for `/`.
    private func withServer(
        limits: HTTPServerLimits = HTTPServerLimits(), clock: any Clock = SystemClock(),
        handler: @escaping @Sendable (ServerRequest) -> ServerResponse = {
            .text(200, $0.path == "/" ? "ok" : $0.path)
        },
        _ body: (UInt16) throws -> Void
    ) async throws {
        let address = try #require(BindAddress(parsing: "127.0.0.1:0"))
        let server = HTTPServer(
            HTTPServerConfiguration(address: address, limits: limits), clock: clock, handler: handler)
        try server.start()
        let outcome = Result { try body(try #require(server.boundPort)) }
        await server.stop()
        try outcome.get()
    }

    @Test("answers request after request on one connection, byte for byte")
    func keepAlive() async throws {
        try await withServer { port in
            let client = RawClient(port: port)
            for _ in 0..<3 {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.receiveResponse() == Self.ok)
            }
        }
    }

    @Test("answers pipelined requests in their order")
    func pipelining() async throws {
        try await withServer { port in
            let client = RawClient(port: port)
            let requests = (1...50).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
            client.send(requests.joined())
            for number in 1...50 {
                #expect(client.receiveResponse().hasSuffix("\r\n\r\n/\(number)"))
            }
        }
    }

    @Test("answers HEAD with the head alone, and the next request after it")
    func head() async throws {
        try await withServer { port in
            let client = RawClient(port: port)
            client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.receiveResponse(bodyIsDropped: true) == String(Self.ok.dropLast(2)))
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.receiveResponse() == Self.ok)
        }
    }

    @Test(
        "closes where the client asked for it, or did not ask to stay",
        arguments: [
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
        ])
    func close(request: String) async throws {
        try await withServer { port in
            let client = RawClient(port: port)
            client.send(request)
            let text = client.receiveAll()
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix("ok"))
            #expect(text.contains("\r\nConnection: close\r\n"))
        }
    }

    @Test("answers a client that has already finished sending")
    func halfClosed() async throws {
        try await withServer { port in
            let client = RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.finishSending()
            #expect(client.receiveAll() == Self.ok)
        }
    }

    @Test(
        "refuses and closes, and the refusal arrives although the client goes on sending",
        arguments: [
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", "413"),
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "405"), ("\u{16}\u{3}\u{1}", "400"),
            ("GET /" + String(repeating: "a", count: 9000), "431"),
        ])
    func refusal(request: String, status: String) async throws {
        try await withServer { port in
            let client = RawClient(port: port)
            client.send(request + String(repeating: "x", count: 100_000))
            client.finishSending()
            let text = client.receiveAll()
            #expect(text.hasPrefix("HTTP/1.1 \(status) "))
            #expect(text.contains("\r\nConnection: close\r\n"))
        }
    }

    @Test("drops clients that trickle their head at the deadline, and no others")
    func slowloris() async throws {
        let clock = ManualClock()
        try await withServer(clock: clock) { port in
            let slow = (0..<20).map { _ in RawClient(port: port) }
            for client in slow { client.send("GET / HTTP/1.1\r\nHost: ") }
            let idle = RawClient(port: port)
            idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(idle.receiveResponse() == Self.ok)
            clock.advance(by: .seconds(6))
            for client in slow { client.send("a") }
            idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(idle.receiveResponse() == Self.ok)
            for client in slow { #expect(client.receive() == nil) }
        }
    }

    @Test("serves a newcomer while more clients than allowed keep connections open")
    func connectionLimit() async throws {
        try await withServer(limits: HTTPServerLimits(connections: 8)) { port in
            let hostile = (0..<40).map { _ in RawClient(port: port) }
            for client in hostile { client.send("GET / HT") }
            let probe = RawClient(port: port)
            probe.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(probe.receiveResponse() == Self.ok)
            #expect(hostile[0].receive() == nil)
        }
    }

    @Test("delivers a large response to a slow reader while others are served")
    func largeResponse() async throws {
        let handler: @Sendable (ServerRequest) -> ServerResponse = { request in
            request.path == "/"
                ? .text(200, "ok") : ServerResponse(status: 200, body: Self.large)
        }
        try await withServer(limits: HTTPServerLimits(queuedBytes: 2 * Self.large.count), handler: handler) {
            port in
            let slow = RawClient(port: port, receiveBuffer: 4096)
            slow.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let other = RawClient(port: port)
            other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(other.receiveResponse() == Self.ok)
            #expect(slow.receiveAll().utf8.count > Self.large.count)
        }
    }

    @Test("drops the slowest reader for the next request where too much waits to be read")
    func overload() async throws {
        let handler: @Sendable (ServerRequest) -> ServerResponse = { request in
            request.path == "/" ? .text(200, "ok") : ServerResponse(status: 200, body: Self.large)
        }
        try await withServer(limits: HTTPServerLimits(queuedBytes: 1000), handler: handler) { port in
            let slow = RawClient(port: port, receiveBuffer: 4096)
            slow.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(slow.receive(atMost: 1) == [72])
            let other = RawClient(port: port)
            other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(other.receiveResponse() == Self.ok)
            #expect(slow.receiveAll().utf8.count < Self.large.count)
        }
    }

    @Test("lets a client read to its end, while it stops, the response that has begun")
    func drain() async throws {
        let address = try #require(BindAddress(parsing: "127.0.0.1:0"))
        let limits = HTTPServerLimits(drainTimeout: .seconds(60))
        let server = HTTPServer(HTTPServerConfiguration(address: address, limits: limits)) { _ in
            ServerResponse(status: 200, body: Self.large)
        }
        try server.start()
        let client = RawClient(port: try #require(server.boundPort), receiveBuffer: 4096)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.receive(atMost: 1) == [72])
        async let stopped: Void = server.stop()
        #expect(await client.receiveAllAside().utf8.count > Self.large.count)
        await stopped
    }

    @Test("survives clients that reset their connection in the middle of anything")
    func reset() async throws {
        try await withServer { port in
            for request in ["", "GET /", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
                let client = RawClient(port: port)
                client.send(request)
                client.reset()
            }
            let client = RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.receiveResponse() == Self.ok)
        }
    }

    @Test("names the address that is in use and leaves nothing behind")
    func addressInUse() async throws {
        try await withServer { port in
            let address = try #require(BindAddress(parsing: "127.0.0.1:\(port)"))
            let second = HTTPServer(HTTPServerConfiguration(address: address)) { _ in .text(200, "") }
            let error = #expect(throws: HTTPServerError.self) { try second.start() }
            #expect(error?.description == "cannot listen on 127.0.0.1:\(port): Address already in use")
            #expect(second.boundPort == nil)
        }
    }

    @Test("listens for IPv4 where all addresses are meant, and on the port again after a stop")
    func anyAddress() async throws {
        // None that a connection of another test could get in between.
        let port = try FreePort.find()
        let address = try #require(BindAddress(parsing: ":\(port)"))
        let server = HTTPServer(HTTPServerConfiguration(address: address)) { _ in .text(200, "ok") }
        try server.start()
        let client = RawClient(port: port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.receiveResponse() == Self.ok)
        await server.stop()
        #expect(server.boundPort == nil)
        #expect(client.receive() == nil)
        let next = HTTPServer(HTTPServerConfiguration(address: address)) { _ in .text(200, "ok") }
        try next.start()
        await next.stop()
    }

    @Test("is started once, and stopped as often as one likes")
    func lifecycle() async throws {
        let address = try #require(BindAddress(parsing: "127.0.0.1:0"))
        let server = HTTPServer(HTTPServerConfiguration(address: address)) { _ in .text(200, "ok") }
        await server.stop()
        try server.start()
        #expect(throws: HTTPServerError.alreadyStarted(address: "127.0.0.1:0")) { try server.start() }
        await server.stop()
        await server.stop()
        #expect(throws: HTTPServerError.alreadyStarted(address: "127.0.0.1:0")) { try server.start() }
    }
}
