// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

enum StoredPodKind: RawKind {
    static let definition = ResourceDefinition(group: "", version: "v1", kind: "Pod", plural: "pods")
}

enum StoredDeploymentKind: RawKind {
    static let definition = ResourceDefinition(
        group: "apps", version: "v1", kind: "Deployment", plural: "deployments")
}

/// A Pod with everything that the API server has of it.
typealias StoredPod = RawObject<StoredPodKind>
/// A Deployment with everything that the API server has of it.
typealias StoredDeployment = RawObject<StoredDeploymentKind>

/// A control plane of a test's own, whose Deployments become Pods, and its administrator's tools.
struct Installation: Sendable {
    /// How a command ended, and what it printed.
    struct Output: CustomStringConvertible {
        var command: String
        var ending: Subprocess.Ending
        var text: String
        var isSuccess: Bool { ending == .exited(0) }
        var description: String { "\(command): \(ending)\n\(text)" }
    }

    /// A command failed that was not to.
    struct CommandFailed: Error, CustomStringConvertible {
        var description: String
    }

    /// The namespace and the release of an installation as the documentation has it.
    static let namespace = "talos-operator-system"
    static let release = "talos-operator"
    static let deployment = ObjectKey(namespace: namespace, name: "talos-operator-controller-manager")
    static let chart = "\(Repository.root)/charts/talos-operator"

    let controlPlane: ControlPlane
    let client: KubernetesClient
    let nodes: Nodes

    /// Runs `body`, then ends all Pods and the control plane; if it throws, the Pods' last words are shown.
    static func run(_ name: String, _ body: @Sendable (Installation) async throws -> Void) async throws {
        let controllers = "garbagecollector,namespace,clusterrole-aggregation,deployment,replicaset,endpoint"
        let controlPlane = try await ControlPlane.start(
            name, managerFlags: ["--controllers=\(controllers)"])
        let client = try controlPlane.adminClient()
        let nodes = try await Nodes(controlPlane)
        let installation = Installation(controlPlane: controlPlane, client: client, nodes: nodes)
        do {
            try await body(installation)
        } catch {
            nodes.showLogs()
            await nodes.end()
            try await controlPlane.stop()
            throw error
        }
        await nodes.end()
        try await controlPlane.stop()
    }

    // MARK: Commands

    /// Runs a program of the repository or the system as the administrator, in the repository.
    func run(_ arguments: [String]) async throws -> Output {
        var environment = Repository.environment
        environment["KUBECONFIG"] = controlPlane.adminKubeconfig
        let process = try Subprocess(
            ["/usr/bin/env", "-C", Repository.root] + arguments, environment: environment)
        let ending = await process.ending()
        return Output(
            command: arguments.joined(separator: " "), ending: ending,
            text: process.lines.joined(separator: "\n"))
    }

    /// Runs `hack/helm.py` and returns how that ended.
    func tryHelm(_ arguments: String...) async throws -> Output {
        try await run(["hack/helm.py"] + arguments)
    }

    /// Runs `hack/helm.py`, which must succeed, and returns what it printed.
    @discardableResult
    func helm(_ arguments: String...) async throws -> String {
        try await mustSucceed(["hack/helm.py"] + arguments)
    }

    /// Runs a make target, which must succeed, and returns what it printed.
    @discardableResult
    func make(_ arguments: String...) async throws -> String {
        try await mustSucceed(["make", "--no-print-directory"] + arguments)
    }

    private func mustSucceed(_ arguments: [String]) async throws -> String {
        let output = try await run(arguments)
        guard output.isSuccess else { throw CommandFailed(description: output.description) }
        return output.text
    }

    /// Installs the chart as the documentation does, with these arguments besides.
    func install(_ arguments: String...) async throws {
        _ = try await mustSucceed(
            ["hack/helm.py", "install", Self.release, Self.chart, "-n", Self.namespace, "--create-namespace"]
                + arguments)
    }

    // MARK: Objects

    func makeNamespace(_ name: String) async throws {
        _ = try await client.create(Namespace.self, ["metadata": ["name": .string(name)]], namespace: "")
    }

    /// Creates a cluster in the default namespace, or in another.
    @discardableResult
    func create(_ cluster: ClusterDocument, in namespace: String = "default") async throws -> StoredCluster {
        try await client.create(StoredCluster.self, cluster.json, namespace: namespace)
    }

    /// Waits until a cluster has all its Machines and says so.
    @discardableResult
    func waitUntilComplete(
        _ cluster: ClusterDocument, in namespace: String = "default"
    ) async throws -> StoredCluster {
        let key = ObjectKey(namespace: namespace, name: cluster.name)
        let stored = try await client.waitFor(StoredCluster.self, key) { $0.isComplete }
        let machines = try await client.list(StoredMachine.self, ObjectSelection(namespace: namespace)).items
        let names = machines.map(\.name).filter { $0.hasPrefix("\(cluster.clusterName ?? cluster.name)-") }
        #expect(names.sorted() == cluster.machineNames)
        return stored
    }

    /// Waits until the Deployment has `replicas` ready Pods of its present template, and no others.
    @discardableResult
    func waitUntilRolledOut(
        _ replicas: Int64, _ key: ObjectKey = deployment
    ) async throws -> StoredDeployment {
        try await client.waitFor(StoredDeployment.self, key) { deployment in
            let status = deployment.document["status"]
            return status?["observedGeneration"]?.integer == deployment.metadata.generation
                && ["replicas", "updatedReplicas", "readyReplicas"].allSatisfy {
                    (status?[$0]?.integer ?? 0) == replicas
                }
        }
    }

    func exists(_ kind: String, _ name: String, in namespace: String = namespace) async throws -> Bool {
        let output = try await run([
            "kubectl", "-n", namespace, "get", kind, name, "--ignore-not-found", "-o", "name",
        ])
        guard output.isSuccess else { throw CommandFailed(description: output.description) }
        return !output.text.isEmpty
    }
}

extension RawObject<StoredDeploymentKind> {
    var container: JSONValue {
        document["spec"]?["template"]?["spec"]?["containers"]?.array?.first ?? .null
    }

    var image: String { container["image"]?.string ?? "" }
}
