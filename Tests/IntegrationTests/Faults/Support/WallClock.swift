// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport

/// A wall clock that a program gets in place of the machine's; see `hack/faults/wall-clock.c`.
final class WallClock: Sendable {
    private let directory: TemporaryDirectory

    init() async throws {
        directory = try TemporaryDirectory()
        try FileSystem.replace("\(directory.path)/offset", with: [UInt8](repeating: 0, count: 8))
        let compiler = try Subprocess(
            [
                "/usr/bin/gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o",
                "\(directory.path)/wall-clock.so",
                "\(Repository.root)/hack/faults/wall-clock.c",
            ], environment: Repository.environment)
        guard await compiler.ending() == .exited(0) else {
            throw Disorder(description: compiler.lines.joined(separator: "\n"))
        }
    }

    /// What makes a program see this clock.
    var environment: [String: String] {
        ["LD_PRELOAD": "\(directory.path)/wall-clock.so", "WALL_CLOCK_OFFSET": "\(directory.path)/offset"]
    }

    /// Sets it that many hours before or after the machine's clock, while the program runs.
    func set(hours: Int64) throws { try set(seconds: hours * 3600) }

    /// Sets it that many seconds before or after the machine's clock, while the program runs.
    func set(seconds: Int64) throws {
        // In place: the program has the file mapped.
        let descriptor = open("\(directory.path)/offset", O_WRONLY)
        guard descriptor >= 0 else { throw SystemError.last }
        defer { close(descriptor) }
        var seconds = seconds
        guard pwrite(descriptor, &seconds, 8, 0) == 8 else { throw SystemError.last }
    }
}
