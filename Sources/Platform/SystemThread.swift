// SPDX-License-Identifier: Apache-2.0
import CGlibc
import Glibc

/// A thread of the operating system, for what waits in system calls and must therefore not be a task.
///
/// Signals are blocked in it: they are for the one thread that waits for them, and SIGPIPE is an EPIPE from the
/// call. Those that a fault raises are not, since a blocked one ends the process without a backtrace; nor is SIGPROF,
/// with which the crash handler stops a thread to show its stack beside that of the fault.
package struct SystemThread: Sendable {
    /// The system has no thread to give.
    package struct StartError: Error, Sendable, Hashable, CustomStringConvertible {
        /// The error number of `pthread_create`.
        package var code: Int32

        package var description: String { "pthread_create: \(String(cString: strerror(code)))" }
    }

    private let thread: pthread_t

    /// Starts `body` on a new thread, which must be joined or detached, once.
    ///
    /// Pages of the stack that are never touched cost nothing.
    package static func start(
        stackSize: Int = 256 << 10, _ body: @escaping @Sendable () -> Void
    ) throws(StartError) -> SystemThread {
        var (blocked, former) = (sigset_t(), sigset_t())
        sigfillset(&blocked)
        for signal in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF] {
            sigdelset(&blocked, signal)
        }
        pthread_sigmask(SIG_SETMASK, &blocked, &former)
        defer { pthread_sigmask(SIG_SETMASK, &former, nil) }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, stackSize)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(ThreadBody(body))
        let code = pthread_create(&thread, &attributes, runThreadBody, context.toOpaque())
        guard code == 0 else {
            context.release()
            throw StartError(code: code)
        }
        return SystemThread(thread: thread)
    }

    /// Waits for the thread's end; blocks, so never from a task and never from the thread itself.
    package func join() {
        pthread_join(thread, nil)
    }

    /// Lets the thread end by itself.
    package func detach() {
        pthread_detach(thread)
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

/// Top-level, so that the C callback inherits no actor.
private func runThreadBody(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run() }
    return nil
}
