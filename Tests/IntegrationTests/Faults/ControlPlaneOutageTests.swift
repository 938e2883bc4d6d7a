// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

extension ControlPlaneFaults {
    @Suite("Outages")
    struct Outages {
        @Test("an API server killed again and again under writes costs nothing but time")
        func serverKilled() async throws {
            let kills = FaultForm.choose(short: 3, long: 20)
            try await ControlPlaneFaults.run("killed") { scenario in
                let process = try scenario.startOperator("--max-concurrent-reconciles=4")
                await process.logLine("Caches are filled")
                let isOver = Locked(false)
                let documents = try await withThrowingTaskGroup(of: ClusterDocument.self) { group in
                    for number in 0..<4 {
                        group.addTask { try await grow("c\(number)", in: scenario, until: isOver) }
                    }
                    for _ in 0..<kills { try await scenario.controlPlane.restartAPIServer(kill: true) }
                    isOver.withLock { $0 = true }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let recovery = try await scenario.settle(documents, since: clock.now)

                try await scenario.expectTruth(documents, by: process)
                try await scenario.expectNothingTwice()
                let relists = try await process.relists()
                #expect(relists.mostOfAKind <= kills, "\(relists)")
                #expect(try await process.probe("/readyz").status == 200)
                try await scenario.expectAlive(documents[0])
                #expect(await process.stop() == .exited(0))
                FaultReport.record(
                    row: "api-server-killed",
                    fault: "The API server is killed again and again (20 times) while four clusters grow.",
                    promise:
                        "Every Machine exists once, none was created twice or deleted; after each restart each "
                        + "kind is listed anew once at most.",
                    measured: [
                        "kills": .count(kills), "recovery": .duration(recovery),
                        "most relists of a kind": .count(relists.mostOfAKind),
                        "Machines": .count(documents.map(\.machineNames.count).reduce(0, +)),
                    ])
            }
        }

        /// Adds workers to a cluster, whatever comes, and returns the cluster as it was demanded last.
        private func grow(
            _ name: String, in scenario: Scenario, until isOver: Locked<Bool>
        ) async throws -> ClusterDocument {
            var document = ClusterDocument(name, controlPlane: 3)
            repeat {
                if (document.workers.first?.replicas ?? 0) < 60 {
                    document.workers = [("w", (document.workers.first?.replicas ?? 0) + 1)]
                }
                try await ControlPlaneFaults.insist {
                    _ = try await scenario.client.apply(
                        StoredCluster.self, scenario.key(name), document.json)
                }
                try await ControlPlaneFaults.clock.sleep(for: .milliseconds(100))
            } while !isOver.withLock { $0 }
            return document
        }

        @Test("an API server that stops in the middle and goes on loses nothing and is not given up")
        func serverFrozen() async throws {
            let duration = FaultForm.choose(short: Duration.seconds(5), long: .seconds(60))
            try await ControlPlaneFaults.run("frozen") { scenario in
                let outcome = try await suspend("apiserver", for: duration, in: scenario)
                #expect(outcome.relists.isEmpty)
                FaultReport.record(
                    row: "api-server-frozen",
                    fault: "The API server is suspended for 60 s (SIGSTOP) while Machines are created.",
                    promise:
                        "The operator stays up and says that it is not ready after 30 s; the writes whose answers "
                        + "are late are not made twice, and nothing is listed anew.",
                    measured: outcome.measured)
            }
        }

        @Test("an etcd that stops in the middle and goes on costs nothing but time")
        func etcdFrozen() async throws {
            let duration = FaultForm.choose(short: Duration.seconds(10), long: .seconds(120))
            try await ControlPlaneFaults.run("etcd-frozen") { scenario in
                let outcome = try await suspend("etcd", for: duration, in: scenario)
                #expect(outcome.relists.mostOfAKind <= 1)
                FaultReport.record(
                    row: "etcd-frozen",
                    fault: "etcd is suspended for 2 minutes (SIGSTOP) while Machines are created.",
                    promise:
                        "The operator stays up, says that it is not ready after 30 s, and goes on; nothing is "
                        + "done twice.",
                    measured: outcome.measured)
            }
        }

        @Test("an etcd that is killed in the middle and comes back later costs nothing but time")
        func etcdKilled() async throws {
            let duration = FaultForm.choose(short: Duration.seconds(10), long: .seconds(120))
            try await ControlPlaneFaults.run("etcd-killed") { scenario in
                let controlPlane = scenario.controlPlane
                let outcome = try await observe(
                    scenario, duration, begin: { try await controlPlane.stopEtcd() },
                    end: { try await controlPlane.startEtcd() })
                #expect(outcome.relists.mostOfAKind <= 1)
                FaultReport.record(
                    row: "etcd-killed",
                    fault: "etcd is killed while Machines are created and comes back after 2 minutes.",
                    promise:
                        "The operator stays up, says that it is not ready after 30 s, and goes on; nothing is "
                        + "done twice.",
                    measured: outcome.measured)
            }
        }

        private struct Outcome {
            var relists: [String: Int]
            var measured: KeyValuePairs<String, FaultReport.Measurement>
        }

        /// Suspends a component in the middle of a cluster's creation.
        private func suspend(
            _ component: String, for duration: Duration, in scenario: Scenario
        ) async throws -> Outcome {
            let controlPlane = scenario.controlPlane
            return try await observe(
                scenario, duration, begin: { try await controlPlane.signal(component, SIGSTOP) },
                end: { try await controlPlane.signal(component, SIGCONT) })
        }

        /// Watches an operator through a fault in the middle of a cluster's creation and expects what always holds.
        private func observe(
            _ scenario: Scenario, _ duration: Duration, begin: () async throws -> Void,
            end: () async throws -> Void
        ) async throws -> Outcome {
            let process = try scenario.startOperator()
            await process.logLine("Caches are filled")
            let documents = [ClusterDocument("big", controlPlane: 7, workers: [("w", 150)])]
            for document in documents { try await scenario.create(document) }
            try await scenario.waitForMachines { !$0.isEmpty }
            let before = try await process.requestCount()
            try await begin()
            let probes = try await process.probes(for: duration)
            let sent = try await process.requestCount() - before
            try await end()
            let recovery = try await scenario.settle(documents, since: ControlPlaneFaults.clock.now)

            #expect(probes.liveness == [200])
            // It may be down by the end of a long fault, and is not after a short one.
            if duration > .seconds(45) { #expect(probes.readiness.last == 500) }
            #expect(try await process.probe("/readyz").status == 200)
            try await scenario.expectTruth(documents, by: process)
            try await scenario.expectNothingTwice()
            let relists = try await process.relists()
            try await scenario.expectAlive(documents[0])
            #expect(await process.stop() == .exited(0))
            return Outcome(
                relists: relists,
                measured: [
                    "fault": .duration(duration), "recovery": .duration(recovery),
                    "relists": .count(relists.values.reduce(0, +)), "requests meanwhile": .count(sent),
                ])
        }
    }
}
