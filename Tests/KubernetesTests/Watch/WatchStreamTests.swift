// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("WatchStream")
struct WatchStreamTests {
    private func open(_ body: ScriptedBody) async throws -> WatchStream<Gadget> {
        let fixture = ClientFixture(ScriptedTransport(.watch(body)))
        return try await fixture.client.watch(Gadget.self, from: "1", timeout: .seconds(270))
    }

    private func events(_ body: ScriptedBody) async throws -> [String] {
        var stream = try await open(body)
        var events: [String] = []
        while let event = try await stream.next() { events.append(describe(event)) }
        return events
    }

    private func describe(_ event: WatchEvent<Gadget>) -> String {
        switch event {
        case .added(let gadget): "added \(gadget.key) \(gadget.size) @\(gadget.metadata.resourceVersion)"
        case .modified(let gadget): "modified \(gadget.key) \(gadget.size)"
        case .deleted(let gadget): "deleted \(gadget.key) @\(gadget.metadata.resourceVersion)"
        case .bookmark(let version, let ends): "bookmark @\(version) \(ends)"
        case .failed(let status): "failed \(status.code) \(status.reason)"
        case .undecodable(let key, let version, let problem):
            "undecodable \(key?.description ?? "-") @\(version) \(problem)"
        }
    }

    @Test("reads each event by its type")
    func types() async throws {
        let body = ScriptedBody()
        body.yield(event: "ADDED", .gadget("a", size: 9_007_199_254_740_993))
        body.yield(event: "MODIFIED", .gadget("a", size: 2))
        body.yield(event: "DELETED", .gadget("a", version: "12"))
        body.yield(event: "BOOKMARK", ["metadata": ["resourceVersion": "13", "creationTimestamp": .null]])
        body.yield(
            event: "BOOKMARK",
            [
                "metadata": [
                    "resourceVersion": "14", "annotations": ["k8s.io/initial-events-end": "true"],
                ]
            ])
        body.yield(
            event: "ERROR", ["kind": "Status", "status": "Failure", "reason": "Expired", "code": 410])
        body.finish()
        #expect(
            try await events(body) == [
                "added ns/a 9007199254740993 @1", "modified ns/a 2", "deleted ns/a @12",
                "bookmark @13 false", "bookmark @14 true", "failed 410 Expired",
            ])
    }

    @Test("goes on after an event it cannot read, and says what it knows of it")
    func undecodable() async throws {
        let body = ScriptedBody()
        body.yield(event: "ADDED", .gadget("a", size: "large", version: "3"))
        body.yield(event: "RENAMED", .gadget("b", version: "4"))
        body.yield(event: "ADDED", ["metadata": ["resourceVersion": "5"]])
        body.yield(event: "BOOKMARK", ["metadata": [:]])
        body.yield(event: "ERROR", ["kind": "Gadget"])
        body.yield(Array("{\"type\":\"ADDED\",}\n{\"object\":{}}\n".utf8))
        body.yield(event: "ADDED", .gadget("c", version: "6"))
        body.finish()
        let events = try await events(body)
        #expect(
            events.map { $0.hasPrefix("undecodable - @ not JSON") ? "not JSON" : $0 } == [
                "undecodable ns/a @3 spec.size: must be a whole number, not a string",
                "undecodable ns/b @4 unknown event type RENAMED",
                "undecodable - @5 metadata.name: is missing",
                "undecodable - @ a bookmark without resource version", "failed 500 InternalError", "not JSON",
                "undecodable - @ an event without type", "added ns/c 1 @6",
            ])
    }

    @Test("drops the beginning of an event that never came whole")
    func truncated() async throws {
        let body = ScriptedBody()
        body.yield(event: "ADDED", .gadget("a"))
        body.yield(Array("{\"type\":\"ADDED\",\"object\":{\"metadata\"".utf8))
        body.finish()
        #expect(try await events(body) == ["added ns/a 1 @1"])
    }

    @Test("delivers a last event that has no line end")
    func noLineEnd() async throws {
        let event: JSONValue = ["type": "ADDED", "object": .gadget("a")]
        #expect(try await events(ScriptedBody([event.encoded()])) == ["added ns/a 1 @1"])
    }

    @Test("passes a broken connection on after the events before it")
    func broken() async throws {
        let body = ScriptedBody()
        body.yield(event: "ADDED", .gadget("a"))
        body.fail(.interrupted("reset"))
        var stream = try await open(body)
        #expect(try await stream.next() != nil)
        await #expect(throws: APIError.transport(.interrupted("reset"))) { try await stream.next() }
    }

    @Test("takes an event of ten megabytes and refuses one beyond the limit")
    func giants() async throws {
        let giant = JSONValue.gadget("a").mergePatched(with: [
            "metadata": ["annotations": ["x": .string(String(repeating: "\u{2028}\u{0}", count: 2 << 20))]]
        ])
        let event: JSONValue = ["type": "ADDED", "object": giant]
        let text = event.encoded()
        let half = text.count / 2
        let pieces = [Array(text[..<half]), Array(text[half...])]
        #expect(text.count > 10 << 20)
        var stream = try await open(ScriptedBody(pieces))
        guard case .added(let gadget) = try await stream.next() else {
            Issue.record("expected ADDED")
            return
        }
        #expect(gadget.metadata.annotations["x"]?.unicodeScalars.count == 4 << 20)
        var beyond = try await open(
            ScriptedBody([text, text, text, text].map { [UInt8](text[..<half]) + $0 }))
        await #expect(throws: APIError.transport(.responseTooLarge(limit: 32 << 20))) {
            while try await beyond.next() != nil {}
        }
    }

    @Test("a body that is no watch is an error and not an event")
    func garbage() async throws {
        var stream = try await open(ScriptedBody([Array("upstream error".utf8)]))
        await #expect(throws: APIError.self) { try await stream.next() }
    }

    @Test("a refusal at the opening is a typed error, whatever pieces its body comes in")
    func refusedOpen() async throws {
        let status: JSONValue = ["kind": "Status", "reason": "Forbidden", "message": "no", "code": 403]
        let body = ScriptedBody(status.encoded().map { [$0] })
        let fixture = ClientFixture(ScriptedTransport(.stream(HTTPResponseHead(status: 403), body)))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.watch(Gadget.self, from: "1", timeout: .seconds(270))
        }
        #expect(error == .status(APIStatus(code: 403, reason: "Forbidden", message: "no")))
    }

    @Test("a refusal whose body does not end is told after five seconds, with what there is of it")
    func endlessRefusal() async {
        let body = ScriptedBody()
        body.yield(Array("no".utf8))
        let fixture = ClientFixture(ScriptedTransport(.stream(HTTPResponseHead(status: 500), body)))
        let (client, clock) = (fixture.client, fixture.clock)
        async let error = apiError { () async throws(APIError) in
            try await client.watch(Gadget.self, from: "1", timeout: .seconds(270))
        }
        await clock.waitForSleepers()
        clock.advance(by: .seconds(5))
        #expect(await error?.status?.message == "the server answered: no")
    }

    @Test(
        "an HTTP-level 410 and 500 are refusals too, and are not tried again",
        arguments: [410, 404, 500, 503])
    func refusedCodes(code: Int) async throws {
        let fixture = ClientFixture(ScriptedTransport(.text(code, "sorry", headers: ["Retry-After": "1"])))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.watch(Gadget.self, from: "1", timeout: .seconds(270))
        }
        #expect(error?.status?.code == code)
        #expect(error?.isExpired == (code == 410))
        #expect(fixture.transport.requests.count == 1)
    }

    @Test("a page from a load balancer is refused although its status is 200")
    func captivePortal() async throws {
        let fixture = ClientFixture(ScriptedTransport(.text(200, "<html>", type: "text/html")))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.watch(Gadget.self, from: "1", timeout: .seconds(270))
        }
        #expect(
            error == .undecodable("the server answered a watch with text/html instead of application/json"))
    }

    @Test("ends with an error when its task is cancelled")
    func cancelled() async throws {
        let body = ScriptedBody()
        let stream = try await open(body)
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                var stream = stream
                let error = await apiError { () async throws(APIError) in try await stream.next() }
                return error?.isCancelled == true
            }
            group.cancelAll()
            for await wasCancelled in group { #expect(wasCancelled) }
        }
    }
}
