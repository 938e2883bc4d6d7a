// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Platform

@Suite("System threads")
struct SystemThreadTests {
    @Test("Signals wait for another thread, but not faults and what the crash handler stops threads with")
    func signals() throws {
        let mask = Locked(sigset_t())
        let thread = try SystemThread.start {
            mask.withLock { _ = pthread_sigmask(SIG_BLOCK, nil, &$0) }
        }
        thread.join()
        let isBlocked = { (signal: Int32) in mask.withLock { sigismember(&$0, signal) == 1 } }
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD] { #expect(isBlocked(signal)) }
        for signal in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF] {
            #expect(!isBlocked(signal))
        }
    }
}
