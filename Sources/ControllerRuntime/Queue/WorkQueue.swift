// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Platform

/// What a queue tells about itself as it works; the default tells nobody.
package struct WorkQueueObserver: Sendable {
    /// A key was added that was not waiting already.
    package var added: @Sendable () -> Void
    /// A key was added again with a delay after a failure.
    package var retried: @Sendable () -> Void
    /// A worker took a key that had waited this long.
    package var taken: @Sendable (Duration) -> Void
    /// A worker finished a key after this long.
    package var finished: @Sendable (Duration) -> Void

    package init(
        added: @escaping @Sendable () -> Void = {}, retried: @escaping @Sendable () -> Void = {},
        taken: @escaping @Sendable (Duration) -> Void = { _ in },
        finished: @escaping @Sendable (Duration) -> Void = { _ in }
    ) {
        self.added = added
        self.retried = retried
        self.taken = taken
        self.finished = finished
    }
}

/// Keys waiting for a worker: each at most once, none in work twice at the same time.
///
/// First come, first served. Keys may be added for later; `run` must be running for those to come due.
package final class WorkQueue: Sendable {
    private struct Waiter {
        var id: UInt64
        var continuation: CheckedContinuation<ObjectKey?, Never>
    }

    private struct State {
        var queue = WorkQueueState()
        /// How many keys may be in work at a time, without those that only wait.
        var limit = Int.max
        var waiters: [Waiter] = []
        var nextWaiter: UInt64 = 0
    }

    /// A waiter and what it gets, to be resumed outside the lock.
    private typealias Delivery = (waiter: Waiter, key: ObjectKey?, waited: Duration)

    private let clock: any Clock
    private let observer: WorkQueueObserver
    private let state = Locked(State())
    private let timer = Wakeup()

    package init(clock: any Clock, observer: WorkQueueObserver = WorkQueueObserver()) {
        self.clock = clock
        self.observer = observer
    }

    /// Asks for a run of `key` now; a no-op if it is waiting already or the queue is shut down.
    package func add(_ key: ObjectKey) {
        let now = clock.now
        let (isNew, deliveries) = state.withLock { state in
            (state.queue.add(key, at: now), Self.match(&state, now))
        }
        if isNew { observer.added() }
        deliver(deliveries)
    }

    /// Asks for a run of `key` after `delay`; the earliest of several counts.
    package func add(_ key: ObjectKey, after delay: Duration) {
        guard delay > .zero else { return add(key) }
        let deadline = clock.now + delay
        let isEarliest = state.withLock { state in
            let before = state.queue.nextDeadline
            state.queue.add(key, notBefore: deadline)
            return state.queue.nextDeadline != before
        }
        if isEarliest { timer.ring() }
    }

    /// Asks for another try of a failed `key` after `delay`.
    package func retry(_ key: ObjectKey, after delay: Duration) {
        observer.retried()
        add(key, after: delay)
    }

    /// The next key to work on, which is the caller's until `done`.
    ///
    /// - Returns: Nil when the queue is shut down or the task is cancelled.
    package func next() async -> ObjectKey? {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                wait(Waiter(id: id, continuation: continuation))
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: nil)
        }
    }

    /// Counts from now on how long the keys wait that are there: a standby's have waited for nobody.
    package func restartWaits() {
        let now = clock.now
        state.withLock { $0.queue.restartWaits(at: now) }
    }

    /// Lets no more than `count` keys be in work at a time, without those that are set aside.
    package func limit(to count: Int) {
        state.withLock { $0.limit = max(count, 1) }
    }

    /// Notes of a key in work whether it only waits for somebody else now: meanwhile another one may be worked on.
    ///
    /// One that comes back goes on at once, even where that is one more than the limit for a moment.
    package func setAside(_ key: ObjectKey, _ isAside: Bool) {
        let now = clock.now
        let deliveries: [Delivery] = state.withLock { state in
            state.queue.setAside(key, isAside)
            return Self.match(&state, now)
        }
        deliver(deliveries)
    }

    /// Ends the work on a key that `next` returned.
    package func done(_ key: ObjectKey) {
        let now = clock.now
        let (duration, deliveries) = state.withLock { state in
            (state.queue.done(key, at: now), Self.match(&state, now))
        }
        observer.finished(duration)
        deliver(deliveries)
    }

    /// Refuses additions, forgets the keys not yet taken, and lets every `next` return nil.
    package func shutDown() {
        let waiters = state.withLock { state in
            state.queue.shutDown()
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        timer.ring()
    }

    /// Queues delayed keys when they are due; returns when the queue is shut down or the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let now = clock.now
            let (released, deadline, isShutDown, deliveries) = state.withLock { state in
                let released = state.queue.releaseDue(at: now)
                let deliveries = Self.match(&state, now)
                return (released, state.queue.nextDeadline, state.queue.isShutDown, deliveries)
            }
            for _ in 0..<released { observer.added() }
            deliver(deliveries)
            if isShutDown { return }
            await timer.wait(until: deadline, on: clock)
        }
    }

    /// The queue as it is now, for metrics and tests.
    package var snapshot: WorkQueueState { state.withLock { $0.queue } }

    private func wait(_ waiter: Waiter) {
        let now = clock.now
        let deliveries: [Delivery] = state.withLock { state in
            if Task.isCancelled || state.queue.isShutDown { return [(waiter, nil, .zero)] }
            state.waiters.append(waiter)
            return Self.match(&state, now)
        }
        deliver(deliveries)
    }

    /// Pairs waiting workers with waiting keys.
    private static func match(_ state: inout State, _ now: Instant) -> [Delivery] {
        var deliveries: [Delivery] = []
        while !state.waiters.isEmpty, state.queue.busyCount < state.limit,
            let (key, waited) = state.queue.take(at: now)
        {
            deliveries.append((state.waiters.removeFirst(), key, waited))
        }
        return deliveries
    }

    private func deliver(_ deliveries: [Delivery]) {
        for delivery in deliveries {
            if delivery.key != nil { observer.taken(delivery.waited) }
            delivery.waiter.continuation.resume(returning: delivery.key)
        }
    }
}
