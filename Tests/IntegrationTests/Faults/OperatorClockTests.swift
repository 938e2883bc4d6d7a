// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Faults: the wall clock", .timeLimit(.minutes(15)))
struct OperatorClockTests {
    @Test("a wall clock that jumps by hours changes what is reported, and neither the lease nor any wait")
    func jumps() async throws {
        try await Scenario.run("clock") { scenario in
            let wallClock = try await WallClock()
            let (one, two) = try await scenario.startPair(.current, environment: wallClock.environment)
            var documents: [ClusterDocument] = []
            var delays: [Duration] = []
            for (name, hours) in [("now", 0), ("ahead", 6), ("behind", -6), ("right", 0)] as [(String, Int64)]
            {
                let document = ClusterDocument(name, workers: [("w", 2)])
                documents.append(document)
                delays.append(
                    try await jump(wallClock, hours, while: document, one.process, scenario))
                let cluster = try await scenario.cluster(name)
                try expect(cluster.status["lastUpdated"], hoursFromNow: hours)
                try expect(cluster.condition("FilesGenerated")["lastTransitionTime"], hoursFromNow: hours)
                try await expectRenewals(scenario, hoursFromNow: hours)
            }
            #expect(!two.process.process.lines.contains { $0.contains("\"message\":\"Leading\"") })
            #expect(try await two.writes().isEmpty)
            #expect(try await scenario.machines().map(\.name) == documents.flatMap(\.machineNames).sorted())
            #expect(await one.process.stop() == .exited(0))
            FaultReport.record(
                row: "clock-jumps", fault: "The wall clock jumps by six hours, forwards and backwards",
                promise:
                    "Lease, back-off and intervals go on as before; times in the status are the wall clock's",
                measured: [
                    "waiting cluster done after a jump ahead": .duration(delays[1]),
                    "after a jump back": .duration(delays[2]),
                ])
        }
    }

    /// Lets the clock jump while a cluster waits to be tried again, since its manifests cannot be written; returns how
    /// long the cluster takes from when they can.
    private func jump(
        _ wallClock: WallClock, _ hours: Int64, while document: ClusterDocument, _ process: OperatorProcess,
        _ scenario: Scenario
    ) async throws -> Duration {
        let obstacle = "\(process.resultsPath)/\(document.name)"
        try FileSystem.replace(obstacle, with: [])
        try await scenario.create(document)
        _ = await process.process.line {
            $0.contains("\"message\":\"Reconcile failed\"") && $0.contains("\"name\":\"\(document.name)\"")
        }
        try wallClock.set(hours: hours)
        // Only now: the status that comes with success has the time to look at.
        try FileSystem.remove(obstacle)
        return try await measured {
            let cluster = try await scenario.complete(document.name)
            #expect(cluster.status["machineCount"] == 3)
        }
    }

    /// Expects the holder to renew its lease twice more.
    private func expectRenewals(_ scenario: Scenario, hoursFromNow hours: Int64) async throws {
        let name = try #require(try await scenario.leaseHolders().keys.first)
        var last = try await scenario.client.get(StoredLease.self, scenario.key(name))
        for _ in 0..<2 {
            let (time, holder) = (last.spec("renewTime"), last.holder)
            last = try await scenario.client.waitFor(StoredLease.self, last.key) {
                $0.spec("renewTime") != time
            }
            #expect(last.holder == holder)
        }
        try expect(last.spec("renewTime"), hoursFromNow: hours)
    }

    private func expect(
        _ time: JSONValue?, hoursFromNow hours: Int64, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let time = try #require(
            time?.string.flatMap { Timestamp(rfc3339: $0) }, sourceLocation: sourceLocation)
        let expected = SystemClock().timestamp.nanosecondsSince1970 + hours * 3_600_000_000_000
        let error = Duration.nanoseconds(time.nanosecondsSince1970 - expected)
        #expect(abs(error.seconds) < 3600, sourceLocation: sourceLocation)
    }

    @Test("a wall clock by which the server's certificate has expired is said to be that, and waited out")
    func wrongClockAtStart() async throws {
        try await Scenario.run("wrong-clock") { scenario in
            let wallClock = try await WallClock()
            try wallClock.set(hours: 24 * 365)
            try await scenario.create(ClusterDocument("app"))
            let process = try scenario.startOperator(flags: [], environment: wallClock.environment)
            let line = try #require(await process.logLine("List or watch failed"))
            #expect(line.contains("certificate has expired"), "\(line)")
            #expect(try await process.probe("/readyz").status == 500)
            #expect(try await process.probe("/healthz").status == 200)
            try wallClock.set(hours: 0)
            let recovery = try await measured {
                await process.logLine("Caches are filled")
                try await scenario.complete("app")
            }
            #expect(try await process.probe("/readyz").status == 200)
            FaultReport.record(
                row: "wrong-clock", fault: "By the wall clock the API server's certificate has expired",
                promise: "Not ready, and says why; works as soon as the clock is right, without a restart",
                measured: ["working after": .duration(recovery)])
        }
    }
}
