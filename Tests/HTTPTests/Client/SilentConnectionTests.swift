// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport
import Testing

@testable import HTTP

@Suite("CurlTransport: connections that fall silent", .timeLimit(.minutes(15)))
struct SilentConnectionTests {
    /// Seconds at which a wait began, at which the connection brought something last, and at which it is judged.
    struct Wait: Sendable, CustomTestStringConvertible {
        var start = 100
        var heard: Int
        var now = 130
        var isSilent: Bool

        var testDescription: String { "waits since \(start), heard at \(heard), now \(now)" }
    }

    @Test(
        "A connection is dead that brought nothing in the latter half of a wait",
        arguments: [
            Wait(heard: 0, isSilent: true), Wait(heard: 100, isSilent: true),
            Wait(heard: 115, isSilent: true), Wait(heard: 116, isSilent: false),
            Wait(heard: 130, isSilent: false),
            // Too short a wait proves nothing, however long it was quiet before.
            Wait(heard: 0, now: 100, isSilent: false), Wait(heard: 0, now: 101, isSilent: false),
            Wait(heard: 0, now: 102, isSilent: true),
        ])
    func judgement(_ wait: Wait) {
        func instant(_ seconds: Int) -> Instant { Instant(nanoseconds: 0) + .seconds(seconds) }
        let isSilent = CurlEngine.isSilent(
            waitingSince: instant(wait.start), heard: instant(wait.heard), now: instant(wait.now))
        #expect(isSilent == wait.isSilent)
    }

    @Test("A connection that falls silent in a body, or in a stream given up for it, is not used again")
    func silentBody() async throws {
        let script: ScriptedServer.Script = { connection in
            guard connection.readRequest() != nil else { return }
            if connection.index > 1 { return connection.respond(body: "ok") }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.waitForClose()
        }
        try await withTransport(script) { transport, server in
            do {
                let (_, body) = try await transport.open(.get())
                #expect(try await body.next() == Array("abc".utf8))
                body.distrustConnection()
            }
            #expect(await transport.failure(.get(timeout: .milliseconds(500))) != nil)
            #expect(try await transport.send(.get()).text == "ok")
            #expect(server.connectionCount == 3)
        }
    }
}
