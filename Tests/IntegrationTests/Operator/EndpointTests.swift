// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Operator: endpoints and lifetime", .timeLimit(.minutes(15)))
struct EndpointTests {
    @Test("probes answer for each check")
    func probes() async throws {
        try await Scenario.run("probes") { scenario in
            let process = try scenario.startOperator()
            await process.logLine("Caches are filled")
            #expect(try await process.probe("/healthz") == (200, "ok"))
            #expect(try await process.probe("/readyz") == (200, "ok"))
            let verbose = try await process.probe("/readyz?verbose")
            #expect(verbose.status == 200)
            for check in ["caches-synced", "api-reachable", "not-stopping"] {
                #expect(verbose.text.contains("[+]\(check) ok\n"))
                #expect(try await process.probe("/readyz/\(check)") == (200, "ok"))
            }
            let excluded = try await process.probe("/readyz?verbose&exclude=api-reachable")
            #expect(excluded.text.contains("[+]api-reachable excluded: ok\n"))
            #expect(try await process.probe("/readyz/nonsense").status == 404)
            #expect(try await process.probe("/nonsense").status == 404)
        }
    }

    @Test("without rights the operator is not ready; it is as soon as the role is bound")
    func missingRole() async throws {
        try await Scenario.run("no-role") { scenario in
            let user = "nobody-\(scenario.namespace)"
            let process = try scenario.startOperator("--kubeconfig", try await scenario.makeUser(user))
            await process.logLine("List or watch failed")
            let answer = try await process.probe("/readyz?verbose")
            #expect(answer.status == 500)
            #expect(answer.text.contains("[-]caches-synced failed"))
            let reason = try await process.probe("/readyz/caches-synced")
            #expect(reason.status == 500)
            #expect(reason.text.contains("403"), "\(reason.text)")
            #expect(try await process.probe("/healthz").status == 200)

            try await scenario.bindRoles(to: user)
            await process.logLine("Caches are filled")
            #expect(try await process.probe("/readyz") == (200, "ok"))
            try await scenario.create(ClusterDocument("app"))
            try await scenario.complete("app")
        }
    }

    @Test("metrics pass promtool, but for the two names that are given")
    func metrics() async throws {
        try await Scenario.run("metrics") { scenario in
            let process = try scenario.startOperator()
            await process.logLine("Caches are filled")
            try await scenario.create(ClusterDocument("app", workers: [("w", 2)]))
            try await scenario.complete("app")
            // When the operator knows of a later cluster, it knows what became of the other.
            try await scenario.create(ClusterDocument("later"))
            try await scenario.complete("later")
            for family in [
                "talos_operator_clusters_total{phase=\"Provisioning\"}",
                "talos_operator_machines_generated{cluster=\"app\",role=\"controlplane\"}",
                "talos_operator_reconciliation_duration_seconds_count{controller=\"KubernetesCluster\"}",
            ] {
                #expect((try await process.metric(family) ?? 0) >= 1, "\(family)")
            }
            let complaints = try await promtool(process)
            #expect(
                complaints.map { $0.split(separator: " ").first } == [
                    "talos_operator_clusters_total", "talos_operator_machines_generated",
                ], "\(complaints)")
        }
    }

    /// What `promtool check metrics` has to say, sorted.
    private func promtool(_ process: OperatorProcess) async throws -> [String] {
        let check = try Subprocess(
            [
                "/bin/bash", "-c",
                "exec 3<>/dev/tcp/127.0.0.1/$1; "
                    + "printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; sed '1,/^\\r$/d' <&3 | \"$0\" check metrics",
                try CachedTool.promtool(), String(process.metricsPort),
            ])
        _ = await check.ending()
        return check.lines.sorted()
    }

    @Test("SIGTERM ends the program with status 0, and the lease is what goes last")
    func gracefulStop() async throws {
        try await Scenario.run("stop") { scenario in
            let process = try scenario.startOperator(
                "--leader-elect", "--leader-election-namespace", scenario.namespace,
                "--leader-election-lease-duration=1h", "--leader-election-renew-deadline=50m")
            try await scenario.create(ClusterDocument("app"))
            try await scenario.complete("app")
            #expect(await process.stop() == .exited(0))
            #expect(process.process.lines.suffix(2).first?.contains("\"Lease released\"") == true)
            #expect(process.process.lines.last?.contains("\"Stopped\"") == true)
            #expect(try await scenario.requests().last?.resource == "leases")
            let leases = try await scenario.client.list(
                StoredLease.self, ObjectSelection(namespace: scenario.namespace)
            ).items
            #expect(leases.count == 1)
            #expect(leases.first?.spec("holderIdentity")?.string ?? "" == "")
        }
    }

    @Test("SIGINT before anything has started ends the program with status 0 too")
    func interruptAtStart() async throws {
        try await Scenario.run("interrupt") { scenario in
            let user = "nobody-\(scenario.namespace)"
            let process = try scenario.startOperator("--kubeconfig", try await scenario.makeUser(user))
            await process.logLine("Starting")
            process.process.signal(SIGINT)
            #expect(await process.process.ending() == .exited(0))
        }
    }

    @Test("a port that is taken ends the start with status 1 and the address")
    func portInUse() async throws {
        try await Scenario.run("port") { scenario in
            let first = try scenario.startOperator()
            await first.logLine("Caches are filled")
            let address = "127.0.0.1:\(first.metricsPort)"
            let second = try scenario.startOperator("--metrics-bind-address", address, mayEnd: true)
            #expect(await second.process.ending() == .exited(1))
            let line = second.process.lines.last ?? ""
            #expect(line.contains("\"Cannot start\"") && line.contains(address), "\(line)")
        }
    }
}
