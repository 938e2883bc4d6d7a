// SPDX-License-Identifier: Apache-2.0
import Dispatch

/// Wakes sleeping tasks at their deadlines, all of them with one timer.
///
/// `Task.sleep` keeps about 700 bytes of a cancelled sleep until its deadline, and time limits are nearly
/// always cancelled, thousands of them. Here a cancelled sleep leaves nothing.
final class TimerQueue: Sendable {
    private struct State {
        var deadlines = DeadlineHeap<UInt64>()
        var sleepers: [UInt64: CheckedContinuation<Void, any Error>] = [:]
        var nextSleeper: UInt64 = 0
        /// What the timer is set to; nil while it is not.
        var timerDeadline: Instant?
        var timer: (any DispatchSourceTimer)?
    }

    private let state = Locked(State())

    deinit {
        state.withLock { $0.timer }?.cancel()
    }

    /// Returns at `deadline` or, if it has passed, at once.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(until deadline: Instant) async throws {
        let id = state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                add(id, continuation, deadline)
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                state.deadlines.remove(id)
                return state.sleepers.removeValue(forKey: id)
            }
            sleeper?.resume(throwing: CancellationError())
        }
    }

    /// How many tasks sleep; for tests.
    var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    private func add(
        _ id: UInt64, _ continuation: CheckedContinuation<Void, any Error>, _ deadline: Instant
    ) {
        let isCancelled = state.withLock { state in
            if Task.isCancelled { return true }
            state.sleepers[id] = continuation
            state.deadlines.insert(id, at: deadline)
            setTimer(&state)
            return false
        }
        if isCancelled { continuation.resume(throwing: CancellationError()) }
    }

    /// Sets the timer to the earliest deadline; a timer that is set too early stays, and only fires in vain.
    private func setTimer(_ state: inout State) {
        guard let next = state.deadlines.nextDeadline else { return }
        if let set = state.timerDeadline, set <= next { return }
        let timer = state.timer ?? makeTimer()
        state.timer = timer
        state.timerDeadline = next
        let wait = max(0, (next - .now).clampedNanoseconds)
        timer.schedule(deadline: .now() + .nanoseconds(Int(min(wait, 1 << 62))))
    }

    private func makeTimer() -> any DispatchSourceTimer {
        let timer = DispatchSource.makeTimerSource()
        timer.setEventHandler { [weak self] in self?.wake() }
        timer.activate()
        return timer
    }

    private func wake() {
        let due = state.withLock { state in
            var due: [CheckedContinuation<Void, any Error>] = []
            let now = Instant.now
            while let id = state.deadlines.popDue(at: now) {
                if let sleeper = state.sleepers.removeValue(forKey: id) { due.append(sleeper) }
            }
            state.timerDeadline = nil
            setTimer(&state)
            return due
        }
        for sleeper in due { sleeper.resume() }
    }
}
