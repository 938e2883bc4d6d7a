// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ControllerRuntime

/// A lease on a server, with faults on demand.
private final class LeaseServer: Sendable {
    struct State {
        var lease: JSONValue?
        var version = 1
        var failure: ScriptedTransport.Answer?
        var writes: [String] = []
        /// Who takes the lease just before our next write arrives.
        var intruder: String?
    }

    let state = Locked(State())

    var transport: ScriptedTransport {
        ScriptedTransport { request in self.state.withLock { Self.answer(request, &$0) } }
    }

    var holder: String? { state.withLock { $0.lease?["spec"]?["holderIdentity"]?.string } }

    func fail(with answer: ScriptedTransport.Answer?) {
        state.withLock { $0.failure = answer }
    }

    /// Somebody else writes the lease.
    func put(holder: String, duration: Int64 = 15) {
        state.withLock { Self.put(holder, duration, &$0) }
    }

    private static func put(_ holder: String, _ duration: Int64, _ state: inout State) {
        state.version += 1
        state.lease = [
            "metadata": [
                "name": "op", "namespace": "system", "resourceVersion": .string("\(state.version)"),
            ],
            "spec": [
                "holderIdentity": .string(holder), "leaseDurationSeconds": .integer(duration),
                "renewTime": .string("\(state.version)"),
            ],
        ]
    }

    private static func answer(_ request: HTTPRequest, _ state: inout State) -> ScriptedTransport.Answer {
        if let failure = state.failure { return failure }
        guard request.method != .get else {
            return state.lease.map { .json(200, $0) } ?? .failure(404, reason: "NotFound")
        }
        guard let body = request.body, let object = try? JSONValue(json: body) else {
            return .failure(400, reason: "BadRequest")
        }
        if let intruder = state.intruder {
            state.intruder = nil
            put(intruder, 15, &state)
        }
        let isCreate = request.method == .post
        let expected = state.lease?["metadata"]?["resourceVersion"]
        if isCreate, state.lease != nil { return .failure(409, reason: "AlreadyExists") }
        if !isCreate, expected == nil || object["metadata"]?["resourceVersion"] != expected {
            return .failure(409, reason: "Conflict")
        }
        state.version += 1
        var changed = object.object ?? JSONObject()
        var metadata = changed["metadata"]?.object ?? JSONObject()
        metadata["resourceVersion"] = .string("\(state.version)")
        changed["metadata"] = .object(metadata)
        state.lease = .object(changed)
        state.writes.append(object["spec"]?["holderIdentity"]?.string ?? "?")
        return .json(isCreate ? 201 : 200, .object(changed))
    }
}

@Suite("Leader elector")
struct LeaderElectorTests {
    private let clock = ManualClock()
    private let server = LeaseServer()
    private let lines = RecordingLogSink()
    private let told = Recorder<String>()

    private func elector(_ identity: String = "me") throws -> (LeaderElector, WriteFence) {
        let fence = WriteFence(clock: clock)
        let told = told
        let elector = LeaderElector(
            try LeaderElectionSettings(
                key: ObjectKey(namespace: "system", name: "op"), identity: identity),
            client: KubernetesClient(server.transport, clock: clock, fence: fence), fence: fence,
            clock: clock,
            random: { 0 }, logger: .recording(lines, clock),
            observer: LeaderElectorObserver(
                leading: { told.append($0 ? "leading" : "not leading") },
                slowPath: { told.append("slow path") }))
        return (elector, fence)
    }

    /// Runs `keep` while `body` does, and returns why leadership was lost, if it was.
    private func keep(_ elector: LeaderElector, _ body: () async -> Void) async -> LeadershipLost? {
        await withTaskGroup(of: LeadershipLost?.self) { group in
            group.addTask {
                do throws(LeadershipLost) {
                    try await elector.keep()
                    return nil
                } catch {
                    return error
                }
            }
            await body()
            group.cancelAll()
            return await group.next() ?? nil
        }
    }

    /// Lets the elector fall asleep for `duration`, then wakes it.
    private func pass(_ duration: Duration) async {
        while clock.nextDeadline != clock.now + duration { await Task.yield() }
        clock.advance(by: duration)
    }

