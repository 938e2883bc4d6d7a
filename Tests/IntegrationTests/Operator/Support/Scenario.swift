// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// A namespace of its own with an administrator's client, and operators that end with it.
final class Scenario: Sendable {
    /// An operator ended that nobody had told to.
    struct OperatorEnded: Error, CustomStringConvertible {
        var description: String

        /// Nil if it has not ended, or was told to.
        init?(_ process: Subprocess) {
            guard let ending = process.currentEnding, !process.wasSignalled else { return nil }
            let lastWords = process.lines.suffix(3).map { String($0.prefix(600)) }.joined(separator: "\n")
            description = "operator \(process.pid) ended by itself: \(ending)\n\(lastWords)"
        }
    }

    let controlPlane: ControlPlane
    let namespace: String
    let client: KubernetesClient
    private let operators = Locked<[OperatorProcess]>([])
    /// Those that have to run until they are told to end.
    private let watched = Locked<[OperatorProcess]>([])
    private let watch = AsyncStream<OperatorProcess>.makeStream()

    private init(_ controlPlane: ControlPlane, _ purpose: String) async throws {
        self.controlPlane = controlPlane
        namespace = try await controlPlane.makeNamespace(purpose)
        client = try controlPlane.adminClient()
        try await moveLeaderElection()
    }

    /// Runs `body` in a new namespace and ends what it started; if it throws, the operators' last words are shown.
    ///
    /// If an operator ends by itself, so does `body`, at once.
    static func run(
        _ purpose: String, on controlPlane: ControlPlane? = nil,
        _ body: @escaping @Sendable (Scenario) async throws -> Void
    ) async throws {
        let chosen: ControlPlane
        if let controlPlane { chosen = controlPlane } else { chosen = try await .shared() }
        let scenario = try await Scenario(chosen, purpose)
        let outcome: Result<Void, any Error>
        do {
            try await scenario.whileOperatorsRun { try await body(scenario) }
            outcome = .success(())
        } catch {
            scenario.showLogs()
            // That an operator has ended may be why something else did not work.
            outcome = .failure(scenario.endedOperator() ?? error)
        }
        await scenario.end()
        try outcome.get()
    }

    /// Starts the program as the restricted user; it watches the namespace alone unless `flags` say more.
    ///
    /// To end before a test sends it a signal is a failure, unless it `mayEnd`.
    @discardableResult
    func startOperator(
        _ flags: String..., environment: [String: String] = [:], resultsPath: String? = nil,
        mayEnd: Bool = false
    ) throws -> OperatorProcess {
        try startOperator(flags: flags, environment: environment, resultsPath: resultsPath, mayEnd: mayEnd)
    }

    @discardableResult
    func startOperator(
        flags: [String], environment: [String: String] = [:], resultsPath: String? = nil,
        wrapper: [String] = [], everywhere: Bool = false, mayEnd: Bool = false
    ) throws -> OperatorProcess {
        let process = try OperatorProcess(
            controlPlane, namespace: everywhere ? nil : namespace, flags: flags, environment: environment,
            resultsPath: resultsPath, wrapper: wrapper)
        operators.withLock { $0.append(process) }
        if !mayEnd {
            watched.withLock { $0.append(process) }
            watch.continuation.yield(process)
        }
        return process
    }

