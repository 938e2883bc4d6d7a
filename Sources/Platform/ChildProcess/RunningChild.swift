// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A program that runs, and our ends of its pipes; whatever happens, its group is killed in the end.
struct RunningChild: ~Copyable {
    private let command: ChildProcess.Command
    private let process: pid_t
    private var isReaped = false
    private var input: FileDescriptor?
    private var output: FileDescriptor?
    private var error: FileDescriptor?
    private var unwritten: ArraySlice<UInt8>
    private var collected = ChildProcess.Output()

    /// Starts the program.
    static func start(_ command: ChildProcess.Command) throws(SystemError) -> RunningChild {
        let input = try Pipe()
        let output = try Pipe()
        let error = try Pipe()
        // The program may read slowly: a full pipe must not stop us.
        try retrying { fcntl(input.writer.number, F_SETFL, O_NONBLOCK) }
        let process = try spawn(
            command, input: input.reader.number, output: output.writer.number, error: error.writer.number)
        return RunningChild(
            command, process, input: input.keepWriter(), output: output.keepReader(),
            error: error.keepReader())
    }

    private init(
        _ command: ChildProcess.Command, _ process: pid_t, input: consuming FileDescriptor,
        output: consuming FileDescriptor, error: consuming FileDescriptor
    ) {
        self.command = command
        self.process = process
        unwritten = command.input[...]
        self.input = command.input.isEmpty ? nil : consume input
        self.output = consume output
        self.error = consume error
    }

    deinit {
        if !isReaped { Self.killAndReap(process) }
    }

    /// Waits until the program writes or reads, and moves what it can; false once it will write no more.
    mutating func exchange(until deadline: Instant, _ wake: WakePipe) throws(ChildProcessError) -> Bool {
        guard output != nil || error != nil else { return false }
        let (readable, writable) = (Int16(POLLIN), Int16(POLLOUT))
        var ends = [
            pollfd(fd: wake.reader, events: readable, revents: 0),
            pollfd(fd: output?.number ?? -1, events: readable, revents: 0),
            pollfd(fd: error?.number ?? -1, events: readable, revents: 0),
            pollfd(fd: input?.number ?? -1, events: writable, revents: 0),
        ]
        try wait(&ends, until: deadline)
        if ends[0].revents != 0 { throw .cancelled }
        if ends[1].revents != 0, try !read(ends[1].fd, into: \.standardOutput) { output = nil }
        if ends[2].revents != 0, try !read(ends[2].fd, into: \.standardError) { error = nil }
        if ends[3].revents != 0, try !write(ends[3].fd) { input = nil }
        return true
    }

    /// Waits for the program's end, then kills what is left of its group.
    mutating func end(until deadline: Instant, _ wake: WakePipe) throws(ChildProcessError)
        -> ChildProcess.Output
    {
        input = nil
        var pause: Int64 = 1_000_000
        // A program that has closed its output is as good as gone. One that lingers is looked at again and
        // again, at most 50 ms apart, since Swift sees no call that waits for a process and a pipe at once.
        while !hasEnded() {
            var ends = [pollfd(fd: wake.reader, events: Int16(POLLIN), revents: 0)]
            let next = SystemClock().now + .nanoseconds(pause)
            if deadline <= next { try wait(&ends, until: deadline) } else { poll(ends: &ends, until: next) }
            if ends[0].revents != 0 { throw .cancelled }
            pause = min(pause * 2, 50_000_000)
        }
        collected.status = Self.killAndReap(process)
        isReaped = true
        return collected
    }

    /// Waits until an end is ready.
    ///
    /// - Throws: `timedOut` at the deadline.
    private func wait(_ ends: inout [pollfd], until deadline: Instant) throws(ChildProcessError) {
        guard poll(ends: &ends, until: deadline) else { throw .timedOut(command.timeout) }
    }

    /// False if no end is ready by the given time.
    @discardableResult
    private func poll(ends: inout [pollfd], until time: Instant) -> Bool {
        let milliseconds = max(0, (time - SystemClock().now).clampedNanoseconds / 1_000_000 + 1)
        return Glibc.poll(&ends, nfds_t(ends.count), Int32(min(milliseconds, 1_000_000_000))) != 0
    }
}

extension RunningChild {
    /// Reads once; false at the end of what the program writes.
    private mutating func read(
        _ end: Int32, into path: WritableKeyPath<ChildProcess.Output, [UInt8]>
    ) throws(ChildProcessError) -> Bool {
        let count: Int
        do throws(SystemError) {
            count = try readOnce(end, upTo: 65_536, into: &collected[keyPath: path])
        } catch {
            throw .lost(error)
        }
        guard collected[keyPath: path].count <= command.outputLimit else {
            throw .outputTooLarge(limit: command.outputLimit)
        }
        return count > 0
    }

    /// Writes once; false if all is written or the program reads no more.
    private mutating func write(_ end: Int32) throws(ChildProcessError) -> Bool {
        do throws(SystemError) {
            let count = try retrying {
                unwritten.withUnsafeBytes { Glibc.write(end, $0.baseAddress, $0.count) }
            }
            unwritten = unwritten.dropFirst(count)
            return !unwritten.isEmpty
        } catch {
            if error.code == EPIPE { return false }
            if error.code == EAGAIN { return true }
            throw .lost(error)
        }
    }

    /// Whether the program has ended; leaves it as it is, so that its number stays taken.
    private func hasEnded() -> Bool {
        var information = siginfo_t()
        let result = waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT | WNOHANG)
        return result != 0 || information.si_signo == SIGCHLD
    }

    /// Kills the whole group while its leader's number cannot have passed to another process yet.
    @discardableResult
    private static func killAndReap(_ process: pid_t) -> ChildProcess.ExitStatus {
        kill(-process, SIGKILL)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal: signal)
    }
}
