// SPDX-License-Identifier: Apache-2.0
/// Keys with a deadline each, the earliest first; adding, moving and removing take O(log n).
package struct DeadlineHeap<Key: Hashable & Sendable>: Sendable {
    private struct Entry {
        var key: Key
        var deadline: Instant
        /// Breaks ties, so that equal deadlines keep the order in which they were set.
        var order: UInt64
    }

    private var entries: [Entry] = []
    private var positions: [Key: Int] = [:]
    private var nextOrder: UInt64 = 0

    package init() {}

    /// How many keys have a deadline.
    package var count: Int { entries.count }

    /// The earliest deadline.
    package var nextDeadline: Instant? { entries.first?.deadline }

    /// The deadline of a key; nil if it has none.
    package func deadline(of key: Key) -> Instant? {
        positions[key].map { entries[$0].deadline }
    }

    /// Sets a deadline, or moves it forward; a later one than the key already has is ignored.
    package mutating func insert(_ key: Key, at deadline: Instant) {
        if let position = positions[key] {
            guard deadline < entries[position].deadline else { return }
            entries[position].deadline = deadline
            siftUp(from: position)
        } else {
            entries.append(Entry(key: key, deadline: deadline, order: nextOrder))
            nextOrder += 1
            positions[key] = entries.count - 1
            siftUp(from: entries.count - 1)
        }
    }

    /// Forgets a key, if it is there.
    package mutating func remove(_ key: Key) {
        guard let position = positions[key] else { return }
        exchange(position, entries.count - 1)
        entries.removeLast()
        positions[key] = nil
        guard position < entries.count else { return }
        siftUp(from: position)
        siftDown(from: position)
    }

    /// Forgets every key.
    package mutating func removeAll() {
        entries = []
        positions = [:]
    }

    /// Takes out the earliest key whose deadline has come.
    package mutating func popDue(at now: Instant) -> Key? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        remove(first.key)
        return first.key
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (entries[left].deadline, entries[left].order) < (entries[right].deadline, entries[right].order)
    }

    private mutating func exchange(_ left: Int, _ right: Int) {
        guard left != right else { return }
        entries.swapAt(left, right)
        positions[entries[left].key] = left
        positions[entries[right].key] = right
    }

    private mutating func siftUp(from start: Int) {
        var position = start
        while position > 0, isBefore(position, (position - 1) / 2) {
            exchange(position, (position - 1) / 2)
            position = (position - 1) / 2
        }
    }

    private mutating func siftDown(from start: Int) {
        var position = start
        while true {
            var smallest = position
            for child in [2 * position + 1, 2 * position + 2]
            where child < entries.count && isBefore(child, smallest) {
                smallest = child
            }
            guard smallest != position else { return }
            exchange(position, smallest)
            position = smallest
        }
    }
}
