// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("KubernetesClient")
struct KubernetesClientTests {
    @Test("reads an object")
    func get() async throws {
        let fixture = ClientFixture(ScriptedTransport(.json(.gadget("a", size: 5))))
        let gadget = try await fixture.client.get(Gadget.self, .a)
        #expect(gadget.key == .a)
        #expect(gadget.size == 5)
        #expect(fixture.transport.requests.map(\.path) == ["/apis/example.io/v1/namespaces/ns/gadgets/a"])
    }

    @Test("tells an observer about each attempt")
    func observation() async throws {
        let fixture = ClientFixture(
            ScriptedTransport(.failure(404, reason: "NotFound"), .failure(.connectFailed("refused"))))
        _ = await apiError { () async throws(APIError) in try await fixture.client.get(Gadget.self, .a) }
        _ = await apiError { () async throws(APIError) in
            try await fixture.client.watch(Gadget.self, from: "1", timeout: .seconds(1))
        }
        #expect(
            fixture.observed.values == [
                RequestObservation(
                    verb: .get, method: "GET", host: "api.test:6443", resource: "gadgets", statusCode: 404,
                    duration: .zero),
                RequestObservation(
                    verb: .watch, method: "GET", host: "api.test:6443", resource: "gadgets", statusCode: nil,
                    duration: .zero),
            ])
    }

    @Test("an object that cannot be read is an error that names it and the field")
    func undecodableObject() async {
        let fixture = ClientFixture(ScriptedTransport(.json(.gadget("a", size: "big"))))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.get(Gadget.self, .a)
        }
        #expect(error == .undecodable("Gadget ns/a: spec.size: must be a whole number, not a string"))
    }

    @Test("a page from a load balancer is an error that quotes it")
    func htmlInsteadOfJSON() async {
        let fixture = ClientFixture(ScriptedTransport(.text(200, "<html>\u{7}hello", type: "text/html")))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.get(Gadget.self, .a)
        }
        guard case .undecodable(let text) = error else {
            Issue.record("got \(String(describing: error))")
            return
        }
        #expect(text.contains("text/html"))
        #expect(text.contains("<html> hello"))
    }

    @Test("an answer that is no JSON is shown, unless it was meant to be an object, which may be a Secret")
    func brokenAnswers() async throws {
        for (text, isShown) in [
            ("<html>proxy: sorry</html>", true), (#"{"data": {"value": "c29ycnk="#, false),
        ] {
            let fixture = ClientFixture(ScriptedTransport(.text(200, text)))
            let error = await #expect(throws: APIError.self) {
                _ = try await fixture.client.get(Gadget.self, .a)
            }
            let message = error?.description ?? ""
            #expect(message.contains("not JSON"))
            #expect((message.contains("sorry") || message.contains("c29y")) == isShown, "\(message)")
        }
    }

    @Test("an apply says whether the object is new")
    func apply() async throws {
        let fixture = ClientFixture(ScriptedTransport(.json(201, .gadget("a")), .json(200, .gadget("a"))))
        let first = try await fixture.client.apply(Gadget.self, .a, .gadget("a"))
        let second = try await fixture.client.apply(Gadget.self, .a, .gadget("a"), force: false)
        #expect(first.wasCreated)
        #expect(!second.wasCreated)
        #expect(fixture.transport.requests.map { $0.query("fieldManager") } == ["tester", "tester"])
        #expect(fixture.transport.requests.map { $0.query("force") } == ["true", nil])
    }

    @Test("a create, a patch of the status and a replacement answer with the object")
    func writes() async throws {
        let answer = ScriptedTransport.Answer.json(201, .gadget("a", size: 3))
        let fixture = ClientFixture(ScriptedTransport(answer, answer, answer))
        let created = try await fixture.client.create(Gadget.self, .gadget("a"), namespace: "ns")
        let patched = try await fixture.client.mergePatch(
            Gadget.self, .a, ["status": [:]], subresource: .status)
        let replaced = try await fixture.client.replace(Gadget.self, .a, .gadget("a"))
        #expect([created, patched, replaced].map(\.size) == [3, 3, 3])
        #expect(fixture.transport.requests.map(\.method) == [.post, .patch, .put])
        #expect(fixture.transport.requests.allSatisfy { $0.query("fieldManager") == "tester" })
    }

    @Test("a delete is done when the server says so, whatever it answers with")
    func delete() async throws {
        var waiting = JSONValue.gadget("a")
        waiting = waiting.mergePatched(with: ["metadata": ["deletionTimestamp": "2024-01-01T00:00:00Z"]])
        let fixture = ClientFixture(
            ScriptedTransport(
                .json(["kind": "Status", "status": "Success"]), .json(.gadget("a")), .json(202, waiting),
                .failure(404, reason: "NotFound")))
        var results: [String] = []
        for _ in 0..<4 {
            switch try await fixture.client.delete(Gadget.self, .a) {
            case .gone: results.append("gone")
            case .terminating(let gadget): results.append("waits \(gadget.key)")
            }
        }
        #expect(results == ["gone", "gone", "waits ns/a", "gone"])
    }

    @Test("a delete whose preconditions do not hold is a conflict")
    func deleteConflict() async {
        let fixture = ClientFixture(ScriptedTransport(.failure(409, reason: "Conflict")))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.delete(Gadget.self, .a, preconditions: Preconditions(uid: "u"))
        }
        #expect(error?.isConflict == true)
    }

    @Test("the fence stops writes and lets reads pass")
    func fence() async throws {
        var fixture = ClientFixture(ScriptedTransport(.json(.gadget("a")), .json(.gadget("a"))))
        let fence = WriteFence(clock: fixture.clock)
        fixture.client.fence = fence
        let client = fixture.client
        #expect(
            await apiError { () async throws(APIError) in try await client.apply(Gadget.self, .a, [:]) }
                == .fenced)
        _ = try await client.get(Gadget.self, .a)
        fence.open(until: fixture.clock.now + .seconds(10))
        _ = try await client.apply(Gadget.self, .a, [:])
        #expect(fixture.transport.requests.map(\.notAfter) == [nil, fixture.clock.now + .seconds(10)])
        fixture.clock.advance(by: .seconds(10))
        #expect(
            await apiError { () async throws(APIError) in try await client.delete(Gadget.self, .a) }
                == .fenced)
        #expect(fixture.transport.requests.count == 2)
    }

    @Test("a write that the transport could not send in time was stopped by the fence")
    func fenceInTransport() async {
        var fixture = ClientFixture(ScriptedTransport(.failure(.tooLate)))
        let fence = WriteFence(clock: fixture.clock)
        fence.open(until: .distantFuture)
        fixture.client.fence = fence
        let client = fixture.client
        let error = await apiError { () async throws(APIError) in try await client.apply(Gadget.self, .a, [:])
        }
        #expect(error == .fenced)
        #expect(fixture.transport.requests.count == 1)
    }

    @Test("the fence is asked again before a retry")
    func fenceBetweenAttempts() async {
        var fixture = ClientFixture(ScriptedTransport(.failure(429, reason: "TooManyRequests")))
        let fence = WriteFence(clock: fixture.clock)
        fence.open(until: .distantFuture)
        fixture.client.fence = fence
        let (client, clock) = (fixture.client, fixture.clock)
        async let error = apiError { () async throws(APIError) in try await client.apply(Gadget.self, .a, [:])
        }
        await clock.waitForSleepers()
        fence.close()
        clock.advance(by: .seconds(1))
        #expect(await error == .fenced)
        #expect(fixture.transport.requests.count == 1)
    }

    @Test("reports each warning of the server once")
    func warnings() async throws {
        let headers: HTTPHeaders = ["Warning": #"299 - "old", 299 - "older""#, "warning": #"299 - "old""#]
        let fixture = ClientFixture(
            ScriptedTransport(
                .json(200, .gadget("a"), headers: headers), .json(200, .gadget("a"), headers: headers)))
        _ = try await fixture.client.get(Gadget.self, .a)
        _ = try await fixture.client.get(Gadget.self, .a)
        #expect(fixture.notices.values == [.warning("old"), .warning("older")])
    }

    @Test(
        "reads the server's version, however a distribution writes it",
        arguments: [("20", 20), ("27+", 27), ("31-eks", 31)])
    func serverVersion(minor: String, expected: Int) async throws {
        let fixture = ClientFixture(
            ScriptedTransport(.json(["major": "1", "minor": .string(minor), "gitVersion": "v1.x"])))
        let version = try await fixture.client.serverVersion()
        #expect([version.major, version.minor] == [1, expected])
        #expect(version.description == "v1.x")
    }

    @Test(
        "a version that cannot be read is an error that says what is wrong",
        arguments: [
            (["major": "1", "minor": "x20"], "minor"), (["major": "1"], "minor"), ([], "object"),
            (["major": 1, "minor": "20"], "major"),
        ] as [(JSONValue, String)])
    func badServerVersion(document: JSONValue, place: String) async throws {
        let fixture = ClientFixture(ScriptedTransport(.json(document)))
        let error = await #expect(throws: APIError.self) { try await fixture.client.serverVersion() }
        guard case .undecodable(let problem) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(problem.contains("/version") && problem.contains(place), "\(problem)")
    }

    /// What a server says that has only just started, or does not have the kind.
    private static let unserved = ScriptedTransport.Answer.response(
        HTTPResponse(head: HTTPResponseHead(status: 404), body: Array("404 page not found\n".utf8)))

    @Test("what a server does not serve yet does not count as deleted")
    func deleteUnserved() async {
        let fixture = ClientFixture(ScriptedTransport(Self.unserved))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.delete(Gadget.self, .a)
        }
        #expect(error?.isUnserved == true)
    }

    @Test("knows whether the API has a kind")
    func exists() async throws {
        let resources: JSONValue = ["kind": "APIResourceList", "resources": [["name": "gadgets"]]]
        let fixture = ClientFixture(
            ScriptedTransport(
                Self.unserved, .json(["resources": []]), .json(resources),
                .failure(403, reason: "Forbidden")))
        #expect(try await !fixture.client.exists(Gadget.definition))
        #expect(try await !fixture.client.exists(Gadget.definition))
        #expect(try await fixture.client.exists(Gadget.definition))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.exists(Gadget.definition)
        }
        #expect(error?.isForbidden == true)
        #expect(fixture.transport.requests.first?.path == "/apis/example.io/v1")
    }

    @Test("asks for readiness")
    func availability() async throws {
        let fixture = ClientFixture(ScriptedTransport(.text(200, "ok")))
        try await fixture.client.checkAvailability()
        #expect(fixture.transport.requests.first?.path == "/readyz")
    }
}
