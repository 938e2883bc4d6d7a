// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A value that many threads share and one at a time may touch.
///
/// It wraps `pthread_mutex_t` and not `Synchronization.Mutex`: ThreadSanitizer does not see through the
/// latter and reports races that are none, and the pthread lock is the faster one when nobody waits.
/// The lock is not recursive; never wait (`await`, I/O, another lock that calls back) inside `withLock`.
package final class Locked<State>: @unchecked Sendable {  // The mutex owns `state`.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var state: State

    /// Guards `state`, which nothing else may refer to from now on.
    package init(_ state: sending State) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        self.state = state
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` alone with the value and passes on what it returns or throws.
    @discardableResult
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
