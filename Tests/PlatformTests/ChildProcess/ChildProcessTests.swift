// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite("ChildProcess")
struct ChildProcessTests {
    private func shell(
        _ script: String, _ environment: [String: String] = [:], input: String = "",
        timeout: Duration = .seconds(60),
        outputLimit: Int = 1 << 20
    ) -> ChildProcess.Command {
        ChildProcess.Command(
            ["/bin/sh", "-c", script], environment: environment, input: Array(input.utf8), timeout: timeout,
            outputLimit: outputLimit)
    }

    private func run(_ command: ChildProcess.Command) async throws -> (
        String, String, ChildProcess.ExitStatus
    ) {
        let output = try await ChildProcess.run(command)
        return (
            String(decoding: output.standardOutput, as: UTF8.self),
            String(decoding: output.standardError, as: UTF8.self), output.status
        )
    }

    @Test("gives what the program wrote and its exit status")
    func output() async throws {
        let (output, error, status) = try await run(shell("echo out; echo err >&2; exit 3"))
        #expect(output == "out\n")
        #expect(error == "err\n")
        #expect(status == .exited(3))
    }

    @Test("tells a program that a signal ended")
    func signal() async throws {
        #expect(try await run(shell("kill -TERM $$")).2 == .killed(signal: SIGTERM))
    }

    @Test("passes the environment given and nothing else")
    func environment() async throws {
        #expect(try await run(shell("echo $A-$B; env | grep -c HOME", ["A": "1 2"])).0 == "1 2-\n0\n")
    }

    @Test("looks for a program without a slash in PATH")
    func path() async throws {
        let command = ChildProcess.Command(["true"], environment: [:], timeout: .seconds(60))
        #expect(try await run(command).2 == .exited(0))
    }

    @Test("passes input of any size while it reads the output")
    func input() async throws {
        let text = String(repeating: "0123456789abcdef", count: 50_000)
        #expect(try await run(shell("cat", input: text)).0 == text)
        #expect(try await run(shell("cat")).0 == "")
    }

    @Test("does not mind a program that does not read its input")
    func unreadInput() async throws {
        let text = String(repeating: "x", count: 1_000_000)
        let (output, _, status) = try await run(shell("exec 0<&-; echo done", input: text))
        #expect(output == "done\n")
        #expect(status == .exited(0))
    }

    @Test("waits for a program that has closed its output")
    func closedOutput() async throws {
        #expect(try await run(shell("exec >&- 2>&-; sleep 0.05; exit 7")).2 == .exited(7))
    }

    @Test("does not start what is no program", arguments: [["/nonexistent"], [], ["/dev/null"], ["a\0b"]])
    func notStarted(arguments: [String]) async {
        let error = await #expect(throws: ChildProcessError.self) {
            try await ChildProcess.run(
                ChildProcess.Command(arguments, environment: [:], timeout: .seconds(60)))
        }
        guard case .notStarted = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
    }

    @Test("the program gets no signal mask and no ignored signal from us")
    func signals() async throws {
        let (output, _, _) = try await run(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status"))
        let masks = output.split(separator: "\n").map { $0.split(separator: "\t")[1] }
        #expect(masks.count == 2)
        // The two signals that the C library keeps for itself may be ignored.
        #expect(masks.allSatisfy { (UInt64($0, radix: 16) ?? .max) & 0x7FFF_FFFF == 0 })
    }

    @Test("the program gets no descriptor from us but its own three")
    func descriptors() async throws {
        let stray = open("/dev/null", O_RDONLY)
        defer { close(stray) }
        #expect(try await run(shell("ls /proc/$$/fd")).0 == "0\n1\n2\n")
    }

    @Test("kills the whole group when time is up, whether it writes or has closed its output")
    func timeout() async throws {
        for script in ["sleep 1000 & echo $! >&2; echo $$ >&2; sleep 1000", "exec >&- 2>&-; sleep 1000"] {
            let error = await #expect(throws: ChildProcessError.self) {
                try await ChildProcess.run(shell(script, timeout: .milliseconds(100)))
            }
            #expect(error == .timedOut(.milliseconds(100)))
        }
    }

    @Test("kills what the program started, when the program has ended")
    func group() async throws {
        let (output, _, status) = try await run(shell("sleep 1000 >/dev/null 2>&1 & echo $!"))
        #expect(status == .exited(0))
        let process = try #require(pid_t(output.dropLast()))
        #expect(await isGone(process))
    }

    @Test("kills a program that hangs, with its children, when the task is cancelled")
    func cancel() async throws {
        let temporary = try TemporaryDirectory()
        let fifo = temporary.path + "/started"
        mkfifo(fifo, 0o600)
        let task = Task {
            try await ChildProcess.run(
                shell("trap '' TERM; sleep 1000 & echo $! > \(fifo); wait; sleep 1000"))
        }
        let process = await withCheckedContinuation { continuation in
            _ = try? SystemThread.start { continuation.resume(returning: readNumber(fifo)) }.detach()
        }
        task.cancel()
        await #expect(throws: ChildProcessError.cancelled) { try await task.value }
        #expect(await isGone(try #require(process)))
    }

    @Test("a task cancelled before the start ends at once")
    func cancelledBefore() async {
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await ChildProcess.run(shell("sleep 1000"))
        }
        await #expect(throws: ChildProcessError.cancelled) { try await task.value }
    }

    @Test("kills a program that writes too much", arguments: ["yes", "yes >&2"])
    func outputLimit(script: String) async throws {
        await #expect(throws: ChildProcessError.outputTooLarge(limit: 1000)) {
            try await ChildProcess.run(shell(script, outputLimit: 1000))
        }
        #expect(try await run(shell("printf 12345", outputLimit: 5)).0 == "12345")
    }

    @Test("runs many programs at once and leaves no descriptor open")
    func many() async throws {
        // Each tells the pipes that it is connected to.
        let script = "cat; for end in 0 1 2; do readlink /proc/$$/fd/$end; done"
        var pipes: Set<Substring> = []
        await withTaskGroup(of: String?.self) { group in
            for number in 0..<20 {
                group.addTask { try? await self.run(self.shell(script, input: "\(number)\n")).0 }
            }
            var numbers: Set<Substring> = []
            for await output in group {
                let lines = output?.split(separator: "\n") ?? []
                numbers.formUnion(lines.prefix(1))
                pipes.formUnion(lines.dropFirst())
            }
            #expect(numbers == Set((0..<20).map { "\($0)" }))
        }
        #expect(pipes.count == 60)
        #expect(openFiles().isDisjoint(with: pipes))
    }

    /// What the descriptors of this process lead to, such as `pipe:[4711]`.
    private func openFiles() -> Set<Substring> {
        let links = (0..<4096).map { number in
            var target = [CChar](repeating: 0, count: 256)
            let count = readlink("/proc/self/fd/\(number)", &target, target.count)
            return Substring(
                decoding: target.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        return Set(links.filter { !$0.isEmpty })
    }

    /// Whether a process has ended; its new parent takes a moment to reap it.
    private func isGone(_ process: pid_t) async -> Bool {
        while kill(process, 0) == 0 {
            let status = (try? FileSystem.read("/proc/\(process)/stat", limit: 4096)) ?? []
            if String(decoding: status, as: UTF8.self).contains(") Z ") { return true }
            await Task.yield()
        }
        return true
    }
}

/// Waits for somebody to write a number into a pipe.
private func readNumber(_ path: String) -> pid_t? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 64)
    guard fgets(&line, 64, file) != nil else { return nil }
    return pid_t(String(decoding: line.prefix { $0 > 0x20 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
}
