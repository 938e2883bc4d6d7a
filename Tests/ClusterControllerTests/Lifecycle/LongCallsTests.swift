// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import Platform
import TestSupport
import Testing

@testable import ClusterController

@Suite("Calls that outlast a pass", .timeLimit(.minutes(1)))
struct LongCallsTests {
    private static let key = ObjectKey(namespace: "default", name: "demo")
    private static let pull = LifecycleAction.Kind.pull(image: "installer:v1", isSystem: true)

    private static func observation(_ call: LongCall?) -> ClusterObservation {
        var node = NodeObservation(contact: .configured)
        node.longCall = call
        return ClusterObservation(at: Fixture.noon, nodes: ["a": node])
    }

    /// Runs `body` while calls are carried out, and tells when the first of them has ended.
    private func running(
        _ body: @Sendable (LongCalls, Latch) async throws -> Void
    ) async throws {
        let ended = Latch()
        let calls = LongCalls { _ in ended.open() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await calls.run() }
            while !calls.isOpen { await Task.yield() }
            try await body(calls, ended)
            group.cancelAll()
        }
    }

    @Test("A call runs beside, its end is told once, and the same call later is another one")
    func once() async throws {
        try await running { calls, ended in
            let gate = Latch()
            let begun = calls.begin(Self.pull, on: "a", in: Self.key) {
                await gate.wait()
                return .done(nil)
            }
            #expect(begun == .running && calls.state(of: "a", in: Self.key) == .running(Self.pull))
            let again = calls.begin(Self.pull, on: "a", in: Self.key) { .failed("a second one") }
            #expect(again == .running)
            let other = calls.begin(.snapshot, on: "a", in: Self.key) { .failed("another one") }
            #expect(other == .notNow("another long call is under way"))
            calls.settle(Self.observation(.running(Self.pull)), of: Self.key)
            #expect(calls.hasAny(of: Self.key))
            gate.open()
            await ended.wait()
            #expect(calls.state(of: "a", in: Self.key) == .done(Self.pull))
            // An observation from before the end does not count.
            calls.settle(Self.observation(.running(Self.pull)), of: Self.key)
            #expect(calls.state(of: "a", in: Self.key) == .done(Self.pull))
            calls.settle(Self.observation(.done(Self.pull)), of: Self.key)
            #expect(calls.state(of: "a", in: Self.key) == nil && !calls.hasAny(of: Self.key))
        }
    }

    @Test("A snapshot that was kept is told until a pass has seen its end")
    func snapshot() async throws {
        try await running { calls, ended in
            let record = SnapshotRecord(at: Fixture.noon, location: "/snapshots/a")
            _ = calls.begin(.snapshot, on: "a", in: Self.key) { .done(record) }
            await ended.wait()
            #expect(calls.snapshot(of: Self.key) == record)
            #expect(calls.snapshot(of: ObjectKey(namespace: "default", name: "other")) == nil)
            calls.settle(Self.observation(.done(.snapshot)), of: Self.key)
            #expect(calls.snapshot(of: Self.key) == nil)
        }
    }

    @Test("All calls end with what carries them out, and none begins before or after")
    func end() async throws {
        let calls = LongCalls()
        let early = calls.begin(Self.pull, on: "a", in: Self.key) { .done(nil) }
        #expect(early == .notNow("the operator is not ready for long calls"))
        let wasCancelled = Locked(false)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await calls.run() }
            while !calls.isOpen { await Task.yield() }
            let started = Latch()
            _ = calls.begin(Self.pull, on: "a", in: Self.key) {
                started.open()
                do { try await SystemClock().sleep(for: .seconds(3600)) } catch {
                    wasCancelled.withLock { $0 = true }
                }
                return .failed("cancelled")
            }
            await started.wait()
            group.cancelAll()
        }
        #expect(wasCancelled.withLock { $0 } && !calls.hasAny(of: Self.key))
        let late = calls.begin(Self.pull, on: "a", in: Self.key) { .done(nil) }
        #expect(late == .notNow("the operator is not ready for long calls"))
    }
}
