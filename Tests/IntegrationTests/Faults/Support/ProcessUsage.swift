// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport

/// What a process uses, from `/proc`.
struct ProcessUsage {
    /// User and system time since its start.
    let cpu: Duration
    /// The most memory that it ever had resident.
    let peakResidentBytes: Int
    /// How many descriptors it has open.
    let descriptors: Int

    init(_ process: OperatorProcess) throws {
        let directory = "/proc/\(process.process.pid)"
        let stat = try Self.text("\(directory)/stat")
        // The fields from the third on; the second, the name, ends with the last parenthesis.
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ").dropFirst()
        let ticks = fields.dropFirst(11).prefix(2).compactMap { Int($0) }.reduce(0, +)
        cpu = .seconds(Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK))))
        let peak = try Self.text("\(directory)/status").split(separator: "\n").first {
            $0.hasPrefix("VmHWM:")
        }
        peakResidentBytes = (peak?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
        descriptors = try FileSystem.list("\(directory)/fd").count
    }

    private static func text(_ path: String) throws -> String {
        String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
    }
}

/// Looks again and again until `isTrue`; the test's time limit is the limit.
func eventually(_ isTrue: () async throws -> Bool) async throws {
    while try await !isTrue() { try await SystemClock().sleep(for: .milliseconds(50)) }
}

/// How long `body` takes.
func measured(_ body: () async throws -> Void) async rethrows -> Duration {
    let clock = SystemClock()
    let start = clock.now
    try await body()
    return clock.now - start
}
