// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

/// What people may do who have nothing but a role that every Kubernetes has.
@Suite("Permissions of people", .timeLimit(.minutes(15)))
struct UserPermissionTests {
    @Test("who may view sees clusters and Machines with their status, and can change nothing")
    func view() async throws {
        try await run("view") { scenario, user in
            #expect(try await user.get(StoredCluster.self, scenario.key("app")).isComplete)
            let namespace = ObjectSelection(namespace: scenario.namespace)
            #expect(try await user.list(StoredCluster.self, namespace).items.count == 1)
            #expect(try await user.list(StoredMachine.self, namespace).items.count == 2)
            try await expectRefusal { try await create("mine", user, scenario) }
            try await expectRefusal { try await edit(user, scenario) }
            try await expectRefusal { try await deleteMachine(user, scenario) }
            try await expectRefusal { try await deleteCluster(user, scenario) }
            try await expectRefusal { try await writeStatus(user, scenario) }
        }
    }

    @Test("who may edit makes, changes and deletes clusters, and has a Machine made anew by deleting it")
    func edit() async throws {
        try await run("edit") { scenario, user in
            try await create("mine", user, scenario)
            try await scenario.complete("mine")
            let former = try await scenario.machine("app-w-0")
            try await deleteMachine(user, scenario)
            try await scenario.client.waitFor(StoredMachine.self, former.key) {
                $0.metadata.uid != former.metadata.uid
            }
            try await edit(user, scenario)
            try await scenario.waitForMachines { $0.contains { $0.name == "app-w-1" } }
            try await deleteCluster(user, scenario)
            try await scenario.client.waitUntilGone(StoredCluster.self, scenario.key("app"))

            try await expectRefusal { try await writeStatus(user, scenario, cluster: "mine") }
            // What it changed in a Machine the operator would put back.
            try await expectRefusal {
                _ = try await user.mergePatch(
                    StoredMachine.self, scenario.key("mine-cp-0"), ["spec": ["provider": "other"]])
            }
        }
    }

    @Test("who is not named by a binding sees nothing")
    func nobody() async throws {
        try await run(nil) { scenario, user in
            try await expectRefusal {
                _ = try await user.list(StoredCluster.self, ObjectSelection(namespace: scenario.namespace))
            }
        }
    }

    // MARK: What people do

    private func create(_ name: String, _ user: KubernetesClient, _ scenario: Scenario) async throws {
        _ = try await user.create(
            StoredCluster.self, ClusterDocument(name).json, namespace: scenario.namespace)
    }

    private func edit(_ user: KubernetesClient, _ scenario: Scenario) async throws {
        let workers = ClusterDocument.workers([(name: "w", replicas: 2)])
        _ = try await user.mergePatch(StoredCluster.self, scenario.key("app"), ["spec": ["workers": workers]])
    }

    private func deleteMachine(_ user: KubernetesClient, _ scenario: Scenario) async throws {
        _ = try await user.delete(StoredMachine.self, scenario.key("app-w-0"))
    }

    private func deleteCluster(_ user: KubernetesClient, _ scenario: Scenario) async throws {
        _ = try await user.delete(StoredCluster.self, scenario.key("app"))
    }

    private func writeStatus(
        _ user: KubernetesClient, _ scenario: Scenario, cluster: String = "app"
    ) async throws {
        _ = try await user.mergePatch(
            StoredCluster.self, scenario.key(cluster), ["status": ["phase": "Running"]], subresource: .status)
    }

    // MARK: Who they are

    /// For all tests, which run side by side: who makes an object second is refused.
    private static let roles = Task {
        _ = try await ControlPlane.shared()
            .kubectl("apply", "-f", "\(Repository.root)/config/rbac/user-roles.yaml")
    }

    /// Runs `body` beside an operator and a complete cluster, with the client of a user who has `role` in the namespace.
    private func run(
        _ role: String?, _ body: @escaping @Sendable (Scenario, KubernetesClient) async throws -> Void
    ) async throws {
        try await Scenario.run(role ?? "nobody") { scenario in
            let controlPlane = scenario.controlPlane
            try await Self.roles.value
            let kubeconfig = try await scenario.makeUser("person-\(scenario.namespace)")
            if let role { try await bind(role, scenario) }
            try scenario.startOperator()
            try await scenario.create(ClusterDocument("app", workers: [("w", 1)]))
            try await scenario.complete("app")
            try await body(scenario, try controlPlane.linkedClient(kubeconfig).client)
        }
    }

    /// Binds a role as soon as ours is a part of it.
    private func bind(_ role: String, _ scenario: Scenario) async throws {
        let part = role == "view" ? "talos-operator-viewer" : "talos-operator-editor"
        let ours = try await scenario.client.get(ClusterRole.self, ObjectKey(namespace: "", name: part))
        let rules = ours.document["rules"]?.array ?? []
        try await scenario.client.waitFor(ClusterRole.self, ObjectKey(namespace: "", name: role)) {
            let all = $0.document["rules"]?.array ?? []
            return rules.allSatisfy(all.contains)
        }
        let subject: JSONValue = [
            "kind": "User", "name": .string("person-\(scenario.namespace)"),
            "apiGroup": "rbac.authorization.k8s.io",
        ]
        let reference: JSONValue = [
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role),
        ]
        _ = try await scenario.client.create(
            RoleBinding.self,
            ["metadata": ["name": "person"], "roleRef": reference, "subjects": [subject]],
            namespace: scenario.namespace)
    }

    private func expectRefusal(
        sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
    ) async throws {
        do {
            try await body()
            Issue.record("it was not refused", sourceLocation: sourceLocation)
        } catch let error as APIError {
            #expect(error.isForbidden, "\(error)", sourceLocation: sourceLocation)
        }
    }
}
