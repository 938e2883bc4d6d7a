// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

@Suite("Monitoring with Prometheus", .timeLimit(.minutes(15)))
struct PrometheusTests {
    private static let election = ["--leader-elect", "--leader-election-namespace"]

    @Test("it finds every replica, every rule works, and a healthy operator is no alert")
    func healthy() async throws {
        try await Scenario.run("prometheus") { scenario in
            let election = Self.election + [scenario.namespace]
            for name in ["a", "b"] {
                try await scenario.makePod(name, of: try scenario.startOperator(flags: election))
            }
            try await scenario.create(ClusterDocument("app", workers: [("w", 1)]))
            try await scenario.complete("app")
            try await scenario.setReady("app-cp-0", "app-w-0")
            try await PrometheusServer.run(scenario, isImpatient: false) { prometheus in
                try await eventually { try await prometheus.query("up == 1").count == 2 }
                let pods = try await prometheus.query("up").map { $0.labels["pod"] ?? "" }.sorted()
                #expect(pods == ["a", "b"])
                // Rates need work that begins when Prometheus looks already.
                try await scenario.create(ClusterDocument("later"))
                try await scenario.complete("later")
                try await scenario.setReady("later-cp-0")
                try await eventually {
                    try await prometheus.value("talos_operator:clusters:max{phase=\"Running\"}") == 2
                }
                let phase = "talos_operator_cluster_phase{cluster_name=\"app\", phase=\"Running\"}"
                try await eventually { try await prometheus.value(phase) == 1 }
                let labels = try await prometheus.query(phase).first?.labels ?? [:]
                #expect(labels["namespace"] == scenario.namespace)
                #expect(labels["cluster_namespace"] == scenario.namespace)
                #expect(labels.keys.filter { $0.hasPrefix("exported_") } == [])
                try await expectRulesWork(prometheus)
                try await prometheus.quiet("TalosOperatorClusterStuck")
                #expect(try await prometheus.alerts().filter(\.isFiring) == [])
            }
        }
    }

    /// Waits until every recording rule has a number, and expects that no rule has failed.
    private func expectRulesWork(_ prometheus: PrometheusServer) async throws {
        let rules = try await prometheus.rules()
        #expect(rules.count { $0.isAlert } > 20)
        for rule in rules where !rule.isAlert {
            try await eventually { try await prometheus.query(rule.name).contains { $0.value.isFinite } }
        }
        for rule in try await prometheus.rules() { #expect(rule.problem == nil, "\(rule.name)") }
    }

    @Test(
        "a cluster that does not get to run, and one that has failed, are alerts until they run or are gone")
    func clusters() async throws {
        try await Scenario.run("alerts") { scenario in
            let process = try scenario.startOperator()
            try await scenario.makePod("a", of: process)
            try await scenario.create(ClusterDocument("slow"))
            try await scenario.complete("slow")
            try await PrometheusServer.run(scenario, isImpatient: true) { prometheus in
                let stuck = try await prometheus.firing("TalosOperatorClusterStuck")
                #expect(stuck.labels["cluster_name"] == "slow")
                #expect(stuck.labels["cluster_namespace"] == scenario.namespace)
                #expect(stuck.labels["severity"] == "warning")
                #expect(stuck.annotations["description"]?.contains("\(scenario.namespace)/slow") == true)
                #expect(try await !prometheus.alerts().contains { $0.name == "TalosOperatorClusterFailed" })

                try await scenario.patchMachine(
                    "slow-cp-0", ["status": ["phase": "Failed"]], subresource: .status)
                #expect(
                    try await prometheus.firing("TalosOperatorClusterFailed").labels["cluster_name"] == "slow"
                )
                try await scenario.setReady("slow-cp-0")
                try await prometheus.quiet("TalosOperatorClusterFailed")
                try await prometheus.quiet("TalosOperatorClusterStuck")
            }
        }
    }

    @Test("an operator that ends is an alert, until it is back")
    func down() async throws {
        try await Scenario.run("down") { scenario in
            let process = try scenario.startOperator(flags: Self.election + [scenario.namespace])
            try await scenario.makePod("a", of: process)
            try await PrometheusServer.run(scenario, isImpatient: true) { prometheus in
                try await eventually { try await prometheus.value("talos_operator_build_info") == 1 }
                try await prometheus.quiet("TalosOperatorDown")
                await process.kill()
                let alert = try await prometheus.firing("TalosOperatorDown")
                #expect(alert.labels["namespace"] == scenario.namespace)
                #expect(alert.labels["severity"] == "critical")
                try scenario.startOperator("--metrics-bind-address", "127.0.0.1:\(process.metricsPort)")
                try await prometheus.quiet("TalosOperatorDown")
            }
        }
    }

    @Test("replicas of which none leads are an alert, until one does")
    func noLeader() async throws {
        try await Scenario.run("leaderless") { scenario in
            let lease: JSONValue = [
                "metadata": ["name": .string(try Self.leaseName(scenario))],
                "spec": [
                    "holderIdentity": "nobody", "leaseDurationSeconds": 3600, "leaseTransitions": 0,
                    "acquireTime": "2024-01-01T12:00:00.000000Z", "renewTime": "2024-01-01T12:00:00.000000Z",
                ],
            ]
            let held = try await scenario.client.create(
                StoredLease.self, lease, namespace: scenario.namespace)
            let process = try scenario.startOperator(flags: Self.election + [scenario.namespace])
            try await scenario.makePod("a", of: process)
            try await scenario.create(ClusterDocument("app"))
            try await PrometheusServer.run(scenario, isImpatient: true) { prometheus in
                let alert = try await prometheus.firing("TalosOperatorNoLeader")
                #expect(alert.labels["name"] == held.metadata.name)
                #expect(try await prometheus.query("talos_operator_cluster_phase").isEmpty)
                _ = try await scenario.client.mergePatch(
                    StoredLease.self, held.key, ["spec": ["holderIdentity": "", "leaseDurationSeconds": 1]])
                try await prometheus.quiet("TalosOperatorNoLeader")
                try await eventually { try await prometheus.value("talos_operator_cluster_phase") == 1 }
            }
        }
    }

