// SPDX-License-Identifier: Apache-2.0
import Glibc

/// SIGTERM and SIGINT as values.
///
/// The signals are blocked in every thread and taken by one that does nothing but wait for them, so that no
/// code ever runs inside a signal handler.
struct Signals {
    /// Yields at the first signal.
    let stopRequests: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation
    private var set = sigset_t()

    /// Blocks the signals; must come before any other thread exists, since threads inherit what is blocked.
    init() {
        (stopRequests, continuation) = AsyncStream.makeStream()
        sigemptyset(&set)
        for signal in [SIGTERM, SIGINT] { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Makes the calling thread wait for signals for the rest of the process; the second one ends that with status 1.
    func deliver() -> Never {
        var (set, signal, count) = (set, Int32(0), 0)
        while true {
            guard sigwait(&set, &signal) == 0 else { continue }
            count += 1
            if count > 1 { _exit(1) }
            continuation.yield(signal)
        }
    }
}
