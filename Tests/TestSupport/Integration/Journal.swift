// SPDX-License-Identifier: Apache-2.0
import Platform

/// What happened, in order, for tests that wait until enough has.
package final class Journal<Entry: Sendable>: Sendable {
    private struct Waiter {
        var isOver: ([Entry]) -> Bool
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var entries: [Entry] = []
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
    }

    private let state = Locked(State())

    package init() {}

    /// Everything so far.
    package var entries: [Entry] { state.withLock { $0.entries } }

    /// Lets go of everything so far.
    package func forget() { state.withLock { $0.entries = [] } }

    /// Adds an entry and wakes those who wait for it.
    package func append(_ entry: Entry) {
        let woken = state.withLock { state in
            state.entries.append(entry)
            let over = state.waiters.filter { $0.value.isOver(state.entries) }
            for id in over.keys { state.waiters[id] = nil }
            return over.values.map(\.continuation)
        }
        for waiter in woken { waiter.resume() }
    }

    /// Returns the entries as soon as `isTrue` of them; the test's time limit is the limit.
    @discardableResult
    package func wait(until isTrue: @escaping @Sendable ([Entry]) -> Bool) async throws -> [Entry] {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                add(Waiter(isOver: isTrue, continuation: continuation), id)
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?
                .continuation.resume(throwing: CancellationError())
        }
        return entries
    }

    /// Returns the first entry, there already or to come, that `matches`.
    @discardableResult
    package func first(where matches: @escaping @Sendable (Entry) -> Bool) async throws -> Entry {
        let entries = try await wait { $0.contains(where: matches) }
        guard let entry = entries.first(where: matches) else { throw CancellationError() }
        return entry
    }

    private func add(_ waiter: Waiter, _ id: Int) {
        let (isOver, isCancelled) = state.withLock { state in
            if Task.isCancelled { return (false, true) }
            if waiter.isOver(state.entries) { return (true, false) }
            state.waiters[id] = waiter
            return (false, false)
        }
        if isOver { waiter.continuation.resume() }
        if isCancelled { waiter.continuation.resume(throwing: CancellationError()) }
    }
}
