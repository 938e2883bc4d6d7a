// SPDX-License-Identifier: Apache-2.0
package import Platform

/// A clock that stands still until a test moves it.
package final class ManualClock: Clock {
    private struct Sleeper {
        var deadline: Instant
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: Instant
        var timestamp: Timestamp
        var sleepers: [Int: Sleeper] = [:]
        var nextSleeper = 0
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Locked<State>

    /// Starts at one second after boot, 2024-01-01T12:00:00Z.
    package init() {
        state = Locked(
            State(
                now: Instant(nanoseconds: 1_000_000_000),
                timestamp: Timestamp(nanosecondsSince1970: 1_704_110_400 * 1_000_000_000)))
    }

    package var now: Instant { state.withLock { $0.now } }
    package var timestamp: Timestamp { state.withLock { $0.timestamp } }

    package func sleep(until deadline: Instant) async throws {
        let id = state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                add(Sleeper(deadline: deadline, continuation: continuation), id)
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?
                .continuation.resume(throwing: CancellationError())
        }
    }

    /// Moves both clocks and wakes, in order of their deadlines, the sleepers whose time has come.
    package func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now = state.now + duration
            state.timestamp.nanosecondsSince1970 += duration.clampedNanoseconds
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    /// Moves the wall clock alone, as an administrator or NTP does.
    package func jumpWallClock(by duration: Duration) {
        state.withLock { $0.timestamp.nanosecondsSince1970 += duration.clampedNanoseconds }
    }

    /// Returns once at least `count` tasks sleep on this clock.
    package func waitForSleepers(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.sleepers.count >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    /// The deadline that comes next, if any task sleeps.
    package var nextDeadline: Instant? {
        state.withLock { $0.sleepers.values.map(\.deadline).min() }
    }

    private func add(_ sleeper: Sleeper, _ id: Int) {
        let (isCancelled, isDue, ready) = state.withLock { state in
            if Task.isCancelled { return (true, false, [CheckedContinuation<Void, Never>]()) }
            if sleeper.deadline <= state.now { return (false, true, []) }
            state.sleepers[id] = sleeper
            let ready = state.watchers.filter { $0.count <= state.sleepers.count }.map(\.continuation)
            state.watchers.removeAll { $0.count <= state.sleepers.count }
            return (false, false, ready)
        }
        if isCancelled { sleeper.continuation.resume(throwing: CancellationError()) }
        if isDue { sleeper.continuation.resume() }
        for continuation in ready { continuation.resume() }
    }
}
