// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// One thing that an account may do: a verb on a resource.
struct Permission: Sendable, Hashable, CustomTestStringConvertible {
    var group: String
    /// With its subresource, as in `kubernetesclusters/status`.
    var resource: String
    var verb: String

    var testDescription: String { "\(verb) \(resource)" }
}

/// The rules that are shipped in `config/rbac`.
struct ShippedRules: Sendable {
    /// The member `rules` of the role for clusters and Machines.
    private(set) var work: [JSONValue]
    /// The same for the role in the operator's own namespace.
    private(set) var election: [JSONValue]

    /// The rules of the ClusterRole, or those for a single namespace.
    static func read(namespaced: Bool) throws -> ShippedRules {
        ShippedRules(
            work: try rules(namespaced ? "namespaced/role.yaml" : "role.yaml"),
            election: try rules("leader-election.yaml"))
    }

    /// The rules for a single namespace, with those that the making of configurations takes.
    static func readWithConfiguration() throws -> ShippedRules {
        var shipped = try read(namespaced: true)
        shipped.work += try rules("namespaced/config-management.yaml")
        return shipped
    }

    private static func rules(_ file: String) throws -> [JSONValue] {
        let path = "\(Repository.root)/config/rbac/\(file)"
        let documents = try YAML.documents(FileSystem.read(path, limit: 1 << 20))
        return documents.flatMap { $0["rules"]?.array ?? [] }
    }

    /// Every verb on every resource.
    var permissions: [Permission] { (work + election).flatMap(Self.permissions) }

    private static func permissions(_ rule: JSONValue) -> [Permission] {
        func texts(_ member: String) -> [String] { rule[member]?.array?.compactMap(\.string) ?? [] }
        return texts("apiGroups").flatMap { group in
            texts("resources").flatMap { resource in
                texts("verbs").map { Permission(group: group, resource: resource, verb: $0) }
            }
        }
    }

    /// The rules without one permission; all others stay.
    func without(_ permission: Permission) -> ShippedRules {
        func reduced(_ rules: [JSONValue]) -> [JSONValue] {
            rules.flatMap(Self.permissions).filter { $0 != permission }.map { other in
                [
                    "apiGroups": [.string(other.group)], "resources": [.string(other.resource)],
                    "verbs": [.string(other.verb)],
                ]
            }
        }
        return ShippedRules(work: reduced(work), election: reduced(election))
    }
}

enum ServiceAccountKind: RawKind {
    static let definition = ResourceDefinition(
        group: "", version: "v1", kind: "ServiceAccount", plural: "serviceaccounts")
}

enum ClusterRoleKind: RawKind {
    static let definition = ResourceDefinition(
        group: "rbac.authorization.k8s.io", version: "v1", kind: "ClusterRole", plural: "clusterroles",
        isNamespaced: false)
}

enum ClusterRoleBindingKind: RawKind {
    static let definition = ResourceDefinition(
        group: "rbac.authorization.k8s.io", version: "v1", kind: "ClusterRoleBinding",
        plural: "clusterrolebindings", isNamespaced: false)
}

typealias ServiceAccount = RawObject<ServiceAccountKind>
typealias ClusterRole = RawObject<ClusterRoleKind>
typealias ClusterRoleBinding = RawObject<ClusterRoleBindingKind>
