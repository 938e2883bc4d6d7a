// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Chaos", .serialized)
struct ChaosTests {
    private static let seed = number("CHAOS_SEED").map { UInt64(bitPattern: $0) } ?? 1
    private static let minutes = number("CHAOS_MINUTES") ?? 0
    private static let soakMinutes = number("SOAK_MINUTES") ?? 0

    static func number(_ variable: String) -> Int64? {
        Repository.environment[variable].flatMap { Int64($0) }
    }

    @Test(
        "what the specification demands holds under random work and faults", .timeLimit(.minutes(10)),
        .enabled(if: minutes == 0 && soakMinutes == 0), arguments: [UInt64(1), 2])
    func short(_ seed: UInt64) async throws {
        let (controlPlane, users) = try await ChaosControlPlane.shared.value
        var plan = ChaosPlan(seed: seed, replay: "make chaos SEED=\(seed) MINUTES=1")
        plan.writers = 3
        try await ChaosRun.run(plan, on: controlPlane, users) { _, round in round < 2 }
    }

    @Test(
        "it holds with one seed after the other", .timeLimit(.minutes(60 + Int(minutes))),
        .enabled(if: minutes > 0))
    func long() async throws {
        let (controlPlane, users) = try await ChaosControlPlane.shared.value
        let clock = SystemClock()
        let end = clock.now + .seconds(60 * Self.minutes)
        var seed = Self.seed
        repeat {
            var plan = ChaosPlan(seed: seed, replay: "make chaos SEED=\(seed) MINUTES=1")
            // The shape of a run follows from its seed too.
            var random = SeededGenerator(seed: seed)
            plan.writers = Int.random(in: 1...20, using: &random)
            plan.operators = Int.random(in: 1...2, using: &random)
            plan.faultsPerRound = Int.random(in: 0...6, using: &random)
            let start = clock.now
            try await ChaosRun.run(plan, on: controlPlane, users) { _, round in round < 3 }
            print("CHAOS seed \(seed): \(plan.writers) writers, held, \((clock.now - start).seconds) s")
            fflush(nil)
            seed &+= 1
        } while clock.now < end
    }
}

@Suite("Soak", .serialized)
struct SoakTests {
    private static let minutes = ChaosTests.number("SOAK_MINUTES") ?? 0

    /// One operator that outlives every fault, so that what it holds can be followed from beginning to end.
    @Test(
        "20 writers, random faults: memory and descriptors stay as they are",
        .timeLimit(.minutes(60 + Int(minutes))), .enabled(if: minutes > 0))
    func soak() async throws {
        let (controlPlane, users) = try await ChaosControlPlane.shared.value
        let seed = ChaosTests.number("CHAOS_SEED").map { UInt64(bitPattern: $0) } ?? 1
        var plan = ChaosPlan(seed: seed, replay: "make soak SEED=\(seed) MINUTES=\(Self.minutes)")
        (plan.writers, plan.operators, plan.logLevel) = (20, 1, "info")
        plan.faults = [.killServer, .pauseServer, .network, .network, .resetConnections]
        let clock = SystemClock()
        let start = clock.now
        let samples = Locked<[ProcessSample]>([])
        try await ChaosRun.run(plan, on: controlPlane, users) { run, _ in
            guard let pid = run.fleet.members.first?.process.process.pid else { return false }
            let minute = (clock.now - start).seconds / 60
            let sample = try ProcessSample(pid, minute: minute)
            samples.withLock { $0.append(sample) }
            print("SOAK \(sample.json.text)")
            fflush(nil)
            return minute < Double(Self.minutes)
        }
        let all = samples.withLock { $0 }
        let report: JSONValue = [
            "seed": .integer(Int64(bitPattern: seed)), "quietPoints": .integer(Int64(all.count)),
            "operator": .string(Repository.operatorBinary),
            "rssKiBPerMinute": .double(ProcessSample.slope(all)),
            "rssKiBPerMinuteInSecondHalf": .double(ProcessSample.slope(Array(all.suffix(all.count / 2)))),
            "descriptors": .array(Set(all.map(\.descriptors)).sorted().map { .integer(Int64($0)) }),
        ]
        print("SOAK \(report.text)")
    }
}

/// What a process holds at one moment.
struct ProcessSample: Sendable, Hashable {
    var minute: Double
    var residentKiB: Int
    var descriptors: Int

    init(minute: Double, residentKiB: Int, descriptors: Int) {
        (self.minute, self.residentKiB, self.descriptors) = (minute, residentKiB, descriptors)
    }

    init(_ pid: pid_t, minute: Double) throws {
        let status = String(
            decoding: try FileSystem.read("/proc/\(pid)/status", limit: 1 << 16), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        let kibibytes = line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap {
            Int($0)
        }
        self.init(
            minute: minute, residentKiB: kibibytes ?? 0,
            descriptors: try FileSystem.list("/proc/\(pid)/fd").count)
    }

    var json: JSONValue {
        [
            "minute": .double((minute * 100).rounded() / 100), "rssKiB": .integer(Int64(residentKiB)),
            "descriptors": .integer(Int64(descriptors)),
        ]
    }

    /// By how much the memory grows a minute, on the line that fits the samples best.
    static func slope(_ samples: [ProcessSample]) -> Double {
        guard samples.count > 1 else { return 0 }
        let count = Double(samples.count)
        let minute = samples.reduce(0) { $0 + $1.minute } / count
        let resident = samples.reduce(0) { $0 + Double($1.residentKiB) } / count
        let spread = samples.reduce(0) { $0 + ($1.minute - minute) * ($1.minute - minute) }
        let product = samples.reduce(0) { $0 + ($1.minute - minute) * (Double($1.residentKiB) - resident) }
        return spread > 0 ? (product / spread * 100).rounded() / 100 : 0
    }
}

/// A control plane for random runs alone, which restart and suspend its API server.
enum ChaosControlPlane {
    static let shared = Task { () async throws -> (ControlPlane, UserPool) in
        // The log is read as it grows: it must not be rotated.
        let controlPlane = try await ControlPlane.start("chaos", flags: ["--audit-log-maxsize=100000"])
        let users = try await UserPool(controlPlane)
        try await controlPlane.installOperatorResources()
        // It learns of new kinds when it starts.
        try await controlPlane.restartControllerManager()
        return (controlPlane, users)
    }
}
