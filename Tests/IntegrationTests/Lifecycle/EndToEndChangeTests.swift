// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// What becomes of a cluster that runs when its specification is edited.
extension EndToEndTests {
    @Test("A changed configuration reaches every node, without a reboot or with one as the change wants it")
    func edit() async throws {
        try await EndToEndBench.run("e2e-edit") { bench in
            try await bench.startOperator()
            try await bench.create(bench.document("bravo", controlPlane: 1, workers: 2))
            let boots = try await bench.boots("bravo")

            try await bench.scenario.edit(
                "bravo", ["patches": [["machine": ["sysctls": ["net.core.somaxconn": "4096"]]]]])
            try await bench.running("bravo") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
            #expect(try await bench.changes("config-applied", in: "bravo").count == 3)
            #expect(try await bench.boots("bravo") == boots)

            try await bench.scenario.edit(
                "bravo", ["patches": [["machine": ["udev": ["rules": ["SUBSYSTEM==\"net\""]]]]]])
            try await bench.running("bravo") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
            let after = try await bench.boots("bravo")
            for (node, boot) in boots { #expect(after[node] != boot, "\(node) has not rebooted") }
        }
    }

    @Test("A plan waits for the approval of its hash, and nothing is done before")
    func approval() async throws {
        try await EndToEndBench.run("e2e-approval") { bench in
            let process = try await bench.startOperator()
            let rollout: JSONValue = ["rollout": ["approval": "Manual"]]
            try await bench.create(bench.document("charlie", controlPlane: 1, workers: 1, rollout))
            try await bench.scenario.edit(
                "charlie", ["patches": [["machine": ["sysctls": ["vm.swappiness": "1"]]]]])
            let waiting = try await bench.scenario.wait(for: "charlie") {
                $0.life["state"] == "WaitingForApproval"
            }
            let plan = try #require(waiting.life["plan"])
            #expect(plan["approved"] == false && plan["count"] == 2)
            let items = plan["items"]?.array?.compactMap { $0["node"]?.string }
            #expect(items?.sorted() == ["charlie-cp-0", "charlie-w-0"])
            try await bench.annotate(
                "charlie", ["cluster.vitistack.io/approved-plan": "0000000000000000"])
            try await bench.looks(3, of: process)
            #expect(try await bench.changes("config-applied", in: "charlie").isEmpty)

            try await bench.annotate(
                "charlie", ["cluster.vitistack.io/approved-plan": plan["hash"] ?? .null])
            try await bench.running("charlie") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
            #expect(try await bench.changes("config-applied", in: "charlie").count == 2)
        }
    }

    @Test("Nodes that are no longer wanted are emptied and reset, leave etcd, and then their Machines go")
    func scale() async throws {
        try await EndToEndBench.run("e2e-scale") { bench in
            try await bench.startOperator()
            let deletion: JSONValue = ["deletion": ["reset": "Graceful"]]
            var document = bench.document("delta", controlPlane: 3, workers: 2, deletion)
            try await bench.create(document)

            (document.controlPlane, document.workers) = (1, [("w", 1)])
            try await bench.apply(document)
            try await bench.scenario.waitForMachines(named: ["delta-cp-0", "delta-w-0"])
            let small = try await bench.running("delta") { $0.nodes.count == 2 }
            #expect(small.life["etcd"]?["voters"] == 1)
            for node in ["delta-cp-1", "delta-cp-2", "delta-w-1"] {
                let changes = try await bench.changes(of: node, in: "delta")
                let (reset, gone) = (changes.lastIndex(of: "reset"), changes.lastIndex(of: "machine-deleted"))
                #expect(try #require(reset) < #require(gone), "\(node): \(changes)")
                if node.contains("-cp-") {
                    #expect(try #require(changes.lastIndex(of: "etcd-member-left")) < #require(gone))
                }
            }
            let client = try await bench.workload("delta")
            try await client.waitUntil(WorkloadNode.self, in: "") { nodes in
                nodes.map(\.name).sorted() == ["delta-cp-0", "delta-w-0"]
            }

            (document.controlPlane, document.workers) = (3, [("w", 2)])
            try await bench.apply(document)
            let large = try await bench.running("delta") { $0.nodes.count == 5 }
            #expect(large.life["etcd"]?["voters"] == 3)
        }
    }

    @Test("Every node gets another Talos, one after the other, and a workload keeps what its budget wants")
    func upgradeTalos() async throws {
        try await EndToEndBench.run("e2e-talos") { bench in
            try await bench.startOperator()
            try await bench.create(bench.document("echo", controlPlane: 3, workers: 2))
            try await bench.simulator.addWorkload("shop", replicas: 2, minimum: 1, to: "echo")
            try await bench.pods("shop", in: "echo") { $0.count == 2 && $0.allSatisfy(\.isReady) }

            try await bench.scenario.edit("echo", ["talosVersion": "v1.13.0"])
            let cluster = try await bench.running("echo") { cluster in
                cluster.nodes.allSatisfy { $0["talos"] == "v1.13.0" }
            }
            #expect(cluster.life["talos"] == ["lowest": "v1.13.0", "highest": "v1.13.0"])
            let upgraded = try await bench.changes("upgraded", in: "echo").compactMap { $0["node"]?.string }
            #expect(upgraded.count == 5 && Set(upgraded).count == 5, "\(upgraded)")
            #expect(upgraded.prefix(3).allSatisfy { $0.contains("-cp-") })
            let nodes = try await bench.workload("echo").list(WorkloadNode.self, ObjectSelection()).items
            #expect(nodes.allSatisfy { $0.spec("unschedulable")?.bool != true })
        }
    }

    @Test("Kubernetes is upgraded component by component, the API servers before kubelets")
    func upgradeKubernetes() async throws {
        try await EndToEndBench.run("e2e-kubernetes") { bench in
            try await bench.startOperator()
            let old: JSONValue = ["kubernetesVersion": "v1.33.3"]
            try await bench.create(bench.document("foxtrot", controlPlane: 1, workers: 1, old))
            let boots = try await bench.boots("foxtrot")
            try await bench.scenario.edit("foxtrot", ["kubernetesVersion": "v1.34.1"])
            let cluster = try await bench.running("foxtrot") { cluster in
                cluster.nodes.allSatisfy { $0["kubernetes"] == "v1.34.1" }
            }
            #expect(cluster.life["kubernetes"] == ["lowest": "v1.34.1", "highest": "v1.34.1"])
            #expect(try await bench.boots("foxtrot") == boots)
            let images = try await bench.pods("", in: "foxtrot", namespace: "kube-system") { pods in
                pods.filter { $0.labels["tier"] == "control-plane" }.allSatisfy {
                    $0.image.hasSuffix(":v1.34.1")
                }
            }
            #expect(images.contains { $0.name.hasPrefix("kube-apiserver") })
        }
    }

    @Test("A budget that allows nothing halts the drain, and once it does the cluster goes on")
    func blockedDrain() async throws {
        try await EndToEndBench.run("e2e-blocked") { bench in
            try await bench.startOperator()
            let rollout: JSONValue = ["rollout": ["drain": ["timeout": "2s"], "mode": "Reboot"]]
            try await bench.create(bench.document("golf", controlPlane: 1, workers: 1, rollout))
            try await bench.simulator.addWorkload("shop", replicas: 1, minimum: 1, to: "golf")
            try await bench.pods("shop", in: "golf") { $0.count == 1 && $0.allSatisfy(\.isReady) }
            let boots = try await bench.boots("golf")

            try await bench.scenario.edit(
                "golf", ["patches": [["machine": ["sysctls": ["vm.swappiness": "1"]]]]])
            let halted = try await bench.scenario.wait(for: "golf", \.isHalted)
            #expect(halted.life["halt"]?["reason"] == "DrainTimedOut")
            let node = try #require(halted.life["halt"]?["node"]?.string)
            #expect(try await bench.boots("golf")[node] == boots[node])

            let client = try await bench.workload("golf")
            _ = try await client.mergePatch(
                StoredBudget.self, ObjectKey(namespace: "default", name: "shop"),
                ["spec": ["minAvailable": 0]])
            try await bench.annotate("golf", ["cluster.vitistack.io/resume": "1"])
            try await bench.scenario.wait(for: "golf") { !$0.isHalted }
            try await bench.running("golf") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
            #expect(try await bench.boots("golf")[node] != boots[node])
        }
    }
}

extension EndToEndBench {
    /// The boot of each node.
    func boots(_ cluster: String) async throws -> [String: String] {
        let nodes = try await simulator.state(of: cluster)["nodes"]?.object?.members ?? []
        return Dictionary(uniqueKeysWithValues: nodes.map { ($0.key, $0.value["bootID"]?.string ?? "") })
    }

