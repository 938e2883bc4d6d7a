// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import Testing

@Suite("Work queue state")
struct WorkQueueStateTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
    private let key = ObjectKey("a")

    @Test("a thousand additions of a key in work make exactly one more run")
    func additionsWhileProcessing() {
        var queue = WorkQueueState()
        queue.add(key, at: at(0))
        let first = queue.take(at: at(0))?.key
        #expect(first == key)
        for _ in 0..<1000 { queue.add(key, at: at(1)) }
        #expect(queue.depth == 0)
        let whileWorking = queue.take(at: at(1))
        #expect(whileWorking == nil)
        _ = queue.done(key, at: at(2))
        #expect(queue.depth == 1)
        let second = queue.take(at: at(3))?.key
        #expect(second == key)
        _ = queue.done(key, at: at(4))
        let third = queue.take(at: at(5))
        #expect(third == nil)
    }

    @Test("first come, first served")
    func order() {
        var queue = WorkQueueState()
        let keys = (0..<5000).map { ObjectKey("k\($0)") }
        for key in keys { queue.add(key, at: at(0)) }
        var taken: [ObjectKey] = []
        while let next = queue.take(at: at(1)) { taken.append(next.key) }
        #expect(taken == keys)
    }

    @Test("of a late, an early and an immediate addition one run remains, at once")
    func delayedAndNow() {
        var queue = WorkQueueState()
        queue.add(key, notBefore: at(10))
        queue.add(key, notBefore: at(1))
        #expect(queue.nextDeadline == at(1))
        queue.add(key, at: at(0))
        #expect(queue.nextDeadline == nil)
        let taken = queue.take(at: at(0))?.key
        #expect(taken == key)
        _ = queue.done(key, at: at(0))
        let released = queue.releaseDue(at: at(100))
        #expect(released == 0)
        let leftOver = queue.take(at: at(100))
        #expect(leftOver == nil)
    }

    @Test("a delayed addition is moot while the key waits")
    func delayedWhileDirty() {
        var queue = WorkQueueState()
        queue.add(key, at: at(0))
        queue.add(key, notBefore: at(1))
        #expect(queue.delayedCount == 0)
    }

    @Test("delayed keys become due one by one")
    func due() {
        var queue = WorkQueueState()
        queue.add(ObjectKey("late"), notBefore: at(2))
        queue.add(ObjectKey("early"), notBefore: at(1))
        let first = queue.releaseDue(at: at(1))
        #expect(first == 1)
        let early = queue.take(at: at(1))?.key
        #expect(early == ObjectKey("early"))
        let second = queue.releaseDue(at: at(2))
        #expect(second == 1)
        let late = queue.take(at: at(2))?.key
        #expect(late == ObjectKey("late"))
    }

    @Test("waiting and working times are told")
    func times() {
        var queue = WorkQueueState()
        queue.add(key, at: at(1))
        let waited = queue.take(at: at(4))?.waited
        #expect(waited == .seconds(3))
        #expect(queue.unfinished(at: at(6)).total == .seconds(2))
        #expect(queue.unfinished(at: at(6)).longest == .seconds(2))
        let worked = queue.done(key, at: at(9))
        #expect(worked == .seconds(5))
        #expect(queue.unfinished(at: at(10)).total == .zero)
    }

    @Test("a queue that is shut down refuses everything and forgets what waits")
    func shutDown() {
        var queue = WorkQueueState()
        queue.add(key, at: at(0))
        queue.add(ObjectKey("b"), notBefore: at(5))
        queue.shutDown()
        let isAdded = queue.add(key, at: at(1))
        #expect(!isAdded)
        let taken = queue.take(at: at(1))
        #expect(taken == nil)
        #expect(queue.delayedCount == 0)
    }

    @Test("what waited before anybody worked counts from then on, in its order")
    func restartedWaits() {
        var queue = WorkQueueState()
        for name in ["a", "b"] { queue.add(ObjectKey(name), at: at(1)) }
        queue.restartWaits(at: at(100))
        queue.add(ObjectKey("c"), at: at(101))
        let waits = (0..<3).map { _ in queue.take(at: at(103)) }
        #expect(waits.map { $0?.key.name } == ["a", "b", "c"])
        #expect(waits.map { $0?.waited } == [.seconds(3), .seconds(3), .seconds(2)])
    }

    @Test("done without take does no harm")
    func strayDone() {
        var queue = WorkQueueState()
        let worked = queue.done(key, at: at(1))
        #expect(worked == .zero)
        #expect(queue.depth == 0)
    }
}
