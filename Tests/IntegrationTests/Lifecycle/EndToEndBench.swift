// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// An operator at its work: a real management cluster, and simulated machines for whatever Machines it makes.
struct EndToEndBench: Sendable {
    /// Something that a test did not ask for.
    struct Unexpected: Error, CustomStringConvertible {
        var description: String
    }

    /// What all these tests use, and nobody else does.
    private static let controlPlane = Task {
        let controlPlane = try await ControlPlane.start("end-to-end")
        try await controlPlane.installOperatorResources()
        return controlPlane
    }

    let scenario: Scenario
    let simulator: TalosSimulator
    /// The wall clock of the machines and of the operators, if it is not this machine's.
    let wallClock: WallClock?
    /// The third number of the addresses of the clusters' endpoints.
    private let numbers = Locked<Int>(0)

    /// Runs `body`, and looks afterwards whether anything has happened that never must.
    ///
    /// - `delay`: how long one step of a machine takes.
    static func run(
        _ purpose: String, kubernetes: TalosSimulator.Kubernetes = .model, talos: String = "v1.12.3",
        seed: UInt64 = 0, delay: Duration = .milliseconds(50), wallClock: WallClock? = nil,
        _ body: @escaping @Sendable (EndToEndBench) async throws -> Void
    ) async throws {
        try await Scenario.run(purpose, on: controlPlane.value) { scenario in
            let simulator = try await TalosSimulator.start(
                seed: seed, delay: delay, environment: wallClock?.environment ?? [:])
            try await simulator.provideMachines(
                kubeconfig: scenario.controlPlane.adminKubeconfig, talosVersion: talos,
                kubernetes: kubernetes,
                namespace: scenario.namespace)
            let bench = EndToEndBench(scenario: scenario, simulator: simulator, wallClock: wallClock)
            do {
                try await body(bench)
                try await bench.expectInnocence()
            } catch {
                try await bench.showStatus()
                throw error
            }
            try await bench.leave()
            await simulator.stop()
        }
    }

    /// Starts an operator that looks at clusters as often as it may.
    @discardableResult
    func startOperator(
        _ flags: String..., environment: [String: String] = [:]
    ) async throws -> OperatorProcess {
        try await scenario.startConfigOperator(
            flags: ["--reconcile-interval=1s", "--max-concurrent-reconciles=4"] + flags,
            environment: environment.merging(wallClock?.environment ?? [:]) { $1 })
    }

    // MARK: Clusters

    /// A cluster whose life is managed; `more` is merged into its specification.
    func document(
        _ name: String, controlPlane: Int, workers: Int = 0, _ more: JSONValue = [:]
    ) -> ClusterDocument {
        let number = numbers.withLock { number in
            number += 1
            return number
        }
        var document = ClusterDocument(name, controlPlane: controlPlane, workers: [("w", workers)])
        let life: JSONValue = [
            "management": "Full", "kubernetesVersion": "v1.34.1", "talosVersion": "v1.12.3",
            "clusterEndpoint": .string("https://\(simulator.prefix).\(number).254:6443"),
            "rollout": ["settle": "1s"],
        ]
        document.more = life.mergePatched(with: more)
        return document
    }

    /// What a user does.
    func apply(_ document: ClusterDocument) async throws {
        let path = "\(scenario.controlPlane.stateDirectory)/\(scenario.namespace)-\(document.name).json"
        try FileSystem.replace(path, with: document.json.encoded())
        try await scenario.controlPlane.kubectl(
            "apply", "--validate=false", "-n", scenario.namespace, "-f", path)
    }

    func annotate(_ name: String, _ annotations: JSONValue) async throws {
        _ = try await scenario.client.mergePatch(
            StoredCluster.self, scenario.key(name), ["metadata": ["annotations": annotations]])
    }

