// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Operator: creation", .timeLimit(.minutes(15)))
struct CreationTests {
    @Test("a new cluster gets its Machines, manifests and status for exactly Machines + 2 requests")
    func creation() async throws {
        try await Scenario.run("create") { scenario in
            let process = try scenario.startOperator()
            await process.logLine("Caches are filled")
            let document = ClusterDocument("prod", controlPlane: 3, workers: [("workers", 2), ("gpu", 1)])
            let created = try await scenario.create(document)
            let cluster = try await scenario.complete("prod")

            let machines = try await scenario.machines()
            #expect(machines.map(\.name) == document.machineNames)
            for machine in machines { expectOwned(machine, by: created) }
            try expectManifests(process, in: "prod", equal: machines)
            expectStatus(cluster, machines: 6)

            let requests = try await scenario.requests().filter { $0.verb != "list" && $0.verb != "watch" }
            #expect(requests.count == machines.count + 2, "\(requests)")
            #expect(requests.count(where: \.isCreation) == machines.count)
        }
    }

    private func expectOwned(_ machine: StoredMachine, by cluster: StoredCluster) {
        let owner = machine.metadata.ownerReferences
        #expect(owner.count == 1)
        #expect(machine.metadata.controller?.uid == cluster.metadata.uid)
        #expect(owner.first?.json["blockOwnerDeletion"] == true)
        let group = machine.name.split(separator: "-")[1]
        var labels = [
            "cluster.vitistack.io/cluster-name": cluster.name,
            "cluster.vitistack.io/role": group == "cp" ? "controlplane" : "worker",
        ]
        if group != "cp" { labels["cluster.vitistack.io/worker-group"] = String(group) }
        #expect(machine.metadata.labels == labels)
        #expect(machine.spec("provider") == "kubevirt")
        let talos = machine.spec("talosConfig")
        #expect(talos?["machineType"]?.string == labels["cluster.vitistack.io/role"])
        #expect(talos?["clusterEndpoint"] == "https://192.168.1.100:6443")
        #expect(talos?["installDisk"] == "/dev/sda")
    }

    private func expectStatus(_ cluster: StoredCluster, machines: Int64) {
        #expect(cluster.phase == "Provisioning")
        #expect(cluster.metadata.finalizers == ["cluster.vitistack.io/finalizer"])
        #expect(cluster.status["machineCount"]?.integer == machines)
        #expect(cluster.status["controlPlaneReady"] == false)
        #expect(cluster.status["workersReady"] == 0)
        #expect(cluster.status["lastUpdated"]?.string != nil)
        #expect(cluster.verdict("Ready") == "False/MachinesNotReady")
        #expect(cluster.verdict("TopologyValid") == "True/ValidationSucceeded")
        for condition in cluster.status["conditions"]?.array ?? [] {
            #expect(condition["observedGeneration"] == 1)
        }
    }

    @Test("unknown fields of the template arrive unchanged, integers above 2^53 and odd texts too")
    func unknownFields() async throws {
        let spec: JSONValue = [
            "provider": "proxmox", "serial": 9_007_199_254_740_993, "largest": .integer(.max),
            "smallest": .integer(.min), "fraction": .double(0.1),
            "odd": ["yes", "1.10", "0o17", "1e-07", ""],
            "text": "a\u{85}b\u{2028}c\u{1}\u{7f} \u{1F600}\n\nend \t",
            "deep": ["a": [["b": [1, true, [:]]], []]],
        ]
        try await Scenario.run("unknown") { scenario in
            let process = try scenario.startOperator()
            var document = ClusterDocument("odd")
            document.controlPlaneTemplate = [
                "metadata": ["labels": ["rack": "a1"], "annotations": ["note": "a\u{85}: b #c"]],
                "spec": spec,
            ]
            try await scenario.create(document)
            try await scenario.complete("odd")
            let machine = try await scenario.machine("odd-cp-0")
            for member in spec.object?.members ?? [] {
                #expect(machine.spec(member.key) == member.value, "\(member.key)")
            }
            #expect(machine.metadata.labels["rack"] == "a1")
            #expect(machine.metadata.annotations["note"] == "a\u{85}: b #c")
            try expectManifests(process, in: "odd", equal: [machine])
        }
    }

