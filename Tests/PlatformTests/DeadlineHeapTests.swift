// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport
import Testing

@Suite("Deadline heap")
struct DeadlineHeapTests {
    private func at(_ nanoseconds: Int64) -> Instant { Instant(nanoseconds: nanoseconds) }

    @Test("keys come out by deadline, equal ones in the order set")
    func order() {
        var heap = DeadlineHeap<String>()
        for (key, deadline) in [("c", 3), ("a", 1), ("b1", 2), ("b2", 2), ("b3", 2)] as [(String, Int64)] {
            heap.insert(key, at: at(deadline))
        }
        var popped: [String] = []
        while let key = heap.popDue(at: at(10)) { popped.append(key) }
        #expect(popped == ["a", "b1", "b2", "b3", "c"])
        #expect(heap.nextDeadline == nil)
    }

    @Test("a key keeps its earliest deadline")
    func earliest() {
        var heap = DeadlineHeap<String>()
        heap.insert("a", at: at(10))
        heap.insert("a", at: at(20))
        #expect(heap.deadline(of: "a") == at(10))
        heap.insert("a", at: at(5))
        #expect(heap.deadline(of: "a") == at(5))
        #expect(heap.count == 1)
    }

    @Test("nothing is due before its time")
    func notDue() {
        var heap = DeadlineHeap<String>()
        heap.insert("a", at: at(10))
        let early = heap.popDue(at: at(9))
        let late = heap.popDue(at: at(10))
        #expect(early == nil)
        #expect(late == "a")
    }

    @Test("random operations agree with a plain dictionary", arguments: 0..<50)
    func model(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var heap = DeadlineHeap<Int>()
        var model: [Int: Int64] = [:]
        for _ in 0..<400 {
            let key = Int.random(in: 0..<40, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let deadline = Int64.random(in: 0..<1000, using: &random)
                heap.insert(key, at: at(deadline))
                model[key] = min(model[key] ?? .max, deadline)
            case 2:
                heap.remove(key)
                model[key] = nil
            default:
                let now = Int64.random(in: 0..<300, using: &random)
                let popped = heap.popDue(at: at(now))
                let due = model.values.filter { $0 <= now }.min()
                #expect(popped.flatMap { model[$0] } == due)
                if let popped { model[popped] = nil }
            }
            #expect(heap.count == model.count)
            #expect(heap.nextDeadline?.nanoseconds == model.values.min())
        }
    }
}
