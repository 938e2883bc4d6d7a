// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Platform

/// What a `WorkQueue` decides, without its waiting readers.
///
/// A key is *dirty* from the moment it is added until a worker takes it, and *processing* until that worker
/// is done. Added while processing, it becomes dirty and is queued when the worker is done: so no key is
/// processed twice at once and no addition is lost.
package struct WorkQueueState: Sendable {
    /// Dirty keys with the time they became so.
    private var dirty: [ObjectKey: Instant] = [:]
    /// Keys in work with the time that began.
    private var processing: [ObjectKey: Instant] = [:]
    /// Keys in work that only wait for somebody else now, and take up nobody.
    private var aside: Set<ObjectKey> = []
    /// Dirty keys that are not processing, first come first served, from `head` on.
    private var ready: [ObjectKey] = []
    private var head = 0
    private var delayed = DeadlineHeap<ObjectKey>()
    private(set) package var isShutDown = false

    package init() {}

    /// How many keys wait for a worker.
    package var depth: Int { ready.count - head }
    package var delayedCount: Int { delayed.count }
    /// How many keys in work take somebody up.
    package var busyCount: Int { processing.count - aside.count }
    /// When the next delayed key is due.
    package var nextDeadline: Instant? { delayed.nextDeadline }

    /// Asks for a run now; a later one that was asked for is dropped.
    ///
    /// - Returns: False if the run was already asked for or the queue is shut down.
    @discardableResult
    package mutating func add(_ key: ObjectKey, at now: Instant) -> Bool {
        guard !isShutDown else { return false }
        delayed.remove(key)
        guard dirty[key] == nil else { return false }
        dirty[key] = now
        if processing[key] == nil { ready.append(key) }
        return true
    }

    /// Asks for a run at `deadline`; of several, the earliest counts, and one asked for now makes it moot.
    package mutating func add(_ key: ObjectKey, notBefore deadline: Instant) {
        guard !isShutDown, dirty[key] == nil else { return }
        delayed.insert(key, at: deadline)
    }

    /// Queues the delayed keys whose time has come and returns how many.
    package mutating func releaseDue(at now: Instant) -> Int {
        var released = 0
        while let key = delayed.popDue(at: now) {
            if add(key, at: now) { released += 1 }
        }
        return released
    }

    /// Takes the next key and how long it waited; it is processing until `done`.
    package mutating func take(at now: Instant) -> (key: ObjectKey, waited: Duration)? {
        guard head < ready.count else { return nil }
        let key = ready[head]
        head += 1
        if head == ready.count || head >= 1024 {
            ready.removeFirst(head)
            head = 0
        }
        let added = dirty.removeValue(forKey: key)
        processing[key] = now
        return (key, now - (added ?? now))
    }

    /// Lets the keys that wait have waited since `now` only: before, nobody was to work on them.
    package mutating func restartWaits(at now: Instant) {
        dirty = dirty.mapValues { _ in now }
    }

    /// Notes of a key in work whether it only waits for somebody else now.
    package mutating func setAside(_ key: ObjectKey, _ isAside: Bool) {
        if isAside, processing[key] != nil { aside.insert(key) } else { aside.remove(key) }
    }

    /// Ends the work on a key and returns how long it took; queues it again if it was added meanwhile.
    package mutating func done(_ key: ObjectKey, at now: Instant) -> Duration {
        aside.remove(key)
        guard let started = processing.removeValue(forKey: key) else { return .zero }
        if dirty[key] != nil { ready.append(key) }
        return now - started
    }

    /// Refuses additions from now on and forgets the keys that no worker has taken.
    package mutating func shutDown() {
        isShutDown = true
        dirty = [:]
        ready = []
        head = 0
        delayed.removeAll()
    }

    /// The sum and the longest of the times that keys in work have taken so far.
    package func unfinished(at now: Instant) -> (total: Duration, longest: Duration) {
        processing.values.reduce((.zero, .zero)) { result, started in
            (result.0 + (now - started), max(result.1, now - started))
        }
    }
}
