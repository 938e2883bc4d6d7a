// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

/// What the operator may do is contract: no more than its users were told, and no less than it needs.
@Suite("The operator's role")
struct RoleTests {
    private struct Rule: Hashable, CustomStringConvertible {
        var group: String
        var resource: String
        var verbs: Set<String>

        var description: String { "\(group)/\(resource): \(verbs.sorted().joined(separator: ","))" }

        /// Whether this allows all that `other` does.
        func contains(_ other: Rule) -> Bool {
            group == other.group && resource == other.resource && verbs.isSuperset(of: other.verbs)
        }
    }

    private func documents(_ name: String) throws -> [JSONValue] {
        try YAML.documents(FileSystem.read("\(Repository.root)/config/rbac/\(name).yaml", limit: 1 << 20))
    }

    /// A rule for each pair of a group and a resource.
    private func rules(_ role: JSONValue?) -> Set<Rule> {
        func texts(_ value: JSONValue?) -> [String] { value?.array?.compactMap(\.string) ?? [] }
        let rules = role?["rules"]?.array ?? []
        return Set(
            rules.flatMap { rule in
                texts(rule["apiGroups"]).flatMap { group in
                    texts(rule["resources"]).map { resource in
                        Rule(group: group, resource: resource, verbs: Set(texts(rule["verbs"])))
                    }
                }
            })
    }

    private static let all: Set = ["get", "list", "watch", "create", "update", "patch", "delete"]
    private static let specified: Set = [
        Rule(group: "vitistack.io", resource: "kubernetesclusters", verbs: all),
        Rule(group: "vitistack.io", resource: "machines", verbs: all),
        Rule(group: "", resource: "events", verbs: ["create", "patch"]),
        Rule(group: "coordination.k8s.io", resource: "leases", verbs: all),
    ]
    /// For the status subresource, and for owner references where a plugin asks for the right to block.
    private static let added: Set = [
        Rule(group: "vitistack.io", resource: "kubernetesclusters/status", verbs: ["patch"]),
        Rule(group: "vitistack.io", resource: "kubernetesclusters/finalizers", verbs: ["update"]),
    ]

    @Test(
        "no rule goes beyond the specification's and the two additions",
        arguments: ["role", "leader-election", "namespaced/role"])
    func bounded(file: String) throws {
        let shipped = rules(try documents(file).first)
        #expect(!shipped.isEmpty)
        for rule in shipped {
            #expect(Self.specified.union(Self.added).contains { $0.contains(rule) }, "\(rule)")
        }
    }

    @Test("every resource of the specification has a rule, and leases only where the operator lives")
    func complete() throws {
        let (everywhere, home) = (
            rules(try documents("role").first), rules(try documents("leader-election").first)
        )
        let all = Self.specified.union(Self.added)
        #expect(Set(everywhere.union(home).map(\.resource)) == Set(all.map(\.resource)))
        #expect(home.map(\.resource) == ["leases"] && !everywhere.contains { $0.resource == "leases" })
    }

    @Test("a namespace that is watched alone has the rules that hold for all otherwise")
    func namespaced() throws {
        let (role, binding) = (try documents("namespaced/role")[0], try documents("namespaced/role")[1])
        let (everywhere, itsBinding) = (try documents("role").first, try documents("role-binding").first)
        #expect(role["kind"] == "Role" && role["rules"] == everywhere?["rules"])
        #expect(role["metadata"]?["namespace"] == nil && binding["metadata"]?["namespace"] == nil)
        #expect(binding["roleRef"]?["name"] == role["metadata"]?["name"])
        #expect(binding["subjects"] == itsBinding?["subjects"])
    }

    @Test("no rule has a wildcard or touches secrets")
    func narrow() throws {
        for name in ["role", "leader-election", "namespaced/role", "user-roles"] {
            for rule in try documents(name).flatMap({ rules($0) }) {
                #expect(!rule.verbs.contains("*") && rule.resource != "*" && rule.group != "*")
                #expect(rule.resource != "secrets")
            }
        }
    }

    @Test(
        "rights on Secrets are in files of their own, the same everywhere and in one namespace, and no more than used"
    )
    func configManagement() throws {
        let wide = try documents("config-management/role")
        let own = try documents("namespaced/config-management")
        #expect(
            rules(wide.first) == [
                Rule(
                    group: "", resource: "secrets",
                    verbs: ["get", "list", "watch", "create", "patch", "delete"]),
                Rule(group: "", resource: "configmaps", verbs: ["list", "watch"]),
            ])
        #expect(own.first?["rules"] == wide.first?["rules"] && own.first?["kind"] == "Role")
        #expect(own.allSatisfy { $0["metadata"]?["namespace"] == nil })
        let layers = try documents("layers")
        #expect(rules(layers.first) == [Rule(group: "", resource: "configmaps", verbs: ["list", "watch"])])
        let subjects = try documents("role-binding").first?["subjects"]
        for binding in [wide.last, own.last, layers.last] { #expect(binding?["subjects"] == subjects) }
    }

    @Test("nobody gets the account's token who does not ask for it")
    func token() throws {
        #expect(try documents("account").last?["automountServiceAccountToken"] == false)
    }

    @Test("bindings name a role and an account that exist")
    func bindings() throws {
        let account = try #require(documents("account").last)
        let roles = try (documents("role") + documents("leader-election")).filter {
            $0["kind"] == "ClusterRole" || $0["kind"] == "Role"
        }
        let bindings = try (documents("role-binding") + documents("leader-election")).filter {
            $0["roleRef"] != nil
        }
        #expect(bindings.count == 2)
        for binding in bindings {
            #expect(
                roles.contains {
                    $0["kind"] == binding["roleRef"]?["kind"]
                        && $0["metadata"]?["name"] == binding["roleRef"]?["name"]
                })
            let subject = binding["subjects"]?.array?.first
            #expect(subject?["kind"] == account["kind"])
            #expect(subject?["name"] == account["metadata"]?["name"])
            #expect(subject?["namespace"] == account["metadata"]?["namespace"])
        }
    }
}
