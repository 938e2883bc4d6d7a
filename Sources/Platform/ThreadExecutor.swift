// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Runs an actor on a thread of its own, where it may block: on a disk, not on the few threads that tasks share.
///
/// The thread ends when the executor is let go of, after the jobs it was given.
package final class ThreadExecutor: SerialExecutor {
    /// 1 MiB: what the actor handles may nest as deep as a document, a stack frame or two for each level.
    private static let stackSize = 1 << 20

    private let mailbox = Mailbox()

    /// Starts the thread.
    package init() throws(SystemThread.StartError) {
        let mailbox = mailbox
        try SystemThread.start(stackSize: Self.stackSize) { mailbox.run() }.detach()
    }

    deinit {
        mailbox.close()
    }

    /// Takes a job of the actor; what the Swift runtime calls.
    package func enqueue(_ job: consuming ExecutorJob) {
        mailbox.add(Mailbox.Job(job: UnownedJob(job), executor: asUnownedSerialExecutor()))
    }
}

/// What an executor and its thread share; the thread keeps it alive.
private final class Mailbox: Sendable {
    struct Job {
        let job: UnownedJob
        let executor: UnownedSerialExecutor
    }

    private struct State {
        var jobs: [Job] = []
        var isClosed = false
    }

    private let state = Locked(State())
    /// Raised once for every job, and once at the end.
    private let bell = Semaphore()

    func add(_ job: Job) {
        state.withLock { $0.jobs.append(job) }
        bell.raise()
    }

    func close() {
        state.withLock { $0.isClosed = true }
        bell.raise()
    }

    /// Runs what comes until `close`; blocks.
    func run() {
        while true {
            bell.wait()
            let (jobs, isClosed) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isClosed)
            }
            for job in jobs { job.job.runSynchronously(on: job.executor) }
            if isClosed { return }
        }
    }
}

/// A count that threads wait for.
private final class Semaphore: @unchecked Sendable {  // Owns the handle, which is made for many threads.
    private let handle: UnsafeMutablePointer<sem_t>

    init() {
        handle = .allocate(capacity: 1)
        handle.initialize(to: sem_t())
        sem_init(handle, 0, 0)
    }

    deinit {
        sem_destroy(handle)
        handle.deallocate()
    }

    func raise() {
        sem_post(handle)
    }

    /// Blocks until the count is above zero, and lowers it.
    func wait() {
        while sem_wait(handle) != 0, errno == EINTR {}
    }
}
