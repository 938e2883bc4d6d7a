// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// Something that happens once; tasks and threads alike can wait for it.
package final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var tasks: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Locked(State())
    private nonisolated(unsafe) let turnstile = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    package init() {
        sem_init(turnstile, 0, 0)
    }

    deinit {
        sem_destroy(turnstile)
        turnstile.deallocate()
    }

    package var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Lets everybody through, now and later.
    package func open() {
        let tasks = state.withLock { state in
            state.isOpen = true
            defer { state.tasks = [] }
            return state.tasks
        }
        sem_post(turnstile)
        for task in tasks { task.resume() }
    }

    /// Suspends the task until the latch is open.
    package func wait() async {
        await withCheckedContinuation { task in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.tasks.append(task) }
                return state.isOpen
            }
            if isOpen { task.resume() }
        }
    }

    /// Blocks the thread until the latch is open; not for tasks.
    package func block() {
        while sem_wait(turnstile) != 0 {}
        sem_post(turnstile)
    }
}
