// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// The client on the real transport, against a server that misbehaves over real sockets.
@Suite("KubernetesClient over TCP", .timeLimit(.minutes(15)))
struct LoopbackTests {
    private static let json = "Content-Type: application/json"

    private static func status(_ code: Int, _ reason: String) -> String {
        #"{"kind":"Status","status":"Failure","reason":"\#(reason)","code":\#(code),"message":"m"}"#
    }

    private static func text(_ document: JSONValue) -> String {
        String(decoding: document.encoded(), as: UTF8.self)
    }

    /// Runs `test` with a client of a server that does as `script` says.
    private func withServer(
        prefix: String = "", timeout: Duration = .seconds(30), _ script: @escaping ScriptedServer.Script,
        _ test: (KubernetesClient, ScriptedServer) async throws -> Void
    ) async throws {
        let server = try ScriptedServer(script)
        let endpoint = Endpoint(scheme: .http, host: "127.0.0.1", port: server.port, pathPrefix: prefix)
        let transport = try CurlTransport(TransportConfiguration(endpoint: endpoint, userAgent: "tester/1"))
        defer {
            transport.shutdown()
            server.stop()
        }
        let client = KubernetesClient(
            transport: transport, endpoint: endpoint, fieldManager: "tester", timeout: timeout,
            retry: RetryPolicy(firstDelay: .milliseconds(1), longestDelay: .milliseconds(1)))
        try await test(client, server)
    }

    /// Answers every request of a connection with what `answer` sends.
    private static func answering(
        _ answer: @escaping @Sendable (ScriptedConnection, ScriptedRequest) -> Void
    ) -> ScriptedServer.Script {
        { connection in
            while let request = connection.readRequest() { answer(connection, request) }
        }
    }