    /// The changes of one kind, of all nodes.
    func changes(_ what: String, in cluster: String) async throws -> [JSONValue] {
        try await journal(cluster, "change").filter { $0["what"]?.string == what }
    }

    /// What has changed about a node, in order.
    func changes(of node: String, in cluster: String) async throws -> [String] {
        try await journal(cluster, "change").filter { $0["node"]?.string == node }
            .compactMap { $0["what"]?.string }
    }

    /// Waits until `isTrue` of the pods of a workload, or of all of the namespace.
    @discardableResult
    func pods(
        _ app: String, in cluster: String, namespace: String = "default", _ isTrue: ([WorkloadPod]) -> Bool
    ) async throws -> [WorkloadPod] {
        let client = try await workload(cluster)
        while true {
            let all = try await client.list(WorkloadPod.self, ObjectSelection(namespace: namespace)).items
            let mine = all.filter { app.isEmpty || $0.labels["app"] == app }
            if isTrue(mine) { return mine }
            try await SystemClock().sleep(for: .milliseconds(100))
        }
    }
}

enum WorkloadPodKind: RawKind {
    static let definition = ResourceDefinition(group: "", version: "v1", kind: "Pod", plural: "pods")
}

/// A pod of a managed cluster.
typealias WorkloadPod = RawObject<WorkloadPodKind>

extension RawObject<WorkloadPodKind> {
    var labels: [String: String] { metadata.labels }
    var image: String { spec("containers")?.array?.first?["image"]?.string ?? "" }
    var isReady: Bool {
        status["conditions"]?.array?.contains { $0["type"] == "Ready" && $0["status"] == "True" } == true
    }
}

enum StoredBudgetKind: RawKind {
    static let definition = ResourceDefinition(
        group: "policy", version: "v1", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets")
}

/// A disruption budget of a managed cluster.
typealias StoredBudget = RawObject<StoredBudgetKind>
