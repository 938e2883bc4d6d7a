// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// How much of it is tested.
enum EndToEndForm {
    static let isLong = Repository.environment["END_TO_END"] == "long"
}

/// The same at every request there is: `make end-to-end`.
@Suite(
    "End to end, at length", .serialized, .enabled(if: EndToEndForm.isLong), .timeLimit(.minutes(120))
)
struct EndToEndSweepTests {
    /// What an operator asks nodes to do.
    private static let changing = [
        "ApplyConfiguration", "Bootstrap", "Reboot", "Upgrade", "Pull", "Reset", "EtcdLeaveCluster",
        "EtcdRemoveMemberByID", "EtcdForfeitLeadership",
    ].map { "/\($0)" }

    /// From nothing to Running, another Talos, one control plane and one worker less, and the end.
    private func life(_ name: String, _ bench: EndToEndBench) async throws {
        var document = bench.document(
            name, controlPlane: 3, workers: 1, ["deletion": ["reset": "Graceful"]])
        try await bench.create(document)
        document.more = document.more.mergePatched(with: ["talosVersion": "v1.13.0"])
        try await bench.apply(document)
        try await bench.running(name) { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }
        (document.controlPlane, document.workers) = (1, [("w", 0)])
        try await bench.apply(document)
        try await bench.running(name) { $0.nodes.count == 1 }
        try await bench.scenario.deleteCompletely(name)
    }

    /// Whether a request is one that changes a node.
    private static func isChange(_ entry: JSONValue) -> Bool {
        guard entry["kind"] == "request", let method = entry["method"]?.string else { return false }
        return changing.contains { method.hasSuffix($0) } && entry["fields"]?["dry_run"]?.bool != true
    }

    private static func subject(_ entry: JSONValue) -> String {
        "\(entry["node"]?.string ?? "") \(entry["method"]?.string ?? "")"
    }

    @Test("An operator that is killed at every request that changes a node, twice, carries on")
    func killed() async throws {
        let killed = Locked<Int>(0)
        try await EndToEndBench.run("e2e-sweep-kill") { bench in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var process = try await bench.startOperator()
                    var last: Int64 = 0
                    // A request that is cut off is made again: with no end to it nobody would get anywhere.
                    var hits: [String: Int] = [:]
                    while !Task.isCancelled {
                        let request = try await bench.simulator.entry { entry in
                            Self.isChange(entry) && entry["number"]?.integer ?? 0 > last
                                && hits[Self.subject(entry), default: 0] < 2
                        }
                        await process.kill()
                        killed.withLock { $0 += 1 }
                        hits[Self.subject(request), default: 0] += 1
                        last = try await bench.simulator.journal().last?["number"]?.integer ?? 0
                        process = try await bench.startOperator()
                        await process.logLine("Caches are filled")
                    }
                }
                try await life("oscar", bench)
                group.cancelAll()
            }
        }
        #expect(killed.withLock { $0 } > 10)
    }

    @Test(
        "An answer that is lost, before its effect or after it, is made up for",
        arguments: [SimulatorFault.Moment.before, .after], [UInt64(1), 2, 3])
    func lost(_ moment: SimulatorFault.Moment, _ seed: UInt64) async throws {
        try await EndToEndBench.run("e2e-sweep-lost", seed: seed) { bench in
            for method in Self.changing {
                try await bench.simulator.add(
                    SimulatorFault("\(method)$", probability: 0.4, action: .cut(moment)))
            }
            try await bench.startOperator()
            try await life("papa-\(moment)-\(seed)", bench)
        }
    }

    @Test("Twenty clusters of five nodes come up bounded by what their machines take")
    func twenty() async throws {
        try await EndToEndBench.run("e2e-twenty", delay: .seconds(1)) { bench in
            let process = try await bench.startOperator()
            let clock = SystemClock()
            let names = (0..<20).map { "quebec-\($0)" }
            for name in names { try await bench.apply(bench.document(name, controlPlane: 3, workers: 2)) }
            try await bench.scenario.waitForMachines { machines in
                machines.count == 100 && machines.allSatisfy { $0.status["phase"] == "Running" }
            }
            let ready = clock.now
            for name in names { try await bench.running(name) }
            print(
                "END TO END: 20 x 5 nodes run \((clock.now - ready).seconds) s after their Machines are ready"
            )
            let before = try ProcessUsage(process)
            let start = clock.now
            try await bench.looks(200, of: process)
            let after = try ProcessUsage(process)
            print(
                "END TO END: at rest \((after.cpu - before.cpu).seconds) s of CPU in \((clock.now - start).seconds) s,",
                "peak \(after.peakResidentBytes >> 20) MiB")
        }
    }
}
