// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import HTTP

@Suite("Server connection")
struct ServerConnectionTests {
    private let limits = HTTPServerLimits()
    private static let request = Array("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)

    private func at(_ seconds: Int64) -> Instant {
        Instant(nanoseconds: seconds * 1_000_000_000)
    }

    /// Hands the bytes in and answers what is complete.
    private func feed(_ connection: inout ServerConnection, _ bytes: [UInt8], at seconds: Int64) {
        connection.receive(bytes, now: at(seconds))
        connection.serve(now: at(seconds)) { _ in .text(200, "ok") }
    }

    private func sendAll(_ connection: inout ServerConnection, at seconds: Int64) {
        connection.didSend(connection.pendingOutput.count, now: at(seconds))
    }

    @Test("gives a new connection the head timeout, and every byte the same one")
    func headDeadline() {
        var connection = ServerConnection(now: at(0))
        for second in 1...4 {
            feed(&connection, [Self.request[second - 1]], at: Int64(second))
            #expect(connection.phase == .head)
            #expect(connection.deadline(limits) == at(5))
        }
    }

    @Test("goes from head to sending to idle and measures each from its beginning")
    func phases() {
        var connection = ServerConnection(now: at(0))
        #expect(connection.wantsInput && !connection.canServe)
        feed(&connection, Self.request, at: 1)
        #expect(connection.phase == .sending && !connection.wantsInput)
        #expect(connection.deadline(limits) == at(31))
        connection.didSend(5, now: at(2))
        #expect(connection.phase == .sending && connection.deadline(limits) == at(31))
        sendAll(&connection, at: 3)
        #expect(connection.phase == .idle && connection.wantsInput)
        #expect(connection.deadline(limits) == at(63))
        feed(&connection, [Self.request[0]], at: 50)
        #expect(connection.phase == .head && connection.deadline(limits) == at(55))
    }

    @Test("holds one response at a time however many requests have come")
    func pipelining() {
        var connection = ServerConnection(now: at(0))
        feed(&connection, Self.request + Self.request + [71], at: 1)
        let response = connection.pendingOutput.count
        #expect(!connection.canServe)
        sendAll(&connection, at: 2)
        #expect(connection.phase == .head && connection.canServe && !connection.wantsInput)
        connection.serve(now: at(2)) { _ in .text(200, "ok") }
        #expect(connection.pendingOutput.count == response)
        sendAll(&connection, at: 3)
        connection.serve(now: at(3)) { _ in .text(200, "ok") }
        #expect(connection.phase == .head && connection.wantsInput && !connection.canServe)
        #expect(connection.deadline(limits) == at(8))
    }

    @Test("lingers after a response that closes, throws away what comes and ends with the client")
    func lingering() {
        var connection = ServerConnection(now: at(0))
        feed(&connection, Array("POST / HTTP/1.1\r\nHost: h\r\n\r\n".utf8), at: 1)
        sendAll(&connection, at: 2)
        #expect(connection.phase == .lingering && connection.deadline(limits) == at(4))
        feed(&connection, Self.request, at: 3)
        #expect(connection.phase == .lingering && connection.pendingOutput.isEmpty)
        #expect(connection.deadline(limits) == at(4))
        connection.receiveEnd(now: at(3))
        #expect(connection.phase == .closed)
    }

    @Test("answers a client that has finished sending and then closes")
    func halfClosed() {
        var connection = ServerConnection(now: at(0))
        connection.receive(Self.request, now: at(1))
        connection.receiveEnd(now: at(1))
        #expect(connection.canServe && !connection.wantsInput)
        connection.serve(now: at(1)) { _ in .text(200, "ok") }
        #expect(connection.phase == .sending)
        sendAll(&connection, at: 1)
        #expect(connection.canServe)
        connection.serve(now: at(1)) { _ in .text(200, "ok") }
        #expect(connection.phase == .closed)
    }

    @Test("closes when the client leaves in the middle of a head")
    func abandoned() {
        var connection = ServerConnection(now: at(0))
        feed(&connection, [71], at: 1)
        connection.receiveEnd(now: at(2))
        connection.serve(now: at(2)) { _ in .text(200, "ok") }
        #expect(connection.phase == .closed)
    }

    @Test("waits for an answer that comes later, reads nothing meanwhile, and gives it 15 seconds")
    func waiting() {
        var connection = ServerConnection(now: at(0))
        connection.receive(Self.request + Self.request, now: at(1))
        connection.serve(now: at(1)) { _ in nil }
        #expect(connection.phase == .waiting && !connection.wantsInput && !connection.canServe)
        #expect(connection.deadline(limits) == at(16))
        connection.answer(.text(200, "ok"), now: at(9))
        #expect(connection.phase == .sending && connection.deadline(limits) == at(39))
        sendAll(&connection, at: 9)
        #expect(connection.canServe)
        connection.serve(now: at(9)) { _ in .text(200, "ok") }
        #expect(connection.phase == .sending)
    }

    @Test("is not kept alive by empty lines")
    func emptyLines() {
        var connection = ServerConnection(now: at(0))
        feed(&connection, Self.request, at: 1)
        sendAll(&connection, at: 1)
        feed(&connection, [13, 10], at: 2)
        #expect(connection.deadline(limits) <= at(61))
        feed(&connection, [13, 10], at: 6)
        #expect(connection.deadline(limits) <= at(61))
    }
}
