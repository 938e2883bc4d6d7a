// SPDX-License-Identifier: Apache-2.0
import HTTP
import PKI
import Platform
import StructuredData
import Talos
import TalosAPI
import TestSupport
import Testing

@Suite("Connections to a server of grpc-go", .timeLimit(.minutes(15)))
struct GoServerConnectionTests {
    @Test("When a server drains, calls under way go on, and new ones reach nobody")
    func drain() async throws {
        let go = try await GoNode()
        let held = Task { await go.call("hold") }
        _ = try await go.server.events("call", 1)
        try await go.server.tell("refuse", until: "refusing")
        let failure = await go.call("ok").failure
        #expect(failure?.isUnavailable == true)
        #expect(failure?.mayHaveBeenProcessed == false, "\(failure.text)")
        try await go.server.tell("release", until: "end")
        #expect(await held.value.failure.isNoneOrLostStatus)
    }

    @Test("When a server restarts, calls under way go on, and new ones reach the new one")
    func restart() async throws {
        let go = try await GoNode()
        let held = Task { await go.call("hold") }
        _ = try await go.server.events("call", 1)
        try await go.server.tell("restart", until: "start")
        #expect(await go.call("ok").failure == nil)
        let calls = try await go.server.events("call", 2)
        #expect(calls[0]["connection"] != calls[1]["connection"])
        try await go.server.tell("release", until: "end")
        #expect(await held.value.failure.isNoneOrLostStatus)
    }

    @Test("When a server is gone, what was under way may have been done, and what follows is not")
    func kill() async throws {
        let go = try await GoNode("-snapshot", "hold?header=1")
        let held = Task { await go.call("hold") }
        let stream = try await go.node.etcdSnapshot(within: patience)
        _ = try await go.server.events("call", 2)
        try await go.server.tell("kill", until: "killed")
        let failure = await held.value.failure
        #expect(failure?.isUnavailable == true)
        #expect(failure?.mayHaveBeenProcessed == true)
        let cut = await Result { () async throws(TalosError) in try await stream.next() }
        #expect(cut.failure?.isUnavailable == true)
        #expect(await go.call("ok").failure?.mayHaveBeenProcessed == false)
    }

