// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

/// What an operator may do that makes configurations.
@Suite("Permissions of an operator that makes configurations", .timeLimit(.minutes(15)))
struct ConfigPermissionTests {
    private static let places = Places(3)

    @Test("with the shipped rights it is refused nothing and uses each of them")
    func enough() async throws {
        try await Self.places.take {
            try await Scenario.run("config-rights") { scenario in
                let bound = try await BoundAccount(
                    scenario, .oneNamespace, try ShippedRules.readWithConfiguration())
                let life = ConfigLife(scenario: scenario, account: bound.account)
                try await life.live()
                let requests = try await scenario.requests(ofAccount: bound.account)
                #expect(requests.filter { $0.status == 403 }.map(\.permission) == [])
                let further = Set(ConfigNeed.all.map(\.permission))
                #expect(Set(requests.map(\.permission)).isSuperset(of: further))
                #expect(
                    Set(requests.filter { $0.resource == "secrets" }.map(\.namespace)) == [scenario.namespace]
                )
                try await bound.remove()
            }
        }
    }

    @Test("every right that is shipped has a row in the table of needs")
    func table() throws {
        let further = Set(try ShippedRules.readWithConfiguration().permissions)
            .subtracting(try ShippedRules.read(namespaced: true).permissions)
        #expect(further == Set(ConfigNeed.all.map(\.permission)))
    }

    @Test(
        "without one of them it is refused and gets no further; with it, it goes on",
        arguments: ConfigNeed.all)
    func needed(_ need: ConfigNeed) async throws {
        try await Self.places.take {
            try await Scenario.run("config-without") { scenario in
                let rules = try ShippedRules.readWithConfiguration()
                let bound = try await BoundAccount(scenario, .oneNamespace, rules.without(need.permission))
                let life = ConfigLife(scenario: scenario, account: bound.account)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await life.live() }
                    let refused = try await scenario.firstRefusal(ofAccount: bound.account)
                    #expect(refused.permission == need.permission)
                    #expect(!life.passed.entries.contains(need.milestone), "\(life.passed.entries)")
                    try await bound.grant(rules)
                    try await group.next()
                    #expect(life.passed.entries == ConfigLife.Milestone.allCases)
                    group.cancelAll()
                }
                try await bound.remove()
            }
        }
    }
}

/// A permission, and how far the life of a cluster does not get without it.
struct ConfigNeed: Sendable, CustomTestStringConvertible {
    var permission: Permission
    var milestone: ConfigLife.Milestone

    var testDescription: String { permission.testDescription }

    private init(_ verb: String, _ resource: String, for milestone: ConfigLife.Milestone) {
        permission = Permission(group: "", resource: resource, verb: verb)
        self.milestone = milestone
    }

    static let all = [
        ConfigNeed("list", "secrets", for: .caches), ConfigNeed("list", "configmaps", for: .caches),
        ConfigNeed("get", "secrets", for: .configured), ConfigNeed("create", "secrets", for: .configured),
        ConfigNeed("watch", "configmaps", for: .layer), ConfigNeed("patch", "secrets", for: .layer),
        ConfigNeed("watch", "secrets", for: .repair), ConfigNeed("delete", "secrets", for: .fewer),
    ]
}

/// The life of a cluster in which its operator does everything with Secrets and ConfigMaps that it ever does.
struct ConfigLife: Sendable {
    /// What nobody but the operator does, in the order in which it comes.
    enum Milestone: Int, Sendable, CaseIterable {
        case caches, configured, layer, repair, fewer, gone
    }

    let scenario: Scenario
    let account: Account
    /// Those that were passed.
    let passed = Journal<Milestone>()

    /// Starts an operator and goes from milestone to milestone, each of which is waited for, however long it takes.
    func live() async throws {
        let process = try scenario.startOperator(flags: [
            "--kubeconfig", account.kubeconfig, "--config-management", "--layer-namespace",
            scenario.namespace,
        ])
        await process.logLine("Caches are filled")
        passed.append(.caches)
        try await scenario.create(scenario.configCluster("app"))
        try await scenario.configured("app")
        passed.append(.configured)
        try await scenario.putLayer("site", "machine: {sysctls: {a: '7'}}")
        let key = scenario.key("app-w-0-talos-config")
        let config = try await scenario.client.waitFor(StoredSecret.self, key) {
            $0.text().contains("a: \"7\"")
        }
        passed.append(.layer)
        _ = try await scenario.client.mergePatch(StoredSecret.self, key, ["data": ["value": "YQ=="]])
        try await scenario.client.waitFor(StoredSecret.self, key) { $0.text() == config.text() }
        passed.append(.repair)
        try await scenario.edit("app", ["workers": []])
        try await scenario.client.waitUntilGone(StoredSecret.self, key)
        passed.append(.fewer)
        try await scenario.deleteCompletely("app")
        #expect(try await scenario.secrets().isEmpty)
        passed.append(.gone)
        // The audit log has a watch when it ends.
        await process.stop()
    }
}
