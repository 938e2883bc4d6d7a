// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport

@testable import TalosOperator

/// The life of a cluster in which its operator does everything that it ever asks the API server for.
struct ClusterLife: Sendable {
    /// What nobody but the operator does, in the order in which it comes.
    enum Milestone: Int, Sendable, CaseIterable {
        case caches, leadership, renewal, finalizer, machines, status, more, event, countedEvent, repair,
            fewer,
            gone,
            release
    }

    let scenario: Scenario
    let account: Account
    let reach: Reach
    /// Those that were passed.
    let passed = Journal<Milestone>()

    /// Starts an operator and goes from milestone to milestone until it has stopped.
    ///
    /// Each is waited for, however long it takes: without a right that it needs, for ever.
    func live() async throws {
        let process = try startOperator()
        await process.logLine("Caches are filled")
        passed.append(.caches)
        try await waitForLeadership()
        try await create()
        try await scaleUp()
        try await repair()
        try await scaleDownAndDelete()
        await process.stop()
        _ = try await client.waitFor(StoredLease.self, lease) { $0.holder.isEmpty }
        passed.append(.release)
    }

    /// An operator of the account, which may become the leader and gives that up only when it is told to stop.
    func startOperator() throws -> OperatorProcess {
        let selector = reach == .everywhere ? ["--watch-label-selector", labelSelector] : []
        return try scenario.startOperator(
            flags: ["--kubeconfig", account.kubeconfig, "--leader-election-namespace", Account.namespace]
                + LeaseTiming.endless.flags + selector,
            everywhere: reach == .everywhere)
    }

    private static let cluster = "life"
    private var client: KubernetesClient { scenario.client }
    /// One that watches all namespaces tells its clusters from those of others by this.
    private var labelSelector: String { "life=\(scenario.namespace)" }

    /// The lease, whose name stands for what the operator watches.
    private var lease: ObjectKey {
        let name: String
        switch reach {
        case .everywhere: name = LeaseName.name(labelSelector: labelSelector, namespaces: [])
        case .oneNamespace: name = LeaseName.name(labelSelector: "", namespaces: [scenario.namespace])
        }
        return ObjectKey(namespace: Account.namespace, name: name)
    }

    private func waitForLeadership() async throws {
        let taken = try await client.waitFor(StoredLease.self, lease) { !$0.holder.isEmpty }
        passed.append(.leadership)
        _ = try await client.waitFor(StoredLease.self, lease) {
            $0.spec("renewTime") != taken.spec("renewTime")
        }
        passed.append(.renewal)
    }

    private func create() async throws {
        var document = ClusterDocument(Self.cluster, workers: [("w", 1)])
        document.labels = ["life": .string(scenario.namespace)]
        try await scenario.create(document)
        try await scenario.wait(for: Self.cluster) { !$0.metadata.finalizers.isEmpty }
        passed.append(.finalizer)
        try await scenario.waitForMachines(named: document.machineNames)
        passed.append(.machines)
        try await scenario.complete(Self.cluster)
        passed.append(.status)
    }

    /// A worker more, and the same once again, which Kubernetes counts in one Event.
    private func scaleUp() async throws {
        try await scale(to: 2)
        passed.append(.more)
        try await waitForEvent(count: 1)
        passed.append(.event)
        try await scale(to: 3)
        try await waitForEvent(count: 2)
        passed.append(.countedEvent)
    }

    private func waitForEvent(count: Int64) async throws {
        try await client.waitUntil(StoredEvent.self, in: scenario.namespace) { events in
            events.contains { event in
                event.document["message"] == "Created 1 Machine"
                    && event.document["count"]?.integer ?? 0 >= count
            }
        }
    }

    private func scale(to workers: Int) async throws {
        try await scenario.edit(
            Self.cluster, ["workers": ClusterDocument.workers([(name: "w", replicas: workers)])])
        try await scenario.waitForMachines { $0.count == workers + 1 }
    }

    private func repair() async throws {
        try await scenario.patchMachine("\(Self.cluster)-w-0", ["spec": ["provider": "other"]])
        try await client.waitFor(StoredMachine.self, scenario.key("\(Self.cluster)-w-0")) {
            $0.spec("provider") == "kubevirt"
        }
        passed.append(.repair)
    }

    private func scaleDownAndDelete() async throws {
        try await scale(to: 1)
        passed.append(.fewer)
        try await scenario.deleteCompletely(Self.cluster)
        passed.append(.gone)
    }
}
