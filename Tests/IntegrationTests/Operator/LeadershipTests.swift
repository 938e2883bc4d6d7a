// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Operator: leadership", .timeLimit(.minutes(15)))
struct LeadershipTests {
    /// Two operators, each with a user of its own, so that the audit log tells them apart.
    private struct Pair {
        let scenario: Scenario
        let users: [String]
        let operators: [OperatorProcess]

        /// Starts both, the second when the first leads.
        init(_ scenario: Scenario, _ flags: [String]) async throws {
            self.scenario = scenario
            var (users, operators): ([String], [OperatorProcess]) = ([], [])
            for (name, message) in [("one", "Leading"), ("two", "Waiting for leadership")] {
                let user = "\(name)-\(scenario.namespace)"
                let kubeconfig = try await scenario.makeUser(user)
                try await scenario.bindRoles(to: user)
                let process = try scenario.startOperator(
                    flags: ["--kubeconfig", kubeconfig, "--leader-elect"] + flags
                        + ["--leader-election-namespace", scenario.namespace])
                await process.logLine(message)
                users.append(user)
                operators.append(process)
            }
            (self.users, self.operators) = (users, operators)
        }

        /// What each of them wrote to clusters and Machines, and when.
        func writes() async throws -> [[AuditEntry]] {
            var writes: [[AuditEntry]] = []
            for user in users {
                writes.append(try await scenario.writes(of: user).filter { $0.resource != "leases" })
            }
            return writes
        }
    }

    @Test("an operator that is told to stop gives the lease to the next, and they never write at one time")
    func handOver() async throws {
        try await Scenario.run("hand-over") { scenario in
            // With a lease of an hour only one that is given back can be taken.
            let pair = try await Pair(
                scenario,
                [
                    "--leader-election-lease-duration=1h", "--leader-election-renew-deadline=50m",
                    "--leader-election-retry-period=1s",
                ])
            try await scenario.create(ClusterDocument("before", workers: [("w", 2)]))
            try await scenario.complete("before")
            #expect(try await pair.writes()[1].isEmpty)
            #expect(try await pair.operators[0].metric(masterStatus(scenario)) == 1)
            #expect(try await pair.operators[1].metric(masterStatus(scenario)) == 0)

            #expect(await pair.operators[0].stop() == .exited(0))
            #expect(try await scenario.writes(of: pair.users[0]).last?.resource == "leases")
            await pair.operators[1].logLine("Leading")
            try await scenario.create(ClusterDocument("after"))
            try await scenario.complete("after")
            try await expectSuccession(pair)
        }
    }

    @Test("an operator that dies is followed by the next when the lease has run out")
    func death() async throws {
        try await Scenario.run("take-over") { scenario in
            let pair = try await Pair(
                scenario,
                [
                    "--leader-election-lease-duration=30s", "--leader-election-renew-deadline=25s",
                    "--leader-election-retry-period=1s",
                ])
            try await scenario.create(ClusterDocument("before", workers: [("w", 2)]))
            try await scenario.complete("before")
            await pair.operators[0].kill()
            try await scenario.create(ClusterDocument("after"))
            try await scenario.complete("after")
            try await expectSuccession(pair)
        }
    }

    private func expectSuccession(_ pair: Pair) async throws {
        let writes = try await pair.writes()
        let (last, first) = (writes[0].last?.time ?? "", writes[1].first?.time ?? "")
        try #require(!last.isEmpty && last < first)
        let machines = writes.flatMap(\.self).filter { $0.resource == "machines" && $0.isCreation }
        #expect(machines.map(\.name).sorted() == ["after-cp-0", "before-cp-0", "before-w-0", "before-w-1"])
    }

    private func masterStatus(_ scenario: Scenario) async throws -> String {
        let leases = try await scenario.client.list(
            StoredLease.self, ObjectSelection(namespace: scenario.namespace))
        return "leader_election_master_status{name=\"\(leases.items.first?.name ?? "")\"}"
    }
}
