// SPDX-License-Identifier: Apache-2.0

/// A stack on which nested arrays grow together until their lengths are known.
///
/// Each finished array is moved into storage of exactly its size: no doubling, no spare capacity held by
/// values that live as long as a cache does.
struct ScratchStack<Element>: ~Copyable {
    private var base: UnsafeMutablePointer<Element>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        base = .allocate(capacity: self.capacity)
    }

    deinit {
        base.deinitialize(count: count)
        base.deallocate()
    }

    mutating func push(_ element: consuming Element) {
        if count == capacity { grow() }
        (base + count).initialize(to: element)
        count += 1
    }

    /// Takes off everything above the first `start` elements.
    mutating func pop(from start: Int) -> [Element] {
        let length = count - start
        guard length > 0 else { return [] }
        count = start
        return Array(unsafeUninitializedCapacity: length) { buffer, initialized in
            let finished = UnsafeMutableBufferPointer(start: base + start, count: length)
            initialized = buffer.moveInitialize(fromContentsOf: finished)
        }
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity *= 2
    }
}
