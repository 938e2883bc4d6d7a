// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite(
    "Faults: hostile clients and few descriptors", .serialized,
    .timeLimit(.minutes(FaultForm.choose(short: 15, long: 30))))
struct OperatorEndpointFaultTests {
    /// What `hack/hostile-clients.py` does, to each port.
    enum Attack: String, Sendable, CaseIterable {
        case slow, huge, silent, greedy

        var words: String {
            switch self {
            case .slow: "heads sent byte by byte"
            case .huge: "heads of 10 MiB"
            case .silent: "connections without a word"
            case .greedy: "scrapes that nobody reads"
            }
        }
    }

    private static let connections = FaultForm.choose(short: 300, long: 600)
    private static let probes = FaultForm.choose(short: 20, long: 100)

    @Test(
        "probes, scrapes and reconciles go on while hundreds of clients attack both ports",
        arguments: Attack.allCases)
    func hostileClients(_ attack: Attack) async throws {
        try await Scenario.run("hostile") { scenario in
            let process = try scenario.startOperator()
            await process.logLine("Caches are filled")
            let before = try ProcessUsage(process)
            let attackers = try await Self.attack(
                attack, Self.connections, [process.probePort, process.metricsPort])
            let document = ClusterDocument("app", controlPlane: 3, workers: [("w", 5)])
            try await scenario.create(document)
            let start = SystemClock().now
            var delays: [Duration] = []
            for number in 0..<Self.probes {
                let path = number.isMultiple(of: 2) ? "/healthz" : "/readyz"
                delays.append(try await Self.probe(process, path))
            }
            #expect(try await process.metric("process_open_fds") != nil)
            try await scenario.complete("app")
            #expect(try await scenario.machines().map(\.name) == document.machineNames)
            let (during, elapsed) = (try ProcessUsage(process), SystemClock().now - start)
            attackers.signal(SIGKILL)
            _ = await attackers.ending()
            // Connections that are gone are noticed, and none is kept for ever.
            try await eventually { try ProcessUsage(process).descriptors <= before.descriptors + 8 }
            #expect(await process.stop() == .exited(0))
            delays.sort()
            FaultReport.record(
                row: "hostile-clients",
                fault: "Hundreds of hostile clients on the ports of probes and metrics",
                promise: "Probes, scrapes and reconciles go on; time, memory and descriptors stay bounded",
                measured: [
                    "attack": .text(attack.words), "connections to each port": .count(Self.connections),
                    "probe, median": .duration(delays[delays.count / 2]),
                    "probe, slowest": .duration(delays[delays.count - 1]),
                    "CPU": .text("\(percent(during.cpu - before.cpu, of: elapsed)) %"),
                    "peak RSS": .bytes(during.peakResidentBytes), "descriptors": .count(during.descriptors),
                ])
        }
    }

    @Test("with hardly any descriptors, all of them wanted by others, probes and reconciles go on")
    func fewDescriptors() async throws {
        try await Scenario.run("few-fds") { scenario in
            let process = try scenario.startOperator(
                flags: [], wrapper: Self.withFewDescriptors)
            await process.logLine("Caches are filled")
            let before = try ProcessUsage(process)
            let attackers = try await Self.attack(.silent, 200, [process.metricsPort])
            let more = try await Self.attack(.slow, 200, [process.metricsPort, process.probePort])
            let document = ClusterDocument("app", controlPlane: 3, workers: [("w", 5)])
            try await scenario.create(document)
            let start = SystemClock().now
            var delays: [Duration] = []
            // One of many connections may be dropped for a newer one; whoever probes tries again.
            var dropped = 0
            while delays.count < Self.probes {
                do {
                    delays.append(try await Self.probe(process, "/healthz"))
                } catch let error as TransportError {
                    dropped += 1
                    guard dropped <= Self.probes else { throw error }
                }
            }
            try await scenario.complete("app")
            try expectManifests(process, in: "app", equal: try await scenario.machines())
            let (during, elapsed) = (try ProcessUsage(process), SystemClock().now - start)
            for attacker in [attackers, more] {
                attacker.signal(SIGKILL)
                _ = await attacker.ending()
            }
            try await eventually { try ProcessUsage(process).descriptors <= before.descriptors + 8 }
            #expect(try await process.probe("/readyz") == (200, "ok"))
            #expect(await process.stop() == .exited(0))
            delays.sort()
            FaultReport.record(
                row: "few-descriptors",
                fault: "The limit on file descriptors is low, and hundreds of clients want them",
                promise: "Probes and reconciles go on; no crash, no busy loop",
                measured: [
                    "limit": .count(Self.descriptorLimit), "in use": .count(during.descriptors),
                    "probe, median": .duration(delays[delays.count / 2]),
                    "probe, slowest": .duration(delays[delays.count - 1]),
                    "CPU": .text("\(percent(during.cpu - before.cpu, of: elapsed)) %"),
                ])
        }
    }

    private static let descriptorLimit = 64

    /// Sets the limit, once nothing is open any more that the program inherits from the tests.
    private static let withFewDescriptors = [
        "/bin/bash", "-c",
        """
        for path in /proc/self/fd/*; do
            number=${path##*/}
            if ((number > 2)); then eval "exec $number>&-"; fi
        done
        ulimit -n \(descriptorLimit) && exec "$@"
        """, "bash",
    ]

    /// Starts attackers and waits until all of them have connected once.
    private static func attack(_ attack: Attack, _ count: Int, _ ports: [UInt16]) async throws -> Subprocess {
        let process = try Subprocess(
            ["\(Repository.root)/hack/hostile-clients.py", attack.rawValue, String(count)]
                + ports.map { String($0) },
            environment: Repository.environment)
        try #require(await process.line { $0 == "attacking" } != nil, "\(process.lines)")
        return process
    }

    /// Expects a probe to succeed and returns how long it takes.
    private static func probe(_ process: OperatorProcess, _ path: String) async throws -> Duration {
        let clock = SystemClock()
        let start = clock.now
        #expect(try await process.probe(path) == (200, "ok"))
        return clock.now - start
    }

    private func percent(_ share: Duration, of whole: Duration) -> Int {
        Int((share / whole * 100).rounded())
    }
}
