// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import TestSupport
import Testing

@Suite("Operator: leaks", .timeLimit(.minutes(30)))
struct LeakTests {
    @Test("clusters that come and go leave neither memory nor descriptors behind")
    func rounds() async throws {
        try await Scenario.run("leaks") { scenario in
            let process = try scenario.startOperator("--log-level", "info")
            let half = FaultForm.choose(short: 10, long: 100)
            try await comeAndGo(half, scenario)
            let before = try Usage(of: process.process.pid)
            try await comeAndGo(half, scenario)
            let after = try Usage(of: process.process.pid)

            let growth = after.residentKiB - before.residentKiB
            print("LEAK \(half) rounds: \(before) -> \(after), \(growth / half) KiB a round")
            #expect(after.descriptors == before.descriptors)
            // What one round makes takes 45 KiB in the caches: if that stayed, this would fail in the short form too.
            #expect(growth <= 256 + 8 * half)
        }
    }

    /// A cluster of 16 Machines, made and deleted so many times.
    private func comeAndGo(_ rounds: Int, _ scenario: Scenario) async throws {
        for _ in 0..<rounds {
            try await scenario.create(ClusterDocument("app", controlPlane: 3, workers: [("w", 13)]))
            try await scenario.complete("app")
            try await scenario.deleteCompletely("app")
        }
    }
}

/// What a process holds.
private struct Usage: CustomStringConvertible {
    let residentKiB: Int
    let descriptors: Int

    init(of pid: Int32) throws {
        let status = String(
            decoding: try FileSystem.read("/proc/\(pid)/status", limit: 1 << 16), as: UTF8.self)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        residentKiB = try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        descriptors = try Directory("/proc/\(pid)/fd").entries().count
    }

    var description: String { "\(residentKiB) KiB, \(descriptors) descriptors" }
}