    @Test("puts an apply on the wire as the API server expects it, behind the endpoint's prefix once")
    func apply() async throws {
        let gadget = Self.text(.gadget("a", size: 3))
        try await withServer(
            prefix: "/clusters/c-1",
            Self.answering { connection, _ in connection.respond(201, headers: [Self.json], body: gadget) }
        ) { client, server in
            let applied = try await client.apply(Gadget.self, .a, ["spec": ["size": 3]])
            #expect(applied.wasCreated)
            #expect(applied.object.size == 3)
            let request = try #require(server.requests.first)
            #expect(request.method == "PATCH")
            #expect(
                request.target
                    == "/clusters/c-1/apis/example.io/v1/namespaces/ns/gadgets/a"
                    + "?fieldManager=tester&force=true&timeout=30s")
            #expect(request.headers["content-type"] == "application/apply-patch+yaml")
            #expect(request.headers["accept"] == "application/json")
            #expect(request.headers["user-agent"] == "tester/1")
            #expect(request.headers["expect"] == nil)
            #expect(String(decoding: request.body, as: UTF8.self) == #"{"spec":{"size":3}}"#)
        }
    }

    @Test("a delete carries its body")
    func delete() async throws {
        try await withServer(
            Self.answering { connection, _ in
                connection.respond(headers: [Self.json], body: #"{"kind":"Status","status":"Success"}"#)
            }
        ) { client, server in
            let deleted: Deleted<Gadget> = try await client.delete(
                Gadget.self, .a, preconditions: Preconditions(uid: "u"))
            guard case .gone = deleted else {
                Issue.record("got \(deleted)")
                return
            }
            let request = try #require(server.requests.first)
            #expect(request.method == "DELETE")
            #expect(try JSONValue(json: request.body)["preconditions"] == ["uid": "u"])
        }
    }

    @Test("a create whose connection breaks after the server has acted finds what it made")
    func interruptedCreate() async throws {
        try await withServer { connection in
            guard connection.readRequest() != nil else { return }
            if connection.index == 0 { return connection.reset() }
            connection.respond(409, headers: [Self.json], body: Self.status(409, "AlreadyExists"))
            connection.waitForClose()
        } _: { client, server in
            let error = await apiError { () async throws(APIError) in
                try await client.create(Gadget.self, .gadget("a"), namespace: "ns")
            }
            #expect(error?.isAlreadyExists == true)
            #expect(server.requests.map(\.method) == ["POST", "POST"])
        }
    }

    @Test("a create under a generated name is sent once, whatever becomes of it")
    func interruptedGeneratedCreate() async throws {
        try await withServer { connection in
            if connection.readRequest() != nil { connection.reset() }
        } _: { client, server in
            let error = await apiError { () async throws(APIError) in
                try await client.create(Gadget.self, ["metadata": ["generateName": "a-"]], namespace: "ns")
            }
            guard case .transport(.interrupted) = error else {
                Issue.record("got \(String(describing: error))")
                return
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test("a read is repeated over broken connections and bad gateways")
    func repeatedRead() async throws {
        let gadget = Self.text(.gadget("a"))
        try await withServer { connection in
            guard connection.readRequest() != nil else { return }
            switch connection.index {
            case 0: connection.reset()
            case 1: connection.respond(502, headers: ["Connection: close"], body: "<html>Bad Gateway</html>")
            default: connection.respond(headers: [Self.json], body: gadget)
            }
        } _: { client, server in
            let gadget = try await client.get(Gadget.self, .a)
            #expect(gadget.key == .a)
            #expect(server.requests.count == 3)
        }
    }

    @Test("a server that never answers costs one timeout for each attempt and no more")
    func silence() async throws {
        let (gadget, arrived) = (Self.text(.gadget("a")), Latch())
        try await withServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.respond(headers: [Self.json], body: gadget)
            guard connection.readRequest() != nil else { return }
            arrived.open()
            connection.waitForClose()
        } _: { client, server in
            // The connection is there before time runs.
            _ = try await client.get(Gadget.self, .a)
            var client = client
            client.retry = .never
            client.timeout = .milliseconds(500)
            let once = client
            let error = await apiError { () async throws(APIError) in try await once.get(Gadget.self, .a) }
            #expect(error == .transport(.timedOut))
            await arrived.wait()
            #expect(server.requests.count == 2)
        }
    }

    @Test("a redirect is not followed")
    func redirect() async throws {
        try await withServer(
            Self.answering { connection, _ in connection.respond(302, headers: ["Location: /elsewhere"]) }
        ) { client, server in
            let error = await apiError { () async throws(APIError) in try await client.get(Gadget.self, .a) }
            #expect(error?.status?.code == 302)
            #expect(server.requests.count == 1)
        }
    }

    @Test("lists page by page over one connection")
    func pages() async throws {
        let first = Self.text(.gadgets([.gadget("a")], version: "5", next: "t+1"))
        let second = Self.text(.gadgets([.gadget("b")], version: "5"))
        try await withServer(
            Self.answering { connection, request in
                let isSecond = request.target.contains("continue=t%2B1")
                connection.respond(headers: [Self.json], body: isSecond ? second : first)
            }
        ) { client, server in
            let list = try await client.list(Gadget.self)
            #expect(list.items.map(\.metadata.name) == ["a", "b"])
            #expect(list.resourceVersion == "5")
            #expect(server.connectionCount == 1)
            #expect(server.requests.allSatisfy { $0.headers["accept-encoding"] == "gzip" })
        }
    }

    @Test("a watch reads events that come in single bytes, and drops the one that does not come whole")
    func watch() async throws {
        let event = Self.text(["type": "ADDED", "object": .gadget("é😀", version: "9")])
        try await withServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\n\(Self.json)\r\nTransfer-Encoding: chunked\r\n\r\n")
            for byte in Array("\(event)\r\n\r\n\(event)".utf8) {
                connection.send("1\r\n")
                connection.send([byte])
                connection.send("\r\n")
            }
            connection.sendChunk(#"{"type":"ADDED","object":{"#)
            connection.sendChunk("")
        } _: { client, server in
            var stream = try await client.watch(Gadget.self, from: "1", timeout: .seconds(270))
            var names: [String] = []
            while let event = try await stream.next() {
                if case .added(let gadget) = event { names.append(gadget.metadata.name) }
            }
            #expect(names == ["é😀", "é😀"])
            #expect(server.requests.first?.headers["accept-encoding"] == nil)
        }
    }

    @Test("a watch whose connection breaks says so after the events before")
    func brokenWatch() async throws {
        let event = Self.text(["type": "ADDED", "object": .gadget("a")])
        let proceed = Latch()
        try await withServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\n\(Self.json)\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.sendChunk(event)
            proceed.block()
            connection.reset()
        } _: { client, _ in
            var stream = try await client.watch(Gadget.self, from: "1", timeout: .seconds(270))
            #expect(await Self.failure(of: &stream) == nil)
            proceed.open()
            let error = await Self.failure(of: &stream)
            guard case .transport(.interrupted) = error else {
                Issue.record("got \(String(describing: error))")
                return
            }
        }
    }

    /// What the next event fails with; nil if it does not.
    private static func failure(of stream: inout WatchStream<Gadget>) async -> APIError? {
        do {
            _ = try await stream.next()
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "a watch that is refused brings the whole Status, whatever pieces it comes in",
        arguments: [403, 410, 500])
    func refusedWatch(code: Int) async throws {
        let status = Self.status(code, "Why")
        try await withServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 \(code) No\r\n\(Self.json)\r\nTransfer-Encoding: chunked\r\n\r\n")
            for character in status { connection.sendChunk(String(character)) }
            connection.sendChunk("")
        } _: { client, server in
            let error = await apiError { () async throws(APIError) in
                try await client.watch(Gadget.self, from: "1", timeout: .seconds(270))
            }
            #expect(error == .status(APIStatus(code: code, reason: "Why", message: "m")))
            #expect(server.requests.count == 1)
        }
    }
}
