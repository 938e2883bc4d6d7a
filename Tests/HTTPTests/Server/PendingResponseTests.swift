// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport
import Testing

@testable import HTTP

/// Requests to `/later…`, which a test answers when it likes; others are answered `ok` at once.
private final class Desk: Sendable {
    private let pending = Locked<[(path: String, response: PendingResponse)]>([])
    private let arrivals = AsyncStream<String>.makeStream()

    var handler: ServerHandler {
        { request, response in
            guard request.path.hasPrefix("/later") else { return .text(200, "ok") }
            self.pending.withLock { $0.append((request.path, response)) }
            self.arrivals.continuation.yield(request.path)
            return nil
        }
    }

    /// Returns the paths of the next `count` requests that are to be answered later.
    func next(_ count: Int = 1) async -> [String] {
        var paths: [String] = []
        for await path in arrivals.stream {
            paths.append(path)
            if paths.count >= count { break }
        }
        return paths
    }

    /// Answers every waiting request with its path.
    func answerAll() {
        // Taken out at once: the first answer may bring the next request.
        let waiting = pending.withLock { pending in
            defer { pending = [] }
            return pending
        }
        for (path, response) in waiting { response.resume(returning: .text(200, path)) }
    }

    /// The answers still owed.
    var owed: [PendingResponse] { pending.withLock { $0.map(\.response) } }
}

@Suite("HTTP server: answers that come later", .timeLimit(.minutes(15)))
struct PendingResponseTests {
    private let desk = Desk()

    private func withServer(
        limits: HTTPServerLimits = HTTPServerLimits(), clock: any Clock = ManualClock(),
        _ body: (HTTPServer, UInt16) async throws -> Void
    ) async throws {
        let address = try #require(BindAddress(parsing: "127.0.0.1:0"))
        let server = HTTPServer(
            HTTPServerConfiguration(address: address, limits: limits), clock: clock, deferring: desk.handler)
        try server.start()
        do {
            try await body(server, try #require(server.boundPort))
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func ask(_ client: RawClient, _ path: String, _ method: String = "GET") {
        client.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    @Test("others are served while an answer is made, and the next request on its connection after it")
    func waiting() async throws {
        try await withServer { _, port in
            let patient = RawClient(port: port)
            ask(patient, "/later/1")
            ask(patient, "/")
            ask(patient, "/later/2", "HEAD")
            #expect(await desk.next() == ["/later/1"])
            let other = RawClient(port: port)
            ask(other, "/")
            #expect(other.receiveResponse().hasSuffix("\r\n\r\nok"))
            desk.answerAll()
            #expect(patient.receiveResponse().hasSuffix("\r\n\r\n/later/1"))
            #expect(patient.receiveResponse().hasSuffix("\r\n\r\nok"))
            #expect(await desk.next() == ["/later/2"])
            desk.answerAll()
            let head = patient.receiveResponse(bodyIsDropped: true)
            #expect(head.contains("Content-Length: 8\r\n") && head.hasSuffix("\r\n\r\n"))
        }
    }

    @Test("many wait at the same time, and each gets its own answer, once")
    func many() async throws {
        try await withServer { _, port in
            let clients = (0..<50).map { number in
                let client = RawClient(port: port)
                ask(client, "/later/\(number)")
                return client
            }
            #expect(Set(await desk.next(50)) == Set((0..<50).map { "/later/\($0)" }))
            let owed = desk.owed
            desk.answerAll()
            for (number, client) in clients.enumerated() {
                #expect(client.receiveResponse().hasSuffix("\r\n\r\n/later/\(number)"))
                ask(client, "/")
            }
            for response in owed { response.resume(returning: .text(500, "again")) }
            for client in clients { #expect(client.receiveResponse().hasSuffix("\r\n\r\nok")) }
        }
    }

    @Test("an answer for a client that has gone reaches nobody else")
    func gone() async throws {
        try await withServer { _, port in
            for _ in 0..<20 {
                let client = RawClient(port: port)
                ask(client, "/later")
                _ = await desk.next()
                client.reset()
            }
            // They get the sockets of those who went.
            let clients = (0..<20).map { _ in RawClient(port: port) }
            desk.answerAll()
            for client in clients {
                ask(client, "/")
                #expect(client.receiveResponse().hasSuffix("\r\n\r\nok"))
            }
        }
    }

    @Test("a client whose answer never comes is dropped when the time for it is up")
    func timeout() async throws {
        let clock = ManualClock()
        try await withServer(clock: clock) { _, port in
            let client = RawClient(port: port)
            ask(client, "/later")
            _ = await desk.next()
            clock.advance(by: .seconds(16))
            let other = RawClient(port: port)
            ask(other, "/")
            #expect(other.receiveResponse().hasSuffix("ok"))
            #expect(client.receive() == nil)
            desk.answerAll()
            ask(other, "/")
            #expect(other.receiveResponse().hasSuffix("ok"))
        }
    }

    @Test("those who wait lose their connections to newcomers like anybody else")
    func connectionLimit() async throws {
        try await withServer(limits: HTTPServerLimits(connections: 8)) { _, port in
            let waiting = (0..<8).map { _ in
                let client = RawClient(port: port)
                ask(client, "/later")
                return client
            }
            _ = await desk.next(8)
            let probe = RawClient(port: port)
            ask(probe, "/")
            #expect(probe.receiveResponse().hasSuffix("ok"))
            desk.answerAll()
            #expect(waiting.count { $0.receive() == nil } == 1)
        }
    }

    @Test("a stop waits for no answer, and one that comes after it harms nobody")
    func stop() async throws {
        try await withServer { server, port in
            let client = RawClient(port: port)
            ask(client, "/later")
            _ = await desk.next()
            await server.stop()
            #expect(client.receive() == nil)
            desk.answerAll()
        }
    }
}
