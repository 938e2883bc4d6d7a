// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Faults: leadership", .timeLimit(.minutes(FaultForm.choose(short: 15, long: 30))))
struct OperatorLeadershipTests {
    /// How many writes one worker has in flight at most.
    private static let parallelWrites = 4

    /// What the leader does when it is suspended.
    enum Activity: String, Sendable, CaseIterable { case idle, creating }

    @Test(
        "a leader that is suspended until another leads begins no write any more, and ends",
        arguments: Activity.allCases)
    func suspendedLeader(_ activity: Activity) async throws {
        try await Scenario.run("suspended") { scenario in
            let (one, two) = try await scenario.startPair(.current)
            var documents = [ClusterDocument("before", workers: [("w", 2)])]
            try await scenario.create(documents[0])
            try await scenario.complete("before")
            if activity == .creating {
                let big = ClusterDocument("big", controlPlane: 7, workers: [("w", 60)])
                documents.append(big)
                try await scenario.create(big)
                try await scenario.waitForMachines { $0.count > 6 }
            }
            let clock = SystemClock()
            one.process.process.signal(SIGSTOP)
            let start = clock.now
            try await two.waitUntilLeading()
            let takeover = clock.now - start
            // The suspended one learns of these when it goes on, and wants to act on them.
            for name in ["during-0", "during-1"] {
                documents.append(ClusterDocument(name, workers: [("w", 2)]))
            }
            for document in documents.suffix(2) { try await scenario.create(document) }
            for document in documents { try await scenario.complete(document.name) }
            if FaultForm.current == .long { try await clock.sleep(until: start + .seconds(30)) }
            let suspended = clock.now - start
            one.process.process.signal(SIGCONT)
            let ending = await measured {
                #expect(await one.process.process.ending() == .exited(1))
            }
            #expect(one.process.process.lines.contains { $0.contains("leader election lost") })
            documents.append(ClusterDocument("after"))
            try await scenario.create(ClusterDocument("after"))
            try await scenario.complete("after")
            let late = try await scenario.expectSuccession(
                one, two, machines: documents.flatMap(\.machineNames),
                onTheirWay: activity == .idle ? 0 : Self.parallelWrites)
            FaultReport.record(
                row: "leader-suspended",
                fault: "The leader is suspended (SIGSTOP) for longer than its lease, then goes on",
                promise: """
                    Its fence refuses every write, and its process ends; what was on its way when it was suspended does no harm
                    """,
                measured: [
                    "while": .text(activity.rawValue), "suspended": .duration(suspended),
                    "next leader after": .duration(takeover), "ended after": .duration(ending),
                    "writes that had been on their way": .count(late),
                ])
        }
    }

    @Test("a leader that is killed is followed when its lease has run out")
    func killedLeader() async throws {
        for _ in 0..<FaultForm.choose(short: 1, long: 3) {
            try await Scenario.run("killed-leader") { scenario in
                let (one, two) = try await scenario.startPair(.current)
                try await scenario.create(ClusterDocument("before", workers: [("w", 2)]))
                try await scenario.complete("before")
                await one.process.kill()
                let leading = try await measured { try await two.waitUntilLeading() }
                try await scenario.create(ClusterDocument("after"))
                try await scenario.complete("after")
                try await scenario.expectSuccession(
                    one, two, machines: ["before-cp-0", "before-w-0", "before-w-1", "after-cp-0"])
                FaultReport.record(
                    row: "leader-killed", fault: "The leader is killed (kill -9)",
                    promise: "The next leads within the lease duration and two retry periods",
                    measured: [
                        "next leader after": .duration(leading),
                        "limit": .duration(LeaseTiming.current.limit),
                    ])
            }
        }
    }

    @Test("a leader that is told to stop hands over at once")
    func stoppedLeader() async throws {
        try await Scenario.run("stopped-leader") { scenario in
            let timing = LeaseTiming(
                lease: .seconds(3600), renew: .seconds(3000), retry: LeaseTiming.current.retry)
            let (one, two) = try await scenario.startPair(timing)
            try await scenario.create(ClusterDocument("before", workers: [("w", 2)]))
            try await scenario.complete("before")
            one.process.process.signal(SIGTERM)
            let leading = try await measured { try await two.waitUntilLeading() }
            #expect(await one.process.process.ending() == .exited(0))
            try await scenario.create(ClusterDocument("after"))
            try await scenario.complete("after")
            try await scenario.expectSuccession(
                one, two, machines: ["before-cp-0", "before-w-0", "before-w-1", "after-cp-0"])
            FaultReport.record(
                row: "leader-stopped", fault: "The leader is told to stop (SIGTERM)",
                promise:
                    "It finishes, gives its lease back last, and the next leads in less than three seconds",
                measured: ["next leader after": .duration(leading)])
        }
    }