    /// The name of the lease of an operator that watches the namespace alone.
    private static func leaseName(_ scenario: Scenario) throws -> String {
        LeaseName.name(labelSelector: "", namespaces: [scenario.namespace])
    }

    @Test(
        "an operator that serves HTTPS is scraped with its certificate checked, and an expiry near is an alert"
    )
    func secure() async throws {
        try await Scenario.run("https") { scenario in
            let pki = try await TestPKI()
            try await pki.sign("tls", names: "IP:127.0.0.1", days: 3)
            let process = try scenario.startOperator(flags: secureFlags(pki))
            try await scenario.makePod("a", of: process)
            try await PrometheusServer.run(scenario, isImpatient: true, scheme: scheme(pki)) { prometheus in
                try await eventually { try await prometheus.value("up == 1") == 1 }
                let alert = try await prometheus.firing("TalosOperatorCertificateExpiresSoon")
                #expect(alert.labels["pod"] == "a")
                #expect(alert.annotations["description"]?.contains("2d 23h") == true)
                #expect(
                    try await !prometheus.alerts().contains { $0.name == "TalosOperatorCertificateExpires" })
            }
        }
    }

    private func secureFlags(_ pki: TestPKI) -> [String] {
        let directory = pki.path("tls.crt").split(separator: "/").dropLast().joined(separator: "/")
        return ["--metrics-secure", "--metrics-cert-path", "/\(directory)"]
    }

    private func scheme(_ pki: TestPKI) -> [String] {
        ["scheme: https", "tls_config: {ca_file: \(pki.path("ca.crt"))}"]
    }

    @Test("an operator that asks who scrapes it is scraped with a token that may, and not without")
    func authorized() async throws {
        try await Scenario.run("authorized") { scenario in
            try await scenario.allowScraping()
            let pki = try await TestPKI()
            try await pki.sign("tls", names: "IP:127.0.0.1")
            let process = try scenario.startOperator(flags: secureFlags(pki) + ["--metrics-authorization"])
            await process.logLine("Caches are filled")
            try await scenario.makePod("a", of: process)
            try await PrometheusServer.run(scenario, isImpatient: true, scheme: scheme(pki)) { prometheus in
                let alert = try await prometheus.firing("TalosOperatorDown")
                #expect(alert.labels["namespace"] == scenario.namespace)
                let pages = try await prometheus.query("talos_operator_build_info")
                #expect(pages.isEmpty)
            }
            let token = "authorization: {credentials_file: \(scenario.controlPlane.operatorTokenFile)}"
            let scheme = scheme(pki) + [token]
            try await PrometheusServer.run(scenario, isImpatient: true, scheme: scheme) { prometheus in
                try await eventually { try await prometheus.value("talos_operator_build_info") == 1 }
                try await prometheus.quiet("TalosOperatorDown")
            }
        }
    }
}

enum PodKind: RawKind {
    static let definition = ResourceDefinition(group: "", version: "v1", kind: "Pod", plural: "pods")
}

extension Scenario {
    /// Makes the object of a Pod in which, as far as anyone can tell, this operator runs.
    func makePod(_ name: String, of process: OperatorProcess) async throws {
        let container: JSONValue = [
            "name": "manager", "image": "talos-operator",
            "ports": [
                ["name": "metrics", "containerPort": .integer(Int64(process.metricsPort))],
                ["name": "health", "containerPort": .integer(Int64(process.probePort))],
            ],
        ]
        let pod: JSONValue = [
            "metadata": ["name": .string(name), "labels": ["app.kubernetes.io/name": "talos-operator"]],
            "spec": ["containers": [container], "automountServiceAccountToken": false],
        ]
        _ = try await client.create(RawObject<PodKind>.self, pod, namespace: namespace)
        let status: JSONValue = [
            "status": ["phase": "Running", "podIP": "127.0.0.1", "podIPs": [["ip": "127.0.0.1"]]]
        ]
        _ = try await client.mergePatch(RawObject<PodKind>.self, key(name), status, subresource: .status)
    }

    /// Lets the operator's account ask who scrapes, and scrape: Prometheus has its token too.
    func allowScraping() async throws {
        try await controlPlane.kubectl("apply", "-f", "\(Repository.root)/config/rbac/metrics-auth.yaml")
        try await controlPlane.kubectl(
            "create", "clusterrolebinding", "\(namespace)-reader",
            "--clusterrole=talos-operator-metrics-reader",
            "--serviceaccount=talos-operator-system:talos-operator-controller-manager")
    }

    /// Reports Machines as ready, as their provider would.
    func setReady(_ names: String...) async throws {
        let condition: JSONValue = [
            "type": "Ready", "status": "True", "reason": "Provider", "message": "said so",
            "lastTransitionTime": "2024-01-01T12:00:00Z",
        ]
        for name in names {
            try await patchMachine(
                name, ["status": ["phase": "Running", "conditions": [condition]]], subresource: .status)
        }
    }
}
