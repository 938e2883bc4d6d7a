// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// A running program whose output is collected line by line and whose end can be awaited.
package final class Subprocess: Sendable {
    /// How a program ended.
    package enum Ending: Sendable, Hashable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    /// The program could not be started.
    package struct StartError: Error, CustomStringConvertible {
        package var description: String
    }

    /// Somebody who waits for a line, or, without `matches`, for the end.
    private struct Waiter {
        var start: Int
        var matches: (@Sendable (String) -> Bool)?
        var continuation: CheckedContinuation<Int?, Never>
    }

    private struct State {
        var lines: [String] = []
        var ending: Ending?
        var wasSignalled = false
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0

        /// Whether the waiter need wait no longer: the line it waits for, or nil inside if there will be none.
        func answer(to waiter: Waiter) -> Int?? {
            if let matches = waiter.matches, waiter.start < lines.count,
                let index = lines[waiter.start...].firstIndex(where: matches)
            {
                return .some(index)
            }
            return ending == nil ? nil : .some(nil)
        }
    }

    package let pid: Int32
    private let state: Locked<State>
    /// The writing end of the program's standard input; nil if that is empty, or closed by now.
    private let input: Locked<Int32?>

    /// Starts `arguments[0]`, an absolute path, with standard output and error in one stream.
    ///
    /// The program is killed when this process is gone, however that ends.
    ///
    /// - `hasInput`: whether `write` can be used; otherwise standard input is empty.
    /// - `onLine`: is given each line, on the thread that reads them.
    package init(
        _ arguments: [String], environment: [String: String] = [:], hasInput: Bool = false,
        onLine: (@Sendable (String) -> Void)? = nil
    ) throws {
        let (state, input) = (Locked(State()), Locked<Int32?>(nil))
        let start = Locked<Result<pid_t, StartError>?>(nil)
        let hasStarted = Latch()
        // The kernel kills the program when the thread that started it ends, so that one also sees it off.
        let thread = try SystemThread.start {
            let launch = Result { () throws(StartError) in
                try launchTied(arguments, environment, hasInput: hasInput)
            }
            if case .success(let launch) = launch { input.withLock { $0 = launch.input } }
            start.withLock { $0 = launch.map { $0.pid } }
            hasStarted.open()
            guard case .success(let launch) = launch else { return }
            let ending = Self.collect(from: launch.output, of: launch.pid) { line in
                Self.received(line, state)
                onLine?(line)
            }
            Self.close(input)
            Self.ended(ending, state)
        }
        thread.detach()
        hasStarted.block()
        guard let result = start.withLock({ $0 }) else { throw StartError(description: "not started") }
        pid = try result.get()
        (self.state, self.input) = (state, input)
    }

    /// Writes a line to its standard input; lost if the program reads no more.
    package func write(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        input.withLock { descriptor in
            guard let descriptor else { return }
            var written = 0
            while written < bytes.count {
                let count = bytes[written...].withUnsafeBytes {
                    send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return }
                written += count
            }
        }
    }

    /// Ends its standard input.
    package func closeInput() {
        Self.close(input)
    }

    private static func close(_ input: Locked<Int32?>) {
        input.withLock { descriptor in
            if let open = descriptor { Glibc.close(open) }
            descriptor = nil
        }
    }

    /// Every line printed so far.
    package var lines: [String] { state.withLock { $0.lines } }

    /// Whether a test has sent it a signal, after which it may end at any time.
    package var wasSignalled: Bool { state.withLock { $0.wasSignalled } }

    /// Sends a signal, unless the program has ended.
    package func signal(_ signal: Int32) {
        let isRunning = state.withLock { state in
            state.wasSignalled = true
            return state.ending == nil
        }
        if isRunning { kill(pid, signal) }
    }

    /// How the program ended, if it has.
    package var currentEnding: Ending? { state.withLock { $0.ending } }

    /// How the program ended, once it has; killed with the task if that is cancelled before.
    package func ending() async -> Ending {
        _ = await wait(from: 0, for: nil)
        return state.withLock { $0.ending } ?? .killed(signal: SIGKILL)
    }

    /// The first line, printed already or to come, that `matches`; nil if the program ends without one, or the task
    /// is cancelled.
    package func line(where matches: @escaping @Sendable (String) -> Bool) async -> String? {
        guard let index = await index(from: 0, where: matches) else { return nil }
        return lines[index]
    }

    /// The number of the first line, the `start`th or later, that `matches`; nil as with `line`.
    package func index(from start: Int, where matches: @escaping @Sendable (String) -> Bool) async -> Int? {
        await wait(from: start, for: matches)
    }

    private func wait(from start: Int, for matches: (@Sendable (String) -> Bool)?) async -> Int? {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                add(Waiter(start: start, matches: matches, continuation: continuation), id)
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(returning: nil)
        }
    }

    private func add(_ waiter: Waiter, _ id: Int) {
        let answer: Int?? = state.withLock { state in
            if let answer = state.answer(to: waiter) { return answer }
            if Task.isCancelled { return .some(nil) }
            state.waiters[id] = waiter
            return nil
        }
        if let answer { waiter.continuation.resume(returning: answer) }
    }

    private static func received(_ line: String, _ state: Locked<State>) {
        let woken = state.withLock { state in
            let index = state.lines.count
            state.lines.append(line)
            let woken = state.waiters.filter { $0.value.start <= index && $0.value.matches?(line) == true }
            for id in woken.keys { state.waiters[id] = nil }
            return woken.values.map { ($0.continuation, index) }
        }
        for (continuation, index) in woken { continuation.resume(returning: index) }
    }

    private static func ended(_ ending: Ending, _ state: Locked<State>) {
        let waiters = state.withLock { state in
            state.ending = ending
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
    }

    /// Reads lines to the end of the output and waits for the end of the program.
    private static func collect(
        from descriptor: Int32, of pid: pid_t, line received: (String) -> Void
    ) -> Ending {
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            pending += buffer[..<count]
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                received(String(decoding: pending[..<end], as: UTF8.self))
                pending.removeSubrange(...end)
            }
        }
        if !pending.isEmpty { received(String(decoding: pending, as: UTF8.self)) }
        Glibc.close(descriptor)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: signal)
    }
}
