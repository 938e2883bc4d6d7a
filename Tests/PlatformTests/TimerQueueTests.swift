// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@testable import Platform

@Suite("Timer queue")
struct TimerQueueTests {
    private func soon(_ milliseconds: Int) -> Instant { .now + .milliseconds(milliseconds) }

    @Test("a sleep ends at its deadline and not before")
    func sleep() async throws {
        let timers = TimerQueue()
        let deadline = soon(5)
        try await timers.sleep(until: deadline)
        #expect(Instant.now >= deadline)
        #expect(timers.sleeperCount == 0)
    }

    @Test("a deadline that has passed is no sleep")
    func passed() async throws {
        try await TimerQueue().sleep(until: Instant(nanoseconds: 1))
    }

    @Test("an earlier deadline is not kept waiting by a later one")
    func earlier() async throws {
        let timers = TimerQueue()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { await Self.isCancelled { try await timers.sleep(until: .distantFuture) } }
            while timers.sleeperCount < 1 { await Task.yield() }
            let isCancelled = await Self.isCancelled { try await timers.sleep(until: soon(1)) }
            #expect(!isCancelled)
            group.cancelAll()
            #expect(await group.next() == true)
        }
    }

    @Test("a cancelled sleep ends at once and leaves nothing behind")
    func cancellation() async {
        let timers = TimerQueue()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<1000 {
                group.addTask { await Self.isCancelled { try await timers.sleep(until: .distantFuture) } }
            }
            group.cancelAll()
            for await isCancelled in group { #expect(isCancelled) }
        }
        #expect(timers.sleeperCount == 0)
    }

    @Test("sleeps of every length end, none too early, while others are cancelled", arguments: 0..<5)
    func many(seed: UInt64) async {
        let timers = TimerQueue()
        var random = SeededGenerator(seed: seed)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<300 {
                let deadline = soon(Int.random(in: 0..<30, using: &random))
                group.addTask {
                    _ = await Self.isCancelled { try await timers.sleep(until: deadline) }
                    return Instant.now >= deadline
                }
                group.addTask {
                    await withTaskGroup(of: Bool.self) { inner in
                        inner.addTask {
                            await Self.isCancelled { try await timers.sleep(until: .distantFuture) }
                        }
                        inner.cancelAll()
                        return await inner.next() ?? false
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
        #expect(timers.sleeperCount == 0)
    }

    private static func isCancelled(_ sleep: () async throws -> Void) async -> Bool {
        do {
            try await sleep()
            return false
        } catch {
            return error is CancellationError
        }
    }
}
