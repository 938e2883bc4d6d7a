// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import TestSupport
import Testing

@Suite("HTTP server: TLS", .timeLimit(.minutes(15)))
struct TLSServerTests {
    /// More than the kernel buffers between two sockets: 33 MB for the one who reads, 4 MB for the other.
    private static let large = [UInt8](repeating: 120, count: 64_000_000)

    @Test("answers request after request of a client that trusts the authority")
    func keepAlive() async throws {
        let server = try await TLSServer()
        let client = try server.client()
        defer { client.shutdown() }
        for number in 1...3 { #expect(try await client.send(.get("/\(number)")).text == "/\(number)") }
        let stranger = try CurlTransport(configuration(server.port, scheme: .https))
        defer { stranger.shutdown() }
        #expect(await stranger.failure(.get())?.kind == .tlsFailed)
        await server.server.stop()
    }

    @Test(
        "speaks TLS 1.3 and 1.2 and HTTP/1.1, and says farewell before it closes",
        arguments: [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")])
    func versions(option: String, name: String) async throws {
        let server = try await TLSServer()
        let lines = try await server.conversation([option, "-alpn", "h2,http/1.1"])
        #expect(lines.contains { $0.hasPrefix("New, \(name),") }, "\(lines)")
        #expect(lines.contains("ALPN protocol: http/1.1"))
        #expect(lines.contains { $0.hasPrefix("HTTP/1.1 200 OK") })
        #expect(lines.contains { $0.hasPrefix("ok") })
        #expect(lines.last?.hasSuffix("closed") == true, "\(lines)")
        #expect(!lines.contains { $0.contains("unexpected eof") })
        await server.server.stop()
    }

    @Test(
        "turns away old versions and weak ciphers", arguments: [["-tls1_1"], ["-cipher", "AES128-SHA256"]])
    func weakness(options: [String]) async throws {
        let server = try await TLSServer()
        let weak = ["-tls1_2", "-cipher", "ALL:@SECLEVEL=0"]
        let lines = try await server.conversation(
            options == ["-tls1_1"] ? options + weak[1...] : weak[..<1] + options)
        #expect(lines.contains { $0.contains("alert") }, "\(lines)")
        #expect(!lines.contains { $0.hasPrefix("HTTP/1.1") })
        #expect(try await server.get().text == "ok")
        await server.server.stop()
    }

    @Test("says in an alert why there will be no handshake")
    func alerts() async throws {
        let server = try await TLSServer()
        let old = RawClient(port: server.port)
        old.send(ClientHello(version: [3, 2]).bytes)
        #expect(Alert(old.receive()) == .protocolVersion)
        let other = RawClient(port: server.port)
        other.send(ClientHello(protocols: ["h2", "spdy/1"]).bytes)
        #expect(Alert(other.receive()) == .noApplicationProtocol)
        let client = RawClient(port: server.port)
        client.send(ClientHello(protocols: ["h2", "http/1.1"]).bytes)
        // A handshake record with the ServerHello in it.
        #expect(client.receive()?.first == 22)
        await server.server.stop()
    }

    @Test("does not renegotiate")
    func renegotiation() async throws {
        let server = try await TLSServer()
        let session = try server.session(["-tls1_2"])
        _ = await session.line { $0.contains("Verify return code: 0") }
        session.write("R")
        _ = await session.ending()
        #expect(session.lines.contains { $0.contains("no renegotiation") }, "\(session.lines)")
        await server.server.stop()
    }

    @Test(
        "tells a client without TLS, in its own words, that this port has it",
        arguments: ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD / HTTP/1.0\r\n\r\n"])
    func plainHTTP(request: String) async throws {
        let server = try await TLSServer()
        let client = RawClient(port: server.port)
        client.send(request + String(repeating: "x", count: 100_000))
        client.finishSending()
        let answer = client.receiveAll()
        #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n400 Bad Request: this port speaks HTTPS\n"))
        #expect(try await server.get().text == "ok")
        await server.server.stop()
    }

    @Test("drops clients that are slow to make their handshake at the deadline, and no others")
    func slowHandshake() async throws {
        let clock = ManualClock()
        let server = try await TLSServer(clock: clock)
        let hello = ClientHello().bytes
        let beginnings = [0, 1, 5, 6, 50, hello.count - 1, hello.count].map { Array(hello[..<$0]) }
        let slow = beginnings.map { beginning in
            let client = RawClient(port: server.port)
            client.send(beginning)
            return client
        }
        let other = try server.client()
        defer { other.shutdown() }
        #expect(try await other.send(.get()).text == "ok")
        // The last one has its answer, which shows that all of them have been looked at.
        #expect(slow.last?.receive() != nil)
        clock.advance(by: .seconds(6))
        #expect(try await other.send(.get()).text == "ok")
        for client in slow { #expect(await client.receiveAllAside().utf8.count < 4096) }
        await server.server.stop()
    }

    @Test("serves a newcomer while more clients than allowed are in a handshake")
    func connectionLimit() async throws {
        let server = try await TLSServer(limits: HTTPServerLimits(connections: 8))
        let hello = ClientHello().bytes
        let hostile = (0..<40).map { _ in RawClient(port: server.port) }
        for (index, client) in hostile.enumerated() { client.send(Array(hello[..<(index % hello.count)])) }
        #expect(try await server.get().text == "ok")
        #expect(hostile[0].receive() == nil)
        await server.server.stop()
    }

    @Test("survives clients that vanish in the middle of a handshake")
    func vanishing() async throws {
        let server = try await TLSServer()
        let hello = ClientHello().bytes
        for count in stride(from: 0, through: hello.count, by: 7) {
            let client = RawClient(port: server.port)
            client.send(Array(hello[..<count]))
            count % 2 == 0 ? client.reset() : client.finishSending()
        }
        #expect(try await server.get().text == "ok")
        await server.server.stop()
    }

    @Test("delivers a large response to a slow reader while others are served")
    func largeResponse() async throws {
        let limits = HTTPServerLimits(sendTimeout: .seconds(600), queuedBytes: 2 * Self.large.count)
        let server = try await TLSServer(limits: limits) { request in
            request.path == "/" ? .text(200, "ok") : ServerResponse(status: 200, body: Self.large)
        }
        let slow = try server.client()
        defer { slow.shutdown() }
        let (head, body) = try await slow.open(.get("/large"))
        #expect(head.status == 200)
        #expect(try await server.get().text == "ok")
        var count = 0
        while let piece = try await body.next() {
            #expect(piece.allSatisfy { $0 == 120 })
            count += piece.count
        }
        #expect(count == Self.large.count)
        await server.server.stop()
    }

    @Test("drops a client that reads nothing when its time is up")
    func sendTimeout() async throws {
        let clock = ManualClock()
        let server = try await TLSServer(clock: clock) { request in
            request.path == "/" ? .text(200, "ok") : ServerResponse(status: 200, body: Self.large)
        }
        let slow = try StalledSession(server, target: "/large")
        #expect(await slow.process.line { $0.hasPrefix("HTTP/1.1 200 OK") } != nil)
        clock.advance(by: .seconds(31))
        #expect(try await server.get().text == "ok")
        // Far less than all, also beside what `head` has taken with the first line.
        #expect(try await slow.countOfRest() < Self.large.count - 1_000_000)
        await server.server.stop()
    }

    @Test("takes requests that come in one record, or byte by byte")
    func records() async throws {
        let server = try await TLSServer()
        let session = try server.session(["-quiet"])
        let requests = (1...40).map {
            "GET /\($0) HTTP/1.1\r\nHost: \(String(repeating: "h", count: 300))\r\n\r\n"
        }
        session.write(requests.joined() + "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r")
        _ = await session.ending()
        for number in 1...40 {
            #expect(session.lines.contains { $0.hasPrefix("/\(number)HTTP/1.1 ") }, "\(number)")
        }
        #expect(session.lines.contains { $0.hasPrefix("/last") })
        await server.server.stop()
    }

    @Test("survives whatever bytes come, and goes on serving", arguments: 0..<4 as Range<UInt64>)
    func garbage(seed: UInt64) async throws {
        let server = try await TLSServer()
        var random = SeededGenerator(seed: seed)
        let hello = ClientHello(protocols: ["http/1.1"]).bytes
        for round in 0..<60 {
            var bytes = hello
            if round % 3 == 0 {
                bytes = (0..<Int.random(in: 1...2000, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                if round % 2 == 0 { bytes = [22, 3, 1] + bytes }
            } else {
                for _ in 0...Int.random(in: 0...3, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                        in: 0...255, using: &random)
                }
                bytes += bytes[..<Int.random(in: 0...bytes.count, using: &random)]
            }
            let client = RawClient(port: server.port)
            client.send(bytes)
            client.finishSending()
            _ = client.receiveAll()
        }
        #expect(try await server.get().text == "ok")
        await server.server.stop()
    }
}
