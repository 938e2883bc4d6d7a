// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// An operator that runs as a user of its own, so that the audit log tells what it did.
struct KnownOperator {
    let user: String
    let process: OperatorProcess
    let scenario: Scenario

    /// Whether it holds its lease, by its own account.
    func waitUntilLeading() async throws {
        guard await process.logLine("Leading") != nil else {
            throw Disorder(description: "\(user) ended without leading")
        }
    }

    /// What it wrote to clusters and Machines, in order.
    func writes() async throws -> [AuditEntry] {
        try await scenario.writes(of: user).filter {
            ["kubernetesclusters", "machines"].contains($0.resource)
        }
    }

    /// Waits until it has reconciled a cluster, from the `start`th line of its log on.
    func waitUntilReconciled(_ cluster: String, from start: Int = 0) async {
        _ = await process.process.index(from: start) {
            $0.contains("\"message\":\"Reconciled\"") && $0.contains("\"name\":\"\(cluster)\"")
        }
    }
}

extension Scenario {
    /// Starts an operator as a new user, who has the rights of the shipped role here and in `rights`.
    func startKnownOperator(
        _ name: String, flags: [String], environment: [String: String] = [:], resultsPath: String? = nil,
        wrapper: [String] = [], rights: [Scenario] = [], mayEnd: Bool = false
    ) async throws -> KnownOperator {
        let user = "\(name)-\(namespace)"
        let kubeconfig = try await makeUser(user)
        for scenario in [self] + rights { try await scenario.bindRoles(to: user) }
        let process = try startOperator(
            flags: ["--kubeconfig", kubeconfig] + flags, environment: environment, resultsPath: resultsPath,
            wrapper: wrapper, mayEnd: mayEnd)
        return KnownOperator(user: user, process: process, scenario: self)
    }

    /// Starts two that stand for one lease; the first leads when this returns.
    func startPair(
        _ timing: LeaseTiming, environment: [String: String] = [:]
    ) async throws -> (leader: KnownOperator, standby: KnownOperator) {
        let flags = timing.flags + ["--leader-election-namespace", namespace]
        let leader = try await startKnownOperator(
            "one", flags: flags, environment: environment, mayEnd: true)
        try await leader.waitUntilLeading()
        let standby = try await startKnownOperator("two", flags: flags)
        await standby.process.logLine("Lease holder")
        return (leader, standby)
    }

    /// Expects that the first wrote nothing after the second had begun, that each Machine was made once, and that
    /// none was deleted.
    ///
    /// Of a process that is stopped in the middle of its work, `onTheirWay` writes may have passed the fence and not yet
    /// left.
    ///
    /// - Returns: How many came late.
    @discardableResult
    func expectSuccession(
        _ first: KnownOperator, _ second: KnownOperator, machines names: [String], onTheirWay: Int = 0
    ) async throws -> Int {
        let (before, after) = (try await first.writes(), try await second.writes())
        let begin = after.first?.time ?? ""
        let late = before.filter { $0.time >= begin }
        guard late.count <= onTheirWay else {
            throw Disorder(description: "the successor began at \(begin), but \(late)")
        }
        let creations = (before + after).filter { $0.resource == "machines" && $0.isCreation }.map(\.name)
        let deletions = (before + after).filter { $0.verb == "delete" && $0.resource == "machines" }
        let existing = try await machines().map(\.name)
        guard Set(creations).count == creations.count, deletions.isEmpty, existing == names.sorted() else {
            throw Disorder(
                description: "created \(creations), deleted \(deletions.map(\.name)), there are \(existing)")
        }
        return late.count
    }

    /// The leases of the namespace by name, and who holds each.
    func leaseHolders() async throws -> [String: String] {
        let leases = try await client.list(StoredLease.self, ObjectSelection(namespace: namespace)).items
        return Dictionary(uniqueKeysWithValues: leases.map { ($0.name, $0.holder) })
    }
}

/// Operators wrote what they must not.
struct Disorder: Error, CustomStringConvertible {
    var description: String
}

extension StoredLease {
    var holder: String { spec("holderIdentity")?.string ?? "" }
}

/// The times of an election.
struct LeaseTiming {
    var lease: Duration
    var renew: Duration
    var retry: Duration

    /// The defaults of the settings in the long form, else shorter ones that a busy machine still keeps.
    static let current = FaultForm.choose(
        short: LeaseTiming(lease: .seconds(8), renew: .seconds(6), retry: .seconds(1)),
        long: LeaseTiming(lease: .seconds(15), renew: .seconds(10), retry: .seconds(2)))

    /// For elections that are to be decided by nothing but a stop.
    static let endless = LeaseTiming(lease: .seconds(3600), renew: .seconds(3000), retry: .seconds(1))

    /// What a fail-over after a sudden death may take.
    var limit: Duration { lease + retry * 2 }

    var flags: [String] {
        [
            "--leader-elect", "--leader-election-lease-duration=\(lease.components.seconds)s",
            "--leader-election-renew-deadline=\(renew.components.seconds)s",
            "--leader-election-retry-period=\(retry.components.seconds)s",
        ]
    }
}