    /// What somebody does to the lease by hand.
    enum Meddling: String, Sendable, CaseIterable {
        case deleted = "deleted"
        case emptied = "spec removed"
        case given = "given to somebody who does not exist"
    }

    @Test("a lease that somebody meddles with never lets two lead", arguments: Meddling.allCases)
    func editedLease(_ meddling: Meddling) async throws {
        try await Scenario.run("edited-lease") { scenario in
            let (one, two) = try await scenario.startPair(.current)
            try await scenario.create(ClusterDocument("before", workers: [("w", 2)]))
            try await scenario.complete("before")
            let name = try #require(try await scenario.leaseHolders().keys.first)
            try await meddle(meddling, scenario.key(name), scenario.client)
            let settled = try await measured {
                // Somebody real has it again.
                let lease = try await scenario.client.waitFor(StoredLease.self, scenario.key(name)) {
                    !["", "nobody"].contains($0.holder)
                }
                let lines = one.process.process.lines + two.process.process.lines
                #expect(lines.contains { $0.contains("\"identity\":\"\(lease.holder)\"") })
            }
            try await scenario.create(ClusterDocument("after"))
            try await scenario.complete("after")
            let changedHands = try await !two.writes().isEmpty
            if changedHands {
                #expect(await one.process.process.ending() == .exited(1))
                try await scenario.expectSuccession(
                    one, two, machines: ["before-cp-0", "before-w-0", "before-w-1", "after-cp-0"])
            } else {
                #expect(meddling != .given)
                #expect(try await scenario.machines().count == 4)
            }
            FaultReport.record(
                row: "lease-edited", fault: "Somebody deletes or edits the lease",
                promise: "Never two write; one leads again by itself",
                measured: [
                    "lease": .text(meddling.rawValue), "held again after": .duration(settled),
                    "changed hands": .text(changedHands ? "yes" : "no"),
                ])
        }
    }

    private func meddle(_ meddling: Meddling, _ key: ObjectKey, _ client: KubernetesClient) async throws {
        switch meddling {
        case .deleted: _ = try await client.delete(StoredLease.self, key)
        case .emptied: _ = try await client.mergePatch(StoredLease.self, key, ["spec": .null])
        case .given:
            _ = try await client.mergePatch(StoredLease.self, key, ["spec": ["holderIdentity": "nobody"]])
        }
    }

    @Test(
        "a leader that gets next to no CPU time keeps its lease or gives it up, and never writes without it")
    func starvedLeader() async throws {
        try await Scenario.run("starved") { scenario in
            let (one, two) = try await scenario.startPair(.current)
            try await scenario.create(ClusterDocument("before"))
            try await scenario.complete("before")
            // One part in fifty, in slices.
            let starving = try Subprocess([
                "/bin/bash", "-c",
                "while kill -STOP $0; do sleep 0.98; kill -CONT $0; sleep 0.02; done 2>/dev/null",
                String(one.process.process.pid),
            ])
            let documents = (0..<10).map { ClusterDocument("c\($0)", controlPlane: 3, workers: [("w", 5)]) }
            let converged = try await measured {
                for document in documents { try await scenario.create(document) }
                for document in documents { try await scenario.complete(document.name) }
            }
            let changedHands = two.process.process.lines.contains { $0.contains("\"message\":\"Leading\"") }
            starving.signal(SIGKILL)
            _ = await starving.ending()
            one.process.process.signal(SIGCONT)
            let names = documents.flatMap(\.machineNames) + ["before-cp-0"]
            if changedHands {
                #expect(await one.process.process.ending() == .exited(1))
                try await scenario.expectSuccession(one, two, machines: names)
            } else {
                #expect(try await two.writes().isEmpty)
                #expect(try await scenario.machines().map(\.name) == names.sorted())
            }
            FaultReport.record(
                row: "leader-starved", fault: "The leader gets a fiftieth of a CPU, in slices of 20 ms",
                promise: "It keeps its lease or gives it up in time; it writes only while it has it",
                measured: [
                    "10 clusters of 8 after": .duration(converged),
                    "lease": .text(changedHands ? "given up" : "kept"),
                ])
        }
    }
}
