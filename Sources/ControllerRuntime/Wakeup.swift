// SPDX-License-Identifier: Apache-2.0
package import Platform

/// A bell that one task waits for and any thread rings.
///
/// A ring while nobody waits is kept and ends the next wait at once; several such rings count as one.
package final class Wakeup: Sendable {
    private struct State {
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Locked(State())

    package init() {}

    /// Ends the wait in progress, or the next one.
    package func ring() {
        let waiter = state.withLock { state in
            let waiter = state.waiter
            state.waiter = nil
            state.isRung = waiter == nil
            return waiter
        }
        waiter?.resume()
    }

    /// Returns after a ring, or when the task is cancelled.
    package func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isRung || Task.isCancelled {
                        state.isRung = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }

    /// Returns after a ring, at `deadline`, or when the task is cancelled; nil waits for a ring alone.
    package func wait(until deadline: Instant?, on clock: any Clock) async {
        guard let deadline else { return await wait() }
        _ = await withDeadline(deadline, on: clock) { await self.wait() }
    }
}

/// Runs `operation` and cancels it at `deadline`; nil says that the deadline came first.
///
/// It returns only when `operation` has returned, which is soon if that heeds cancellation.
package func withDeadline<Value: Sendable>(
    _ deadline: Instant, on clock: any Clock, _ operation: @escaping @Sendable () async -> Value
) async -> Value? {
    await withTaskGroup(of: Value?.self) { group in
        group.addTask { await operation() }
        group.addTask {
            // The sleep fails only because the group was cancelled, and then its result is not used.
            do { try await clock.sleep(until: deadline) } catch {}
            return nil
        }
        let first = await group.next()
        group.cancelAll()
        return first ?? nil
    }
}
