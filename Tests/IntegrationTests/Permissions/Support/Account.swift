// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// A service account in the operator's namespace, and a kubeconfig with a token of it from the API server.
struct Account: Sendable {
    static let namespace = "talos-operator-system"
    /// The account that is shipped.
    static let shipped = "talos-operator-controller-manager"

    let name: String
    let kubeconfig: String

    /// How the API server and its audit log call it.
    var user: String { "system:serviceaccount:\(Self.namespace):\(name)" }

    /// Asks for a token of an account that exists.
    init(_ name: String, on controlPlane: ControlPlane) async throws {
        self.name = name
        let lines = try await controlPlane.kubectl(
            "create", "token", name, "--namespace", Self.namespace, "--duration=12h")
        kubeconfig = try controlPlane.writeKubeconfig(name, user: ["token": .string(lines.last ?? "")])
    }
}

/// Where an operator may work: in all namespaces, or in its scenario's.
enum Reach: String, Sendable, CaseIterable {
    case everywhere, oneNamespace
}

/// An account like the shipped one, with rights of its own that can be changed.
struct BoundAccount: Sendable {
    let account: Account
    private let reach: Reach
    private let scenario: Scenario

    /// Makes an account with these rules, named after the scenario's namespace.
    init(_ scenario: Scenario, _ reach: Reach, _ rules: ShippedRules) async throws {
        (self.scenario, self.reach) = (scenario, reach)
        let (client, name) = (scenario.client, scenario.namespace)
        let metadata: JSONValue = ["metadata": ["name": .string(name)]]
        _ = try await client.create(ServiceAccount.self, metadata, namespace: Account.namespace)
        account = try await Account(name, on: scenario.controlPlane)

        let work = metadata.mergePatched(with: ["rules": .array(rules.work)])
        switch reach {
        case .everywhere:
            _ = try await client.create(ClusterRole.self, work, namespace: "")
            _ = try await client.create(ClusterRoleBinding.self, binding("ClusterRole"), namespace: "")
        case .oneNamespace:
            _ = try await client.create(Role.self, work, namespace: scenario.namespace)
            _ = try await client.create(RoleBinding.self, binding("Role"), namespace: scenario.namespace)
        }
        let election = metadata.mergePatched(with: ["rules": .array(rules.election)])
        _ = try await client.create(Role.self, election, namespace: Account.namespace)
        _ = try await client.create(RoleBinding.self, binding("Role"), namespace: Account.namespace)
    }

    /// Replaces what it may do.
    func grant(_ rules: ShippedRules) async throws {
        let (client, name) = (scenario.client, account.name)
        let work: JSONValue = ["rules": .array(rules.work)]
        switch reach {
        case .everywhere:
            let key = ObjectKey(namespace: "", name: name)
            _ = try await client.mergePatch(ClusterRole.self, key, work)
        case .oneNamespace:
            _ = try await client.mergePatch(Role.self, scenario.key(name), work)
        }
        let key = ObjectKey(namespace: Account.namespace, name: name)
        _ = try await client.mergePatch(Role.self, key, ["rules": .array(rules.election)])
    }

    /// Takes away what lies outside the scenario's namespace.
    func remove() async throws {
        let (client, key) = (scenario.client, ObjectKey(namespace: Account.namespace, name: account.name))
        if reach == .everywhere {
            let global = ObjectKey(namespace: "", name: account.name)
            _ = try await client.delete(ClusterRoleBinding.self, global)
            _ = try await client.delete(ClusterRole.self, global)
        }
        _ = try await client.delete(RoleBinding.self, key)
        _ = try await client.delete(Role.self, key)
        _ = try await client.delete(ServiceAccount.self, key)
    }

    private func binding(_ kind: String) -> JSONValue {
        let name = JSONValue.string(account.name)
        return [
            "metadata": ["name": name],
            "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": .string(kind), "name": name],
            "subjects": [
                ["kind": "ServiceAccount", "name": name, "namespace": .string(Account.namespace)]
            ],
        ]
    }
}