    @Test("a template of 1.2 MiB becomes a Machine and a manifest")
    func largeTemplate() async throws {
        try await Scenario.run("large") { scenario in
            let process = try scenario.startOperator()
            let data = String(repeating: "0123456789abcdef", count: 1_258_291 / 16)
            var document = ClusterDocument("large")
            document.controlPlaneTemplate = ["spec": ["userData": .string(data)]]
            try await scenario.create(document)
            try await scenario.complete("large")
            let machine = try await scenario.machine("large-cp-0")
            #expect(machine.spec("userData")?.string == data)
            try expectManifests(process, in: "large", equal: [machine])
        }
    }

    @Test("what providers report becomes the cluster's phase, and an Event tells of each flip")
    func readiness() async throws {
        try await Scenario.run("ready") { scenario in
            try scenario.startOperator()
            let document = ClusterDocument("ready", controlPlane: 1, workers: [("workers", 2)])
            try await scenario.create(document)
            try await scenario.complete("ready")
            for name in document.machineNames { try await setReady(name, true, scenario) }
            let running = try await scenario.wait(for: "ready") { $0.phase == "Running" }
            #expect(running.status["controlPlaneReady"] == true)
            #expect(running.status["workersReady"] == 2)
            #expect(running.verdict("Ready") == "True/MachinesReady")
            let good = try await scenario.event(about: "ready", reason: "MachinesReady")
            #expect(good.document["type"] == "Normal")

            try await setReady("ready-workers-1", false, scenario)
            let degraded = try await scenario.wait(for: "ready") { $0.phase == "Provisioning" }
            #expect(degraded.status["workersReady"] == 1)
            #expect(degraded.verdict("Ready") == "False/MachinesNotReady")
            let bad = try await scenario.event(about: "ready", reason: "MachinesNotReady")
            #expect(bad.document["type"] == "Warning")

            try await scenario.patchMachine(
                "ready-cp-0", ["status": ["phase": "Failed"]], subresource: .status)
            let failed = try await scenario.wait(for: "ready") { $0.phase == "Failed" }
            #expect(failed.verdict("Ready") == "False/MachinesFailed")
            #expect(failed.condition("Ready")["message"]?.string?.contains("ready-cp-0") == true)
        }
    }

    private func setReady(_ name: String, _ isReady: Bool, _ scenario: Scenario) async throws {
        let condition: JSONValue = [
            "type": "Ready", "status": isReady ? "True" : "False", "reason": "Provider", "message": "said so",
            "lastTransitionTime": "2024-01-01T12:00:00Z",
        ]
        try await scenario.patchMachine(
            name, ["status": ["phase": "Running", "conditions": [condition]]], subresource: .status)
    }

    @Test("every example is accepted by kubectl and converges, and no secret of it is logged")
    func examples() async throws {
        try await Scenario.run("examples") { scenario in
            let process = try await scenario.startConfigOperator(layers: "kube-public")
            try await scenario.controlPlane.kubectl(
                "apply", "-n", scenario.namespace, "-f", "\(Repository.root)/examples")
            let names = try await scenario.client.list(
                StoredCluster.self, ObjectSelection(namespace: scenario.namespace)
            ).items.map(\.name)
            #expect(names.count >= 5)
            for name in names {
                let cluster = try await scenario.complete(name)
                let machines = try await scenario.machines().filter {
                    $0.metadata.controller?.uid == cluster.metadata.uid
                }
                #expect(cluster.status["machineCount"]?.integer == Int64(machines.count))
                try expectManifests(process, in: name, equal: machines)
            }
            let secrets = ["0a1b2c.0123456789abcdef", "ZXhhbXBsZQo=", "LS0tLS1CRUdJTiBDRVJU"]
            for secret in secrets + [try token(of: scenario.controlPlane)] {
                #expect(!process.process.lines.contains { $0.contains(secret) })
            }
        }
    }
}

/// Expects that the directory holds exactly the manifests of these Machines, and that they say what was applied.
func expectManifests(
    _ process: OperatorProcess, in directory: String, equal machines: [StoredMachine],
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let manifests = try process.manifests(in: directory)
    #expect(manifests.keys.sorted() == machines.map(\.name), sourceLocation: sourceLocation)
    for machine in machines {
        guard let manifest = manifests[machine.name] else { continue }
        #expect(manifest["spec"] == machine.document["spec"], sourceLocation: sourceLocation)
        for field in ["name", "namespace", "labels", "annotations", "ownerReferences"] {
            let (written, stored) = (manifest["metadata"]?[field], machine.document["metadata"]?[field])
            #expect(written == stored, "\(machine.name): \(field)", sourceLocation: sourceLocation)
        }
    }
}