    @Test(
        "Of a server that sends its clients away all the time, an answer may lose its status, and no call is made twice"
    )
    func age() async throws {
        let go = try await GoNode("-age", "50ms")
        let results = await withTaskGroup(of: [TalosError?].self) { group in
            for task in 0..<4 {
                group.addTask {
                    var results: [TalosError?] = []
                    for number in 0..<100 {
                        let words: KeyValuePairs = ["pause": "2", "number": "\(task)-\(number)"]
                        results.append(await go.call("ok", words).failure)
                    }
                    return results
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(results.allSatisfy { $0.isNoneOrLostStatus })
        #expect(results.contains(nil))
        let calls = try await go.server.events("call", 400)
        #expect(Set(calls.map { $0["script"]?.string ?? "" }).count == 400)
        #expect(Set(calls.map { $0["connection"]?.string ?? "" }).count > 1)
    }

    @Test("A connection that the server will close for being idle is used no more")
    func idle() async throws {
        let go = try await GoNode("-idle", "20ms")
        let clock = try await GoNode()
        for _ in 0..<10 {
            #expect(await go.call("ok").failure.isNoneOrLostStatus)
            #expect(await clock.call("ok", ["pause": "60"]).failure == nil)
        }
        let calls = try await go.server.events("call", 10)
        #expect(Set(calls.map { $0["connection"]?.string ?? "" }).count > 1)
    }

    @Test("A server's pings are answered while a call is under way, and we send none of our own")
    func pings() async throws {
        let go = try await GoNode("-ping", "1s", "-ping-timeout", "1s")
        // Far longer than a client that does not answer is left alone for.
        #expect(await go.call("ok", ["pause": "5000"]).failure == nil)
        let bytes = try await go.node.read(path: "ok?pause=3000&header=1&size=5", within: patience)
        #expect(bytes.count == 5)
        #expect(await go.call("ok").failure == nil)
    }

    @Test("An idle connection answers no pings; when the server has closed it, the next call opens another")
    func idlePings() async throws {
        let go = try await GoNode("-ping", "1s", "-ping-timeout", "1s")
        #expect(await go.call("ok").failure == nil)
        _ = try await go.server.events("closed", 1)
        #expect(await go.call("ok").failure == nil)
    }

    @Test(
        "A server that takes one call at a time on a connection does none twice, and a call that it did not do is told"
    )
    func oneStream() async throws {
        let go = try await GoNode("-streams", "1")
        for _ in 0..<3 { #expect(await go.call("ok").failure == nil) }
        let failures = await withTaskGroup(of: TalosError?.self) { group in
            for number in 0..<40 {
                group.addTask { await go.call("ok", ["pause": "5", "number": "\(number)"]).failure }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        // What libcurl sends before it knows of the limit is refused, and it may not send it again.
        #expect(failures.allSatisfy { $0?.mayHaveBeenProcessed ?? true })
        let done = failures.count { $0 == nil }
        let calls = try await go.server.events("call", 3 + done)
        let scripts = calls.dropFirst(3).map { $0["script"]?.string ?? "" }
        #expect(Set(scripts).count == scripts.count)
    }

    @Test("TLS 1.2 will do")
    func oldTLS() async throws {
        let go = try await GoNode("-old-tls")
        #expect(await go.call("ok").failure == nil)
        #expect(try await go.server.events("call", 1).first?["tls"] == 0x0303)
    }
}

extension TalosError? {
    /// Whether a call went well, or was the last one on a connection that its server wants to be left.
    ///
    /// Of the answer to that one libcurl 7.88 loses the trailers, and so the status: the call may have been processed.
    fileprivate var isNoneOrLostStatus: Bool {
        self == nil || self == .transport(.interrupted("the answer ended without a status"))
    }
}

@Suite("Whom we trust among servers of grpc-go, and who trusts us", .timeLimit(.minutes(15)))
struct GoServerTrustTests {
    private let access: NodeAccess
    private let connections: NodeConnections
    private let context: TalosClientConfiguration.Context
    private let credentials: TalosCredentials

    init() throws {
        access = try NodeAccess()
        connections = NodeConnections(engine: try HTTPEngine(), userAgent: "test", connectTimeout: patience)
        context = try access.context()
        credentials = try TalosCredentials(context)
    }

    /// What a call of each kind comes to.
    private func failures(_ server: GoServer, as credentials: TalosCredentials) async throws -> [TalosError?]
    {
        let node = try connections.node(at: server.endpoint, as: credentials)
        let unary = await Result { () async throws(TalosError) in try await node.hostname(within: patience) }
        let stream = await Result { () async throws(TalosError) in
            try await node.read(path: "ok", within: patience)
        }
        return [unary.failure, stream.failure]
    }

    /// Whether a text holds a part of a secret, or of the certificates.
    private func tells(_ text: String) -> Bool {
        ([context.client.key, context.client.crt, context.authority].flatMap { pem in
            String(decoding: pem, as: UTF8.self).split(separator: "\n").filter { $0.count > 20 }
        }).contains { text.contains($0) }
    }

    @Test(
        "A certificate that is not as it should be is refused before anything is said, and the reason is told",
        arguments: [
            ("expired", ["-expired"], "expired"),
            ("of another address", ["-address", "127.0.0.9"], "127.0.0.1"),
            ("expired, over TLS 1.2", ["-expired", "-old-tls"], "expired"),
        ])
    func certificate(what: String, flags: [String], reason: String) async throws {
        let server = try await GoServer(flags, authority: access.bundle.os)
        for failure in try await failures(server, as: credentials) {
            #expect(failure?.isUntrusted == true, "\(failure.text)")
            #expect(failure?.mayHaveBeenProcessed == false)
            #expect(failure.text.contains(reason), "\(failure.text)")
            #expect(!tells(failure.text))
        }
        let contact = await connections.contact(
            server.endpoint, as: credentials, fingerprint: nil, within: patience)
        guard case .refused(let text) = contact else {
            Issue.record("\(contact)")
            return
        }
        #expect(text.contains(reason) && !tells(text), "\(text)")
    }

    @Test("A node of another authority is refused", arguments: [[], ["-old-tls"]])
    func stranger(flags: [String]) async throws {
        let server = try await GoServer(flags, authority: try NodeAccess().bundle.os)
        for failure in try await failures(server, as: credentials) {
            #expect(failure?.isUntrusted == true, "\(failure.text)")
            #expect(failure?.mayHaveBeenProcessed == false)
            #expect(!tells(failure.text))
        }
        let contact = await connections.contact(
            server.endpoint, as: credentials, fingerprint: nil, within: patience)
        guard case .refused(let text) = contact else {
            Issue.record("\(contact)")
            return
        }
        #expect(!tells(text))
    }

    @Test(
        "A node that will not have our certificate, another authority's or an expired one, refuses us",
        arguments: [[], ["-old-tls"]], [true, false])
    func refusedClient(flags: [String], isExpired: Bool) async throws {
        let server = try await GoServer(flags, authority: access.bundle.os)
        let past = SystemClock().timestamp + .seconds(-1_000_000)
        let other = try isExpired ? access.context(at: past) : NodeAccess().context()
        let wrong = try TalosCredentials(authority: access.bundle.os.crt, client: other.client)
        for failure in try await failures(server, as: wrong) {
            #expect(failure != nil)
            #expect(!tells(failure.text))
        }
        let contact = await connections.contact(
            server.endpoint, as: wrong, fingerprint: nil, within: patience)
        guard case .refused(let text) = contact else {
            Issue.record("\(contact)")
            return
        }
        #expect(!tells(text), "\(text)")
        // Nobody was let in.
        #expect(!server.process.lines.contains { $0.contains("\"event\":\"call\"") })
    }

    @Test("In maintenance mode the key is all there is, and it is another one after each boot")
    func maintenance() async throws {
        let server = try await GoServer()
        let endpoint = server.endpoint
        let status = MachineStatus(stage: .running, isReady: true)
        let first = try #require(ServerFingerprint(server.fingerprint))
        #expect(
            await connections.contact(endpoint, as: credentials, fingerprint: nil, within: patience)
                == .maintenance(first, status))
        let node = try connections.maintenanceNode(at: endpoint, fingerprint: first)
        _ = try await node.applyConfiguration([1], mode: .auto, dryRun: true, within: patience)
        let before = try await server.events("call", 2)
        #expect(before.allSatisfy { $0["peer"] == nil })

        try await server.tell("restart", until: "start")
        let second = try #require(ServerFingerprint(try await server.fingerprint(2)))
        #expect(first != second)
        // The one that was known is no longer there, and the configuration goes to nobody else.
        let refused = await Result { () async throws(TalosError) in
            try await node.applyConfiguration([1], mode: .auto, dryRun: true, within: patience)
        }
        #expect(refused.failure?.isUntrusted == true, "\(refused.failure.text)")
        #expect(refused.failure?.mayHaveBeenProcessed == false)
        #expect(
            await connections.contact(endpoint, as: credentials, fingerprint: nil, within: patience)
                == .maintenance(second, status))
        let pinned = await connections.contact(
            endpoint, as: credentials, fingerprint: first, within: patience)
        guard case .refused = pinned else {
            Issue.record("\(pinned)")
            return
        }
        let calls = try await server.events("call", 3)
        #expect(calls.filter { $0["method"] == "/machine.MachineService/ApplyConfiguration" }.count == 1)
    }

    @Test("A node in maintenance mode that speaks TLS 1.2 is known by its key too")
    func maintenanceOverOldTLS() async throws {
        let server = try await GoServer(["-old-tls"])
        let key = try #require(ServerFingerprint(server.fingerprint))
        let contact = await connections.contact(
            server.endpoint, as: credentials, fingerprint: key, within: patience)
        #expect(contact == .maintenance(key, MachineStatus(stage: .running, isReady: true)))
        #expect(try await server.events("call", 1).first?["peer"] == nil)
    }
}