    /// Waits until everything is as the specification says and `isTrue`; a halt is an error.
    @discardableResult
    func running(
        _ name: String, where isTrue: (StoredCluster) -> Bool = { _ in true }
    ) async throws -> StoredCluster {
        let cluster = try await scenario.wait(for: name) { cluster in
            cluster.isHalted || cluster.isRunning && isTrue(cluster)
        }
        if cluster.isHalted {
            throw Unexpected(description: "\(name) halted: \(cluster.haltReason ?? "")")
        }
        return cluster
    }

    /// Applies a new cluster and waits until it runs.
    @discardableResult
    func create(_ document: ClusterDocument) async throws -> StoredCluster {
        try await apply(document)
        return try await running(document.name)
    }

    /// An administrator's client of a managed cluster, from its Secret.
    func workload(_ name: String) async throws -> KubernetesClient {
        let path = "\(scenario.controlPlane.stateDirectory)/\(scenario.namespace)-\(name).kubeconfig"
        let text = try await scenario.secret("\(name)-kubeconfig").text()
        try FileSystem.replace(path, with: Array(text.utf8))
        return try scenario.controlPlane.linkedClient(path).client
    }

    // MARK: What happened

    /// The journal's entries about a cluster.
    func journal(_ cluster: String, _ kinds: String...) async throws -> [JSONValue] {
        try await simulator.journal(kinds: kinds).filter { $0["cluster"]?.string == cluster }
    }

    /// How often a node's method was called, or those of all nodes; with the outcome that begins so.
    func calls(_ method: String, in cluster: String, outcome: String = "") async throws -> Int {
        try await journal(cluster, "request").count { entry in
            entry["method"]?.string?.hasSuffix("/\(method)") == true
                && entry["outcome"]?.string?.hasPrefix(outcome) == true
        }
    }

    /// Expects that nothing has happened that never must, and that no secret stands where it may be read.
    func expectInnocence(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(try await simulator.leaks() == [], sourceLocation: sourceLocation)
        for log in scenario.logs {
            #expect(try await !simulator.holdsSecret(log), sourceLocation: sourceLocation)
        }
        #expect(try await simulator.violations() == [], sourceLocation: sourceLocation)
        let defects = try await simulator.journal(kinds: ["defect"])
        #expect(defects == [], "of the simulator", sourceLocation: sourceLocation)
    }

    /// Lets the clusters go, which nobody looks after any more.
    private func leave() async throws {
        for cluster in try await clusters() {
            let free: JSONValue = ["metadata": ["finalizers": .null]]
            _ = try await scenario.client.mergePatch(StoredCluster.self, cluster.key, free)
        }
    }

    /// Shows what the operator made of it, where nothing else tells.
    private func showStatus() async throws {
        for cluster in try await clusters() {
            print("--- status of \(cluster.name): \(cluster.phase)")
            print(cluster.status.text)
        }
    }

    private func clusters() async throws -> [StoredCluster] {
        try await scenario.client.list(
            StoredCluster.self, ObjectSelection(namespace: scenario.namespace)
        ).items
    }
}

extension RawObject<StoredClusterKind> {
    /// `status.lifecycle`.
    var life: JSONValue { status["lifecycle"] ?? .null }
    var isHalted: Bool { life["halt"] != nil }
    /// Why nothing goes on, and a sentence about it.
    var haltReason: String? {
        life["halt"].map { "\($0["reason"]?.string ?? ""): \($0["message"]?.string ?? "")" }
    }
    /// The rows of the table of nodes.
    var nodes: [JSONValue] { life["nodes"]?.array ?? [] }
    /// One row of it.
    func node(_ name: String) -> JSONValue { nodes.first { $0["name"]?.string == name } ?? .null }
    /// What is waited for, each as `node: message`.
    var waits: [String] {
        life["waits"]?.array?.map { "\($0["node"]?.string ?? ""): \($0["message"]?.string ?? "")" } ?? []
    }

    /// Whether all is as the specification says, as far as the status tells.
    var isRunning: Bool {
        isObserved && phase == "Running" && life["state"]?.string == "Running"
            && verdict("Healthy") == "True/ChecksPassed" && verdict("Ready") == "True/ClusterRunning"
    }
}
