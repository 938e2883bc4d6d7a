// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
package import StructuredData

/// The control planes that many tests use, each started by the first of them.
///
/// They end with the process, which their watchdog sees.
extension ControlPlane {
    /// For tests that leave it as it is and work in namespaces of their own.
    package static func shared() async throws -> ControlPlane { try await sharedTask.value }

    /// For tests that restart it or starve it; one at a time, so only from a serialized suite.
    package static func disturbed() async throws -> ControlPlane { try await disturbedTask.value }

    private static let sharedTask = Task {
        let controlPlane = try await start("shared")
        try await controlPlane.installOperatorResources()
        try await controlPlane.install(TestResources.widgets)
        return controlPlane
    }

    private static let disturbedTask = Task {
        let controlPlane = try await start("disturbed")
        try await controlPlane.install(TestResources.widgets)
        return controlPlane
    }

    /// Creates a namespace that no other test uses and returns its name.
    package func makeNamespace(_ purpose: String) async throws -> String {
        let name = "\(purpose)-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        _ = try await adminClient().create(
            Namespace.self, ["metadata": ["name": .string(name)]], namespace: "")
        return name
    }

    /// Creates a CRD and waits until its kind is served.
    package func install(_ definition: JSONValue) async throws {
        let client = try adminClient()
        let created = try await client.create(CustomResourceDefinition.self, definition, namespace: "")
        try await client.waitFor(CustomResourceDefinition.self, created.key) { definition in
            let conditions = definition.document["status"]?["conditions"]?.array ?? []
            return conditions.contains { $0["type"] == "Established" && $0["status"] == "True" }
        }
    }

    /// Lets a user do anything with the resources of a group in a namespace, or with `verbs` what they name.
    package func grant(
        _ user: String, in namespace: String, group: String, resources: [String], verbs: [String] = ["*"]
    ) async throws {
        let client = try adminClient()
        let name = "\(user)-\(resources.joined(separator: "-"))"
        let rule: JSONValue = [
            "apiGroups": [.string(group)], "resources": .array(resources.map { .string($0) }),
            "verbs": .array(verbs.map { .string($0) }),
        ]
        _ = try await client.create(
            Role.self, ["metadata": ["name": .string(name)], "rules": [rule]], namespace: namespace)
        let binding: JSONValue = [
            "metadata": ["name": .string(name)],
            "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": .string(name)],
            "subjects": [["kind": "User", "name": .string(user), "apiGroup": "rbac.authorization.k8s.io"]],
        ]
        _ = try await client.create(RoleBinding.self, binding, namespace: namespace)
    }
}
