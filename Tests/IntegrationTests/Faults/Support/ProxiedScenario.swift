// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// A scenario whose operator reaches the API server through a proxy that has no rules yet.
struct ProxiedScenario: Sendable {
    let scenario: Scenario
    let proxy: FaultProxy

    /// Runs `body` in a namespace of its own with a proxy of its own, and returns what it returns.
    @discardableResult
    static func run<Value: Sendable>(
        _ purpose: String, seed: UInt64 = 1,
        _ body: @escaping @Sendable (ProxiedScenario) async throws -> Value
    ) async throws -> Value {
        let result = Locked<Value?>(nil)
        try await Scenario.run(purpose) { scenario in
            let proxy = try await FaultProxy.start(to: scenario.controlPlane, seed: seed)
            let value = try await body(ProxiedScenario(scenario: scenario, proxy: proxy))
            await proxy.stop()
            result.withLock { $0 = value }
        }
        return try #require(result.withLock { $0 })
    }

    /// Starts the program behind the proxy.
    func startOperator(_ flags: String..., resultsPath: String? = nil) throws -> OperatorProcess {
        try scenario.startOperator(
            flags: ["--kubeconfig", proxy.kubeconfig] + flags, resultsPath: resultsPath)
    }

    /// Starts the program behind the relay, which knows nothing of HTTP.
    func startRelayedOperator() throws -> OperatorProcess {
        try scenario.startOperator("--kubeconfig", proxy.relayKubeconfig)
    }

    /// Creates a cluster, enlarges it, shrinks it and deletes it, each time waiting until that is done.
    ///
    /// - Returns: How long each step took, as measurements.
    func live(_ process: OperatorProcess, _ name: String = "app") async throws -> Life {
        let small = ClusterDocument(name, controlPlane: 1, workers: [("w", 2)])
        var large = small
        large.workers = [("w", 4)]
        let clock = SystemClock()
        var life = Life()
        life.creation = try await clock.time {
            try await scenario.create(small)
            try await settle(small, process)
        }
        life.growth = try await clock.time { try await scale(large, process) }
        life.shrinking = try await clock.time { try await scale(small, process) }
        life.deletion = try await clock.time { try await scenario.deleteCompletely(name) }
        #expect(try await !scenario.machines().contains { $0.name.hasPrefix("\(name)-") })
        #expect(process.files(in: name) == nil)
        let extra = Set(large.machineNames).subtracting(small.machineNames)
        try await scenario.expectNoneTwice(
            of: name, created: large.machineNames, deleted: small.machineNames + extra)
        return life
    }

    private func scale(_ document: ClusterDocument, _ process: OperatorProcess) async throws {
        try await scenario.edit(document.name, ["workers": ClusterDocument.workers(document.workers)])
        try await settle(document, process)
    }

    /// Waits until the cluster is as `document` says, and checks everything that is said of it.
    func settle(_ document: ClusterDocument, _ process: OperatorProcess) async throws {
        try await scenario.settle(document, process)
    }
}

/// How long the steps of a cluster's life took.
struct Life: Sendable {
    var creation = Duration.zero
    var growth = Duration.zero
    var shrinking = Duration.zero
    var deletion = Duration.zero
}

extension Clock {
    /// How long `work` takes.
    func time(_ work: () async throws -> Void) async rethrows -> Duration {
        let start = now
        try await work()
        return now - start
    }
}

extension Scenario {
    /// Waits until the cluster is as `document` says, and checks Machines, owners and manifests.
    func settle(
        _ document: ClusterDocument, _ process: OperatorProcess,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let count = Int64(document.machineNames.count)
        let cluster = try await wait(for: document.name) {
            $0.isComplete && $0.status["machineCount"]?.integer == count
        }
        let machines = try await machines().filter { $0.metadata.controller?.uid == cluster.metadata.uid }
        #expect(machines.map(\.name) == document.machineNames, sourceLocation: sourceLocation)
        try expectManifests(
            process, in: document.clusterName ?? document.name, equal: machines,
            sourceLocation: sourceLocation)
    }

    /// Expects that no Machine of the cluster but these was created, nor any but those deleted, and none twice.
    ///
    /// One whose request a broken connection, or a dying operator, cut off may have no entry of success in the log.
    func expectNoneTwice(
        of cluster: String, created: [String], deleted: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let writes = try await writes().filter {
            $0.resource == "machines" && $0.name.hasPrefix("\(cluster)-")
        }
        let creations = writes.filter(\.isCreation).map(\.name)
        let deletions = writes.filter { $0.verb == "delete" && $0.status == 200 }.map(\.name)
        #expect(Set(creations).count == creations.count, sourceLocation: sourceLocation)
        #expect(Set(creations).isSubset(of: created), sourceLocation: sourceLocation)
        #expect(Set(deletions).count == deletions.count, sourceLocation: sourceLocation)
        #expect(Set(deletions).isSubset(of: deleted), sourceLocation: sourceLocation)
    }
}
