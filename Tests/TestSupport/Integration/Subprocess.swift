// SPDX-License-Identifier: Apache-2.0
package import Glibc
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

    package let pid: pid_t
    private let state = Locked(State())
    /// The writing end of the program's standard input; nil if that is empty, or closed by now.
    private let input: Locked<Int32?>
    private let onLine: (@Sendable (String) -> Void)?

    /// Starts `arguments[0]`, an absolute path, with standard output and error in one stream.
    ///
    /// - `hasInput`: whether `write` can be used; otherwise standard input is empty.
    /// - `onLine`: is given each line, on the thread that reads them.
    package init(
        _ arguments: [String], environment: [String: String] = [:], hasInput: Bool = false,
        onLine: (@Sendable (String) -> Void)? = nil
    ) throws {
        self.onLine = onLine
        let pipeEnds = try Self.makePipe()
        let inputEnds = hasInput ? try Self.makeSocketPair() : nil
        input = Locked(inputEnds?.write)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let inputEnds {
            posix_spawn_file_actions_adddup2(&actions, inputEnds.read, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, pipeEnds.write, 1)
        posix_spawn_file_actions_adddup2(&actions, pipeEnds.write, 2)
        let argv = Self.cStrings(arguments)
        let envp = Self.cStrings(environment.map { "\($0.key)=\($0.value)" })
        defer { for pointer in argv + envp { free(pointer) } }
        var child = pid_t()
        let code = posix_spawn(&child, arguments[0], &actions, nil, argv, envp)
        close(pipeEnds.write)
        if let inputEnds { close(inputEnds.read) }
        guard code == 0 else {
            close(pipeEnds.read)
            if let inputEnds { close(inputEnds.write) }
            throw StartError(description: "\(arguments[0]): \(String(cString: strerror(code)))")
        }
        pid = child
        Self.collect(Collector(process: self, descriptor: pipeEnds.read, pid: child))
    }

    private static func makePipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw StartError(description: "pipe: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// For standard input: writing to a program that is gone is an error then, not SIGPIPE.
    private static func makeSocketPair() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw StartError(description: "socketpair: \(errno)")
        }
        return (ends[0], ends[1])
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
        input.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }

    /// Every line printed so far.
    package var lines: [String] { state.withLock { $0.lines } }

    /// Sends a signal, unless the program has ended.
    package func signal(_ signal: Int32) {
        let isRunning = state.withLock { $0.ending == nil }
        if isRunning { kill(pid, signal) }
    }

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

    fileprivate func received(_ line: String) {
        let woken = state.withLock { state in
            let index = state.lines.count
            state.lines.append(line)
            let woken = state.waiters.filter { $0.value.start <= index && $0.value.matches?(line) == true }
            for id in woken.keys { state.waiters[id] = nil }
            return woken.values.map { ($0.continuation, index) }
        }
        onLine?(line)
        for (continuation, index) in woken { continuation.resume(returning: index) }
    }

    fileprivate func ended(_ ending: Ending) {
        closeInput()
        let waiters = state.withLock { state in
            state.ending = ending
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
    }

    private static func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        texts.map { strdup($0) } + [nil]
    }

    private static func collect(_ collector: Collector) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(collector).toOpaque()
        pthread_create(&thread, nil, collectOutput, context)
        pthread_detach(thread)
    }
}

/// What the reading thread owns.
private final class Collector: Sendable {
    let process: Subprocess
    let descriptor: Int32
    let pid: pid_t

    init(process: Subprocess, descriptor: Int32, pid: pid_t) {
        self.process = process
        self.descriptor = descriptor
        self.pid = pid
    }

    func run() {
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            pending += buffer[..<count]
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                process.received(String(decoding: pending[..<end], as: UTF8.self))
                pending.removeSubrange(...end)
            }
        }
        if !pending.isEmpty { process.received(String(decoding: pending, as: UTF8.self)) }
        close(descriptor)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7f
        process.ended(signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: signal))
    }
}

private func collectOutput(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<Collector>.fromOpaque(context).takeRetainedValue().run()
    return nil
}
