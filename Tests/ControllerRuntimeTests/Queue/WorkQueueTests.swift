// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import TestSupport
import Testing

@Suite("Work queue")
struct WorkQueueTests {
    @Test("a waiting worker gets the next key")
    func handOver() async {
        let queue = WorkQueue(clock: ManualClock())
        async let key = queue.next()
        queue.add(ObjectKey("a"))
        #expect(await key == ObjectKey("a"))
    }

    @Test("shutting down ends every waiting worker")
    func shutDown() async {
        let queue = WorkQueue(clock: ManualClock())
        await withTaskGroup(of: ObjectKey?.self) { group in
            for _ in 0..<8 { group.addTask { await queue.next() } }
            queue.shutDown()
            for await key in group { #expect(key == nil) }
        }
        #expect(await queue.next() == nil)
    }

    @Test("a cancelled worker stops waiting and takes no key with it")
    func cancellation() async {
        let queue = WorkQueue(clock: ManualClock())
        await withTaskGroup(of: ObjectKey?.self) { group in
            group.addTask { await queue.next() }
            group.cancelAll()
            #expect(await group.next() == .some(nil))
        }
        queue.add(ObjectKey("a"))
        #expect(await queue.next() == ObjectKey("a"))
    }

    @Test("delayed keys come when they are due, however the wall clock jumps")
    func delays() async {
        let clock = ManualClock()
        let queue = WorkQueue(clock: clock)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run() }
            queue.add(ObjectKey("a"), after: .seconds(10))
            await clock.waitForSleepers()
            clock.jumpWallClock(by: .seconds(3600))
            clock.advance(by: .milliseconds(9999))
            #expect(queue.snapshot.depth == 0)
            clock.jumpWallClock(by: .seconds(-7200))
            async let key = queue.next()
            clock.advance(by: .milliseconds(1))
            #expect(await key == ObjectKey("a"))
            queue.shutDown()
        }
    }

    @Test("an earlier deadline shortens the wait for a later one")
    func earlierDeadline() async {
        let clock = ManualClock()
        let queue = WorkQueue(clock: clock)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run() }
            queue.add(ObjectKey("late"), after: .seconds(100))
            await clock.waitForSleepers()
            queue.add(ObjectKey("soon"), after: .seconds(1))
            while clock.nextDeadline != clock.now + .seconds(1) { await Task.yield() }
            clock.advance(by: .seconds(1))
            #expect(await queue.next() == ObjectKey("soon"))
            queue.shutDown()
        }
    }

    @Test("sixteen workers under random additions never share a key and lose none", arguments: 0..<4)
    func stress(seed: UInt64) async {
        let queue = WorkQueue(clock: SystemClock())
        let keys = (0..<200).map { ObjectKey("k\($0)") }
        struct Ledger {
            var active: Set<ObjectKey> = []
            var shared = 0
            var runs: [ObjectKey: Int] = [:]
            /// Additions not yet followed by the start of a run.
            var owed: Set<ObjectKey> = []
        }
        let ledger = Locked(Ledger())
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run() }
            for _ in 0..<16 {
                group.addTask {
                    while let key = await queue.next() {
                        ledger.withLock { ledger in
                            if !ledger.active.insert(key).inserted { ledger.shared += 1 }
                            ledger.owed.remove(key)
                            ledger.runs[key, default: 0] += 1
                        }
                        await Task.yield()
                        ledger.withLock { _ = $0.active.remove(key) }
                        queue.done(key)
                    }
                }
            }
            await withTaskGroup(of: Void.self) { producers in
                for producer in 0..<4 {
                    producers.addTask {
                        var random = SeededGenerator(seed: seed * 10 + UInt64(producer))
                        for _ in 0..<1500 {
                            let key = keys[Int.random(in: 0..<keys.count, using: &random)]
                            ledger.withLock { _ = $0.owed.insert(key) }
                            if Bool.random(using: &random) {
                                queue.add(key)
                            } else {
                                queue.add(key, after: .microseconds(Int.random(in: 1..<500, using: &random)))
                            }
                        }
                    }
                }
            }
            while !ledger.withLock({ $0.owed.isEmpty && $0.active.isEmpty }) { await Task.yield() }
            queue.shutDown()
        }
        #expect(ledger.withLock { $0.shared } == 0)
        #expect(ledger.withLock { $0.runs.count } == keys.count)
    }

    @Test("the observer hears of additions, retries, waits and work")
    func observer() async {
        let clock = ManualClock()
        let told = Recorder<String>()
        let queue = WorkQueue(
            clock: clock,
            observer: WorkQueueObserver(
                added: { told.append("added") }, retried: { told.append("retried") },
                taken: { told.append("taken \($0)") }, finished: { told.append("finished \($0)") }))
        queue.add(ObjectKey("a"))
        queue.add(ObjectKey("a"))
        clock.advance(by: .seconds(2))
        let key = await queue.next()
        clock.advance(by: .seconds(3))
        if let key { queue.done(key) }
        queue.retry(ObjectKey("a"), after: .seconds(1))
        #expect(told.values == ["added", "taken 2.0 seconds", "finished 3.0 seconds", "retried"])
    }
}
