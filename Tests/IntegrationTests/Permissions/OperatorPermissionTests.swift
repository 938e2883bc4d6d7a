// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// What the operator may do, on an API server that also minds who blocks whose deletion.
@Suite("Permissions of the operator", .timeLimit(.minutes(15)))
struct OperatorPermissionTests {
    private static let controlPlane = Task {
        let controlPlane = try await ControlPlane.start(
            "permissions", flags: ["--enable-admission-plugins=OwnerReferencesPermissionEnforcement"])
        try await controlPlane.installOperatorResources()
        return controlPlane
    }

    /// As many operators at a time as two processors can take.
    private static let places = Places(4)

    // MARK: Enough

    @Test("the shipped account does all its work with the shipped roles, everywhere and in one namespace")
    func enough() async throws {
        let controlPlane = try await Self.controlPlane.value
        let rbac = "\(Repository.root)/config/rbac"
        let account = try await Account(Account.shipped, on: controlPlane)
        try await Scenario.run("cluster-wide", on: controlPlane) { scenario in
            try await expectWholeLife(of: account, .everywhere, in: scenario)
        }
        // From here on the account has nothing but its lease and what a namespace grants.
        for file in ["role-binding.yaml", "role.yaml"] {
            try await controlPlane.kubectl("delete", "-f", "\(rbac)/\(file)")
        }
        try await Scenario.run("namespaced", on: controlPlane) { scenario in
            try await controlPlane.kubectl(
                "apply", "--namespace", scenario.namespace, "-f", "\(rbac)/namespaced/role.yaml")
            try await expectWholeLife(of: account, .oneNamespace, in: scenario)
        }
    }

    /// Expects that the account passes every milestone, that a restart is quiet, that it is refused nothing, and that
    /// it asks for nothing that its roles do not name.
    private func expectWholeLife(of account: Account, _ reach: Reach, in scenario: Scenario) async throws {
        let before = try await scenario.requests(ofAccount: account).count
        let life = ClusterLife(scenario: scenario, account: account, reach: reach)
        try await life.live()
        #expect(life.passed.entries == ClusterLife.Milestone.allCases)
        let next = try life.startOperator()
        await next.logLine("Leading")
        #expect(await next.stop() == .exited(0))

        let requests = Array(try await scenario.requests(ofAccount: account).dropFirst(before))
        #expect(requests.filter { $0.status == 403 }.map(\.permission) == [])
        let permissions = try ShippedRules.read(namespaced: reach == .oneNamespace).permissions
        // These two are looked at while a Machine is applied.
        let implied: Set = [Need.create.permission, Need.block.permission]
        #expect(Set(requests.map(\.permission)) == Set(permissions).subtracting(implied))
        let lists = requests.filter { ["list", "watch"].contains($0.verb) }
        let namespaces: Set = [reach == .everywhere ? "" : scenario.namespace]
        #expect(Set(lists.map(\.namespace)) == namespaces)
        #expect(
            Set(requests.map(\.namespace)) == namespaces.union([scenario.namespace, Account.namespace]))
    }

    // MARK: Not too much

    @Test("every permission that is shipped has a row in the table of needs", arguments: [false, true])
    func table(namespaced: Bool) throws {
        let shipped = try ShippedRules.read(namespaced: namespaced).permissions
        #expect(Set(shipped) == Set(Need.all.map(\.permission)))
        #expect(shipped.count == Need.all.count)
    }

    @Test(
        "without one permission the operator is refused and gets no further; with it, it goes on by itself",
        arguments: Need.all, Reach.allCases)
    func needed(_ need: Need, reach: Reach) async throws {
        try await Self.places.take {
            try await Scenario.run("without", on: Self.controlPlane.value) { scenario in
                try await expectNeed(need, reach, in: scenario)
            }
        }
    }

    private func expectNeed(_ need: Need, _ reach: Reach, in scenario: Scenario) async throws {
        let rules = try ShippedRules.read(namespaced: reach == .oneNamespace)
        let bound = try await BoundAccount(scenario, reach, rules.without(need.permission))
        let life = ClusterLife(scenario: scenario, account: bound.account, reach: reach)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await life.live() }
            let refused = try await scenario.firstRefusal(ofAccount: bound.account)
            #expect(refused.permission == need.refused)
            #expect(!life.passed.entries.contains(need.milestone), "\(life.passed.entries)")
            if need.isMadeUpFor {
                try await bound.grant(rules)
                try await group.next()
                #expect(life.passed.entries == ClusterLife.Milestone.allCases)
            }
            group.cancelAll()
        }
        let refusals = try await scenario.requests(ofAccount: bound.account).filter { $0.status == 403 }
        #expect(Set(refusals.map(\.permission)) == [need.refused])
        try await bound.remove()
    }
}

/// A permission, and how it is missed.
struct Need: Sendable, CustomTestStringConvertible {
    var permission: Permission
    /// How far the life of a cluster does not get without it.
    var milestone: ClusterLife.Milestone
    /// The request that the audit log shows as refused.
    var refused: Permission
    /// Whether the operator does what it could not do as soon as it may: an Event that was refused is not told later.
    var isMadeUpFor = true

    var testDescription: String { permission.testDescription }

    private init(
        _ verb: String, _ resource: String, in group: String = "vitistack.io",
        for milestone: ClusterLife.Milestone,
        refusedAs refused: Permission? = nil, isMadeUpFor: Bool = true
    ) {
        permission = Permission(group: group, resource: resource, verb: verb)
        self.milestone = milestone
        self.refused = refused ?? permission
        self.isMadeUpFor = isMadeUpFor
    }

    private static let apply = Permission(group: "vitistack.io", resource: "machines", verb: "patch")
    /// Server-side apply of a new object is a patch that also has to be allowed as a creation.
    static let create = Need("create", "machines", for: .machines, refusedAs: apply)
    /// An admission plugin looks at it when a Machine names the cluster as its owner.
    static let block = Need("update", "kubernetesclusters/finalizers", for: .machines, refusedAs: apply)

    static let all = [
        Need("list", "kubernetesclusters", for: .caches),
        Need("watch", "kubernetesclusters", for: .finalizer),
        Need("get", "kubernetesclusters", for: .more),
        Need("patch", "kubernetesclusters", for: .finalizer),
        Need("patch", "kubernetesclusters/status", for: .status),
        block,
        Need("list", "machines", for: .caches),
        Need("watch", "machines", for: .repair),
        create,
        Need("patch", "machines", for: .machines),
        Need("delete", "machines", for: .fewer),
        Need("create", "events", in: "", for: .event, isMadeUpFor: false),
        Need("patch", "events", in: "", for: .countedEvent, isMadeUpFor: false),
        Need("get", "leases", in: "coordination.k8s.io", for: .leadership),
        Need("create", "leases", in: "coordination.k8s.io", for: .leadership),
        Need("update", "leases", in: "coordination.k8s.io", for: .renewal),
    ]
}
