// SPDX-License-Identifier: Apache-2.0

/// Programs run for their output, such as credential plugins.
package enum ChildProcess {
    /// How a program ended.
    package enum ExitStatus: Sendable, Hashable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    /// All that a program wrote, and how it ended.
    package struct Output: Sendable, Hashable {
        package var standardOutput: [UInt8] = []
        package var standardError: [UInt8] = []
        package var status: ExitStatus = .exited(0)
    }

    /// What to run.
    package struct Command: Sendable, Hashable {
        /// The program, looked for in our own `PATH` if it has no slash, and its arguments.
        package var arguments: [String]
        /// The whole environment; nothing is inherited.
        package var environment: [String: String]
        /// What the program finds on its standard input.
        package var input: [UInt8]
        /// The most time from start to end.
        package var timeout: Duration
        /// The most bytes of standard output, and of standard error.
        package var outputLimit: Int

        package init(
            _ arguments: [String], environment: [String: String], input: [UInt8] = [], timeout: Duration,
            outputLimit: Int = 1 << 20
        ) {
            self.arguments = arguments
            self.environment = environment
            self.input = input
            self.timeout = timeout
            self.outputLimit = outputLimit
        }
    }

    /// Runs a program to its end and gives all that it wrote, whatever its exit status.
    ///
    /// The program leads a process group of its own, which is killed when the program has ended, when its time
    /// is up, when it writes too much and when the task is cancelled; so nothing it started stays behind but
    /// what left the group. The waiting is done on a thread made for it, never in the task.
    package static func run(_ command: Command) async throws(ChildProcessError) -> Output {
        let wake: WakePipe
        do throws(SystemError) {
            wake = try WakePipe()
        } catch {
            throw .notStarted(error)
        }
        let result = await withTaskCancellationHandler {
            await runOnThread(command, wake)
        } onCancel: {
            wake.wake()
        }
        return try result.get()
    }

    private static func runOnThread(
        _ command: Command, _ wake: WakePipe
    ) async -> Result<Output, ChildProcessError> {
        await withCheckedContinuation { continuation in
            do throws(SystemThread.StartError) {
                let thread = try SystemThread.start {
                    continuation.resume(
                        returning: Result { () throws(ChildProcessError) in try runHere(command, wake) })
                }
                thread.detach()
            } catch {
                continuation.resume(returning: .failure(.notStarted(SystemError(code: error.code))))
            }
        }
    }

    /// Blocks until the program has ended; expects all signals to be blocked, `SIGPIPE` above all.
    private static func runHere(_ command: Command, _ wake: WakePipe) throws(ChildProcessError) -> Output {
        let deadline = SystemClock().now + command.timeout
        var child: RunningChild
        do throws(SystemError) {
            child = try RunningChild.start(command)
        } catch {
            throw .notStarted(error)
        }
        while try child.exchange(until: deadline, wake) {}
        return try child.end(until: deadline, wake)
    }
}

/// Why there is no output of a program.
package enum ChildProcessError: Error, Sendable, Hashable, CustomStringConvertible {
    case notStarted(SystemError)
    case timedOut(Duration)
    case outputTooLarge(limit: Int)
    case cancelled
    /// The pipes to it failed.
    case lost(SystemError)

    package var description: String {
        switch self {
        case .notStarted(let error): "cannot start: \(error)"
        case .timedOut(let timeout): "killed after \(timeout), since it had not ended"
        case .outputTooLarge(let limit): "killed, since it wrote more than \(limit) bytes"
        case .cancelled: "killed, since its output is no longer wanted"
        case .lost(let error): "killed, since its pipes failed: \(error)"
        }
    }
}