    @Test("the first to come leads, with the fence open for the renew deadline")
    func acquire() async throws {
        let (elector, fence) = try elector()
        #expect(!fence.allowsWrites)
        await elector.acquire()
        #expect(elector.isLeader)
        #expect(server.holder == "me")
        #expect(fence.allowsWrites)
        clock.advance(by: .seconds(10))
        #expect(!fence.allowsWrites)
        #expect(told.values == ["leading"])
    }

    @Test("another's lease is waited for until it has run out")
    func standBy() async throws {
        server.put(holder: "other")
        let (elector, _) = try elector()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await elector.acquire() }
            // The fifteenth second is not waited past.
            for seconds in [2, 2, 2, 2, 2, 2, 2, 1] {
                #expect(!elector.isLeader)
                await pass(.seconds(seconds))
            }
        }
        #expect(server.holder == "me")
        #expect(lines.lines.contains { $0.contains("\"holder\":\"other\"") })
    }

    @Test("a lease that was given back is taken at the next look")
    func takeOver() async throws {
        server.put(holder: "")
        let (elector, _) = try elector()
        await elector.acquire()
        #expect(elector.isLeader)
    }

    @Test("the lease is renewed every two seconds, each time with one request")
    func renew() async throws {
        let (elector, fence) = try elector()
        await elector.acquire()
        let lost = await keep(elector) {
            for _ in 0..<10 {
                await pass(.seconds(2))
                #expect(fence.allowsWrites)
            }
            while server.state.withLock({ $0.writes.count }) < 11 { await Task.yield() }
        }
        #expect(lost == nil)
        #expect(elector.isLeader)
        #expect(told.values == ["leading"])
    }

    @Test("without a renewal for ten seconds leadership is lost, and the fence was closed by then")
    func deadline() async throws {
        let (elector, fence) = try elector()
        await elector.acquire()
        server.fail(with: .failure(.connectFailed("gone")))
        let lost = await keep(elector) {
            await pass(.seconds(2))
            for _ in 0..<8 { await pass(.seconds(1)) }
            #expect(!fence.allowsWrites)
            while elector.isLeader { await Task.yield() }
        }
        #expect(lost?.reason.contains("renewed in time") == true)
        #expect(told.values == ["leading", "not leading"])
    }

    @Test("a renewal that hangs does not outlast the deadline")
    func hanging() async throws {
        let (elector, _) = try elector()
        await elector.acquire()
        server.fail(with: .silence)
        let lost = await keep(elector) {
            await pass(.seconds(2))
            await pass(.seconds(8))
            while elector.isLeader { await Task.yield() }
        }
        #expect(lost != nil)
    }

    @Test("a single failure is made up for")
    func oneFailure() async throws {
        let (elector, _) = try elector()
        await elector.acquire()
        server.fail(with: .failure(.timedOut))
        let lost = await keep(elector) {
            await pass(.seconds(2))
            while clock.nextDeadline != clock.now + .seconds(1) { await Task.yield() }
            server.fail(with: nil)
            clock.advance(by: .seconds(1))
            await pass(.seconds(2))
        }
        #expect(lost == nil)
        #expect(elector.isLeader)
    }

    @Test("a lease that others have edited is read and renewed")
    func foreignEdit() async throws {
        let (elector, _) = try elector()
        await elector.acquire()
        server.put(holder: "me")
        let lost = await keep(elector) {
            await pass(.seconds(2))
            await told.wait(for: 2)
            await pass(.seconds(2))
        }
        #expect(lost == nil)
        #expect(told.values == ["leading", "slow path"])
        #expect(server.holder == "me")
    }

    @Test("a lease that has another holder is lost at once")
    func usurped() async throws {
        let (elector, fence) = try elector()
        await elector.acquire()
        server.put(holder: "other")
        let lost = await keep(elector) {
            await pass(.seconds(2))
            while elector.isLeader { await Task.yield() }
        }
        #expect(lost?.reason.contains("other") == true)
        #expect(!fence.allowsWrites)
        await elector.release()
        #expect(server.holder == "other")
    }

    @Test("a lease that was deleted is made again")
    func deletedLease() async throws {
        let (elector, _) = try elector()
        await elector.acquire()
        server.state.withLock { $0.lease = nil }
        let lost = await keep(elector) {
            await pass(.seconds(2))
            while server.holder != "me" { await Task.yield() }
            await pass(.seconds(2))
        }
        #expect(lost == nil)
    }

    @Test("release gives the lease back and closes the fence")
    func release() async throws {
        let (elector, fence) = try elector()
        await elector.acquire()
        await elector.release()
        #expect(server.holder == "")
        #expect(!fence.allowsWrites)
        #expect(!elector.isLeader)
        #expect(told.values == ["leading", "not leading"])
    }

    @Test("who comes second to a free lease stands by at once", arguments: [false, true])
    func secondComer(isThere: Bool) async throws {
        if isThere { server.put(holder: "") }
        server.state.withLock { $0.intruder = "other" }
        let (elector, fence) = try elector()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await elector.acquire() }
            while clock.nextDeadline != clock.now + .seconds(2) { await Task.yield() }
            group.cancelAll()
        }
        #expect(!elector.isLeader && !fence.allowsWrites)
        #expect(server.holder == "other")
        #expect(server.state.withLock { $0.writes.isEmpty })
        // It has looked already who was faster.
        #expect(lines.lines.contains { $0.contains("\"holder\":\"other\"") })
    }

    @Test("a release that fails is tried again")
    func releaseAgain() async throws {
        let (elector, _) = try elector()
        await elector.acquire()
        server.fail(with: .failure(.connectFailed("gone")))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await elector.release() }
            await pass(.milliseconds(500))
            while clock.nextDeadline != clock.now + .milliseconds(500) { await Task.yield() }
            #expect(server.holder == "me")
            server.fail(with: nil)
            clock.advance(by: .milliseconds(500))
        }
        #expect(server.holder == "")
        #expect(lines.lines.last?.contains("Lease released") == true)
    }

    @Test("a release that is not answered ends when the lease would have")
    func releaseUnanswered() async throws {
        let (elector, fence) = try elector()
        await elector.acquire()
        server.fail(with: .silence)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await elector.release() }
            await pass(.seconds(10))
        }
        #expect(!fence.allowsWrites)
        #expect(server.holder == "me")
        #expect(lines.lines.last?.contains("could not be released") == true)
    }

    @Test("release without ever having led does nothing")
    func releaseUnled() async throws {
        let (elector, _) = try elector()
        await elector.release()
        #expect(told.values.isEmpty)
        #expect(server.state.withLock { $0.writes.isEmpty })
    }

    @Test("cancelled while it waits, it does not lead")
    func cancelled() async throws {
        server.put(holder: "other")
        let (elector, _) = try elector()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await elector.acquire() }
            await clock.waitForSleepers()
            group.cancelAll()
        }
        #expect(!elector.isLeader)
    }

    @Test("a lack of permission shows in readiness and in the log")
    func forbidden() async throws {
        server.fail(with: .failure(403, reason: "Forbidden", message: "no leases for you"))
        let (elector, _) = try elector()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await elector.acquire() }
            while clock.nextDeadline != clock.now + .seconds(2) { await Task.yield() }
            #expect(elector.readiness != .healthy)
            server.fail(with: nil)
            clock.advance(by: .seconds(2))
        }
        #expect(elector.readiness == .healthy)
        #expect(lines.lines.contains { $0.contains("no leases for you") })
    }

    @Test("a leader that has not renewed for long is reported as hung")
    func watchdog() async throws {
        let (elector, _) = try elector()
        #expect(elector.watchdog == .healthy)
        await elector.acquire()
        clock.advance(by: .seconds(35))
        #expect(elector.watchdog == .healthy)
        clock.advance(by: .seconds(1))
        #expect(elector.watchdog != .healthy)
    }

    @Test("two that race for a lease never both lead", arguments: 0..<20)
    func race(round: Int) async throws {
        let (first, _) = try elector("one")
        let (second, _) = try elector("two")
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await first.acquire() }
            group.addTask { await second.acquire() }
            while clock.nextDeadline != clock.now + .seconds(2) { await Task.yield() }
            #expect(first.isLeader != second.isLeader)
            group.cancelAll()
        }
    }
}