    /// Runs `body`, and cancels it when an operator ends that nobody has told to.
    private func whileOperatorsRun(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask { [watch] in
                try await withThrowingDiscardingTaskGroup { watchers in
                    for await process in watch.stream {
                        watchers.addTask {
                            _ = await process.process.ending()
                            if let error = OperatorEnded(process.process) { throw error }
                        }
                    }
                }
            }
            try await group.next()
        }
    }

    private func endedOperator() -> OperatorEnded? {
        watched.withLock { $0 }.lazy.compactMap { OperatorEnded($0.process) }.first
    }

    private func end() async {
        for process in operators.withLock({ $0 }) {
            // Leaks are looked for at a proper end alone.
            if Sanitizer.current == .address { await process.stop() }
            await process.kill()
            if let report = Sanitizer.report(in: process.process.lines) { Issue.record("\(report)") }
            // What a test run leaves in /tmp does not matter to it.
            let removal = Result { try Subprocess(["/bin/rm", "-rf", process.resultsPath]) }
            if case .success(let removal) = removal { _ = await removal.ending() }
        }
    }

    /// All that each operator has logged.
    var logs: [String] {
        operators.withLock { $0 }.map { $0.process.lines.joined(separator: "\n") }
    }

    /// Those before the last few were killed on purpose.
    private func showLogs() {
        for process in operators.withLock({ $0.suffix(4) }) {
            // At once, so that no other test's lines come between.
            let lines = process.process.lines.suffix(15).map { String($0.prefix(600)) }
            print((["--- operator \(process.process.pid) in \(namespace)"] + lines).joined(separator: "\n"))
        }
    }
}

extension Scenario {
    func key(_ name: String) -> ObjectKey { ObjectKey(namespace: namespace, name: name) }

    // MARK: Clusters

    @discardableResult
    func create(_ cluster: ClusterDocument) async throws -> StoredCluster {
        try await client.create(StoredCluster.self, cluster.json, namespace: namespace)
    }

    func cluster(_ name: String) async throws -> StoredCluster {
        try await client.get(StoredCluster.self, key(name))
    }

    /// Changes the specification.
    @discardableResult
    func edit(_ name: String, _ spec: JSONValue) async throws -> StoredCluster {
        try await client.mergePatch(StoredCluster.self, key(name), ["spec": spec])
    }

    /// Waits until `isTrue` of the cluster.
    @discardableResult
    func wait(for name: String, _ isTrue: (StoredCluster) -> Bool) async throws -> StoredCluster {
        try await client.waitFor(StoredCluster.self, key(name), isTrue)
    }

    /// Waits until the operator has done all it can for the cluster.
    @discardableResult
    func complete(_ name: String) async throws -> StoredCluster {
        try await wait(for: name, \.isComplete)
    }

    /// Deletes the cluster and waits until it is gone.
    func deleteCompletely(_ name: String) async throws {
        _ = try await client.delete(StoredCluster.self, key(name))
        try await client.waitUntilGone(StoredCluster.self, key(name))
    }

    /// Takes away the finalizers of all clusters of the control plane, which would hold their kind: the operators of
    /// earlier tests have ended.
    func releaseAll() async throws {
        for cluster in try await client.list(StoredCluster.self).items {
            _ = try await client.mergePatch(
                StoredCluster.self, cluster.key, ["metadata": ["finalizers": .null]])
        }
    }

    // MARK: Machines

    func machines() async throws -> [StoredMachine] {
        try await client.list(StoredMachine.self, ObjectSelection(namespace: namespace)).items
            .sorted { $0.key < $1.key }
    }

    func machine(_ name: String) async throws -> StoredMachine {
        try await client.get(StoredMachine.self, key(name))
    }

    @discardableResult
    func patchMachine(
        _ name: String, _ patch: JSONValue, subresource: Subresource? = nil
    ) async throws -> StoredMachine {
        try await client.mergePatch(StoredMachine.self, key(name), patch, subresource: subresource)
    }

    /// Waits until `isTrue` of all Machines of the namespace.
    @discardableResult
    func waitForMachines(_ isTrue: ([StoredMachine]) -> Bool) async throws -> [StoredMachine] {
        try await client.waitUntil(StoredMachine.self, in: namespace, isTrue)
    }

    /// Waits until the Machines of the namespace have these names.
    @discardableResult
    func waitForMachines(named names: [String]) async throws -> [StoredMachine] {
        let names = names.sorted()
        return try await waitForMachines { $0.map(\.name) == names }
    }

    // MARK: Events

