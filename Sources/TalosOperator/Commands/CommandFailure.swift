// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import Talos

/// Why a command ends without a result: a line for each problem.
struct CommandFailure: Error, CustomStringConvertible {
    let lines: [String]

    init(_ lines: [String]) { self.lines = lines }

    init(_ line: String) { lines = [line] }

    init(_ problems: ConfigProblems) { lines = problems.problems.map(\.description) }

    init(_ error: FileError) { lines = [error.description] }

    var description: String { lines.joined(separator: "\n") }
}

extension Output {
    /// Runs a command's work; says why it failed, and returns the exit status.
    func reporting(
        failure status: Int32 = 1, _ work: () async throws(CommandFailure) -> Int32
    ) async -> Int32 {
        do throws(CommandFailure) {
            return try await work()
        } catch {
            for line in error.lines { printError("\(line)\n") }
            return status
        }
    }
}

/// Does something that may find problems in input, and makes a command's failure of them.
func failing<Value>(
    _ body: () throws(ConfigProblems) -> Value
) throws(CommandFailure) -> Value {
    do throws(ConfigProblems) {
        return try body()
    } catch {
        throw CommandFailure(error)
    }
}

/// The same for files.
func failingWithFiles<Value>(
    _ body: () throws(FileError) -> Value
) throws(CommandFailure) -> Value {
    do throws(FileError) {
        return try body()
    } catch {
        throw CommandFailure(error)
    }
}

/// The same for keys and certificates.
func failingWithKeys<Value>(
    _ body: () async throws(PKIError) -> Value
) async throws(CommandFailure) -> Value {
    do throws(PKIError) {
        return try await body()
    } catch {
        throw CommandFailure("\(error)")
    }
}
