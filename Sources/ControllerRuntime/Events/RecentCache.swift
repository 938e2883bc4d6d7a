// SPDX-License-Identifier: Apache-2.0

/// A dictionary that forgets what was not used lately, so that it never holds more than `capacity` entries.
///
/// Entries live in two generations: use moves one to the young, and when that is full it becomes the old
/// and the former old is dropped. So at least the last `capacity / 2` keys used are there.
struct RecentCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    let capacity: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    init(capacity: Int) {
        self.capacity = max(capacity, 2)
    }

    var count: Int { young.count + old.count }

    subscript(key: Key) -> Value? {
        mutating get {
            if let value = young[key] { return value }
            guard let value = old[key] else { return nil }
            self[key] = value
            return value
        }
        set {
            old[key] = nil
            young[key] = newValue
            guard young.count >= capacity / 2 else { return }
            old = young
            young = [:]
        }
    }
}