    /// The Events about an object, in order of their names.
    func events(about name: String) async throws -> [StoredEvent] {
        try await client.list(StoredEvent.self, ObjectSelection(namespace: namespace)).items
            .filter { $0.document["involvedObject"]?["name"]?.string == name }
    }

    /// Waits for an Event about an object.
    @discardableResult
    func event(about name: String, reason: String) async throws -> StoredEvent {
        let matches = { (event: StoredEvent) in
            event.document["involvedObject"]?["name"]?.string == name
                && event.document["reason"]?.string == reason
        }
        let events = try await client.waitUntil(StoredEvent.self, in: namespace) {
            $0.contains(where: matches)
        }
        guard let event = events.first(where: matches) else { throw APIError.invalidRequest("unreachable") }
        return event
    }
}

/// The manifests that an operator wrote.
extension OperatorProcess {
    /// The names in a directory below the results path, sorted; nil if there is no such directory.
    func files(in directory: String) -> [String]? {
        let listing = Result { () throws(FileError) in try FileSystem.list("\(resultsPath)/\(directory)") }
        guard case .success(let names) = listing else { return nil }
        return names.sorted()
    }

    /// The manifests of a directory, by Machine.
    func manifests(in directory: String) throws -> [String: JSONValue] {
        var manifests: [String: JSONValue] = [:]
        for file in files(in: directory) ?? [] where file.hasSuffix(".yaml") {
            let bytes = try FileSystem.read("\(resultsPath)/\(directory)/\(file)", limit: 16 << 20)
            let documents = try YAML.documents(bytes)
            manifests[String(file.dropLast(".yaml".count))] = documents.first
        }
        return manifests
    }
}

/// The bearer token of the operator's user.
func token(of controlPlane: ControlPlane) throws -> String {
    String(decoding: try FileSystem.read(controlPlane.operatorTokenFile, limit: 4096), as: UTF8.self)
}

/// Users that may do nothing until somebody lets them.
extension Scenario {
    /// A kubeconfig of a new user with this name, who has a certificate and no rights.
    func makeUser(_ name: String) async throws -> String {
        _ = try await controlPlane.issueCertificate(user: name)
        let certificate = "\(controlPlane.stateDirectory)/pki/\(name)"
        return try controlPlane.writeKubeconfig(
            name,
            user: [
                "client-certificate": .string("\(certificate).crt"),
                "client-key": .string("\(certificate).key"),
            ])
    }

    /// Gives the operators' account in the namespace what `leader-election.yaml` gives it in its own: leases of tests
    /// side by side must not be in each other's way.
    private func moveLeaderElection() async throws {
        let path = "\(Repository.root)/config/rbac/leader-election.yaml"
        for document in try YAML.documents(FileSystem.read(path, limit: 1 << 20)) {
            let moved = document.mergePatched(with: ["metadata": ["namespace": .string(namespace)]])
            if document["kind"] == "Role" {
                _ = try await client.create(Role.self, moved, namespace: namespace)
            } else {
                _ = try await client.create(RoleBinding.self, moved, namespace: namespace)
            }
        }
    }

    /// Gives a user or a group what the shipped roles give the operators' account, in the namespace.
    func bindRoles(to name: String, kind: String = "User") async throws {
        let roles = [("ClusterRole", "talos-operator"), ("Role", "talos-operator-leader-election")]
        for (roleKind, role) in roles {
            let binding: JSONValue = [
                "metadata": ["name": .string("\(name)-\(roleKind)")],
                "roleRef": [
                    "apiGroup": "rbac.authorization.k8s.io", "kind": .string(roleKind), "name": .string(role),
                ],
                "subjects": [
                    [
                        "kind": .string(kind), "name": .string(name),
                        "apiGroup": "rbac.authorization.k8s.io",
                    ]
                ],
            ]
            _ = try await client.create(RoleBinding.self, binding, namespace: namespace)
        }
    }
}
