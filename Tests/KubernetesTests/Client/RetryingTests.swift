// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Retries of the client")
struct RetryingTests {
    private typealias Answer = ScriptedTransport.Answer

    private static func busy(_ retryAfter: String?, code: Int = 429) -> Answer {
        .text(code, "busy", headers: retryAfter.map { ["Retry-After": $0] } ?? [:])
    }

    /// Runs `body` while the clock goes from one sleep to the next.
    private func run<Value: Sendable>(
        _ clock: ManualClock, sleeps: Int,
        _ body: @escaping @Sendable () async throws(APIError) -> Value
    ) async -> (Result<Value, APIError>, Duration) {
        let start = clock.now
        async let result = Self.result(body)
        for _ in 0..<sleeps {
            await clock.waitForSleepers()
            if let deadline = clock.nextDeadline { clock.advance(by: deadline - clock.now) }
        }
        return (await result, clock.now - start)
    }

    private static func result<Value>(
        _ body: () async throws(APIError) -> Value
    ) async -> Result<Value, APIError> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    @Test("waits as long as a busy server asks for, for reads and for creates")
    func retryAfter() async throws {
        let transport = ScriptedTransport(
            Self.busy("1"), Self.busy("1"), .json(.gadget("a")), Self.busy("1"), Self.busy("1"),
            .json(201, .gadget("a")))
        let fixture = ClientFixture(transport)
        let client = fixture.client
        let (read, readTime) = await run(fixture.clock, sleeps: 2) { () async throws(APIError) in
            try await client.get(Gadget.self, .a)
        }
        let (create, createTime) = await run(fixture.clock, sleeps: 2) { () async throws(APIError) in
            try await client.create(Gadget.self, .gadget("a"), namespace: "ns")
        }
        #expect(try read.get().key == .a)
        #expect(try create.get().key == .a)
        #expect([readTime, createTime] == [.seconds(2), .seconds(2)])
        #expect(transport.requests.count == 6)
    }

    @Test("understands a date in Retry-After")
    func retryAfterDate() async throws {
        // The manual clock starts at 2024-01-01T12:00:00Z.
        let fixture = ClientFixture(
            ScriptedTransport(Self.busy("Mon, 01 Jan 2024 12:00:02 GMT", code: 503), .json(.gadget("a"))))
        let client = fixture.client
        let (result, time) = await run(fixture.clock, sleeps: 1) { () async throws(APIError) in
            try await client.get(Gadget.self, .a)
        }
        #expect(try result.get().key == .a)
        #expect(time == .seconds(2))
    }

    @Test("understands the delay in the Status where the header is missing")
    func retryAfterInStatus() async throws {
        let status: JSONValue = [
            "kind": "Status", "code": 429, "reason": "TooManyRequests", "details": ["retryAfterSeconds": 3],
        ]
        let fixture = ClientFixture(ScriptedTransport(.json(429, status), .json(.gadget("a"))))
        let client = fixture.client
        let (_, time) = await run(fixture.clock, sleeps: 1) { () async throws(APIError) in
            try await client.get(Gadget.self, .a)
        }
        #expect(time == .seconds(3))
    }

    @Test("gives up on a server that is busy for ever, with its last answer")
    func busyForEver() async {
        let transport = ScriptedTransport { _ in Self.busy(nil) }
        let fixture = ClientFixture(transport)
        let client = fixture.client
        let (result, _) = await run(fixture.clock, sleeps: 9) { () async throws(APIError) in
            try await client.get(Gadget.self, .a)
        }
        guard case .failure(.status(let status)) = result else {
            Issue.record("got \(result)")
            return
        }
        #expect(status.reason == "TooManyRequests")
        #expect(transport.requests.count == 10)
        #expect(fixture.notices.values.count == 9)
    }

    @Test("does not wait for a server that asks for more time than there is")
    func absurdRetryAfter() async {
        let fixture = ClientFixture(ScriptedTransport(Self.busy("100000")))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.get(Gadget.self, .a)
        }
        #expect(error?.status?.retryAfter == RetryAfter.longest)
        #expect(fixture.transport.requests.count == 1)
    }

    @Test("a server error is repeated for a read and returned at once for a create")
    func serverError() async {
        let transport = ScriptedTransport(.text(500, ""), .json(.gadget("a")), .text(500, ""))
        let fixture = ClientFixture(transport)
        let client = fixture.client
        _ = await run(fixture.clock, sleeps: 1) { () async throws(APIError) in
            try await client.get(Gadget.self, .a)
        }
        let error = await apiError { () async throws(APIError) in
            try await client.create(Gadget.self, .gadget("a"), namespace: "ns")
        }
        #expect(error?.status?.reason == "InternalError")
        #expect(transport.requests.count == 3)
    }

    @Test("a create that was interrupted may find itself")
    func interruptedCreate() async {
        let fixture = ClientFixture(
            ScriptedTransport(.failure(.interrupted("reset")), .failure(409, reason: "AlreadyExists")))
        let client = fixture.client
        let (result, _) = await run(fixture.clock, sleeps: 1) { () async throws(APIError) in
            try await client.create(Gadget.self, .gadget("a"), namespace: "ns")
        }
        guard case .failure(let error) = result else {
            Issue.record("got \(result)")
            return
        }
        #expect(error.isAlreadyExists)
        #expect(fixture.transport.requests.count == 2)
    }

    @Test("a create under a generated name is never sent twice")
    func interruptedGeneratedCreate() async {
        let fixture = ClientFixture(ScriptedTransport(.failure(.interrupted("reset"))))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.create(
                Gadget.self, ["metadata": ["generateName": "a-"]], namespace: "ns")
        }
        #expect(error == .transport(.interrupted("reset")))
        #expect(fixture.transport.requests.count == 1)
    }

    @Test("cancelling ends the wait")
    func cancelled() async {
        let fixture = ClientFixture(ScriptedTransport(Self.busy("30")))
        let (client, clock) = (fixture.client, fixture.clock)
        await withTaskGroup(of: APIError?.self) { group in
            group.addTask {
                await apiError { () async throws(APIError) in try await client.get(Gadget.self, .a) }
            }
            await clock.waitForSleepers()
            group.cancelAll()
            for await error in group { #expect(error?.isCancelled == true) }
        }
    }

    @Test("reports each retry with its number and its cause")
    func notices() async {
        let fixture = ClientFixture(ScriptedTransport(Self.busy("1"), .json(.gadget("a"))))
        let client = fixture.client
        _ = await run(fixture.clock, sleeps: 1) { () async throws(APIError) in
            try await client.get(Gadget.self, .a)
        }
        guard case .retrying(.get, "gadgets", 1, 10, .seconds(1), let error) = fixture.notices.values.first
        else {
            Issue.record("got \(fixture.notices.values)")
            return
        }
        #expect(error.status?.code == 429)
    }
}
