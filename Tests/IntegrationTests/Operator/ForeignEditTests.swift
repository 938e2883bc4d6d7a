// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Operator: foreign edits", .timeLimit(.minutes(15)))
struct ForeignEditTests {
    @Test("what others change under our fields is put back, what they add stays")
    func edits() async throws {
        try await Scenario.run("edits") { scenario in
            try scenario.startOperator()
            try await scenario.create(ClusterDocument("app", workers: [("w", 1)]))
            try await scenario.complete("app")
            // Each edit on a Machine of its own: what mends one must not mend the other by the way.
            let role = "cluster.vitistack.io/role"
            try await scenario.patchMachine(
                "app-cp-0",
                [
                    "metadata": [
                        "labels": ["example.com/zone": "a", role: "worker"],
                        "annotations": ["example.com/vm": "i-1"],
                    ]
                ])
            try await scenario.patchMachine(
                "app-w-0",
                [
                    "spec": [
                        "provider": "other", "providerID": "kubevirt://1",
                        "talosConfig": ["installDisk": "/dev/evil", "extra": 1],
                    ]
                ])
            let machines = try await scenario.waitForMachines { machines in
                machines.contains { $0.name == "app-cp-0" && $0.metadata.labels[role] == "controlplane" }
                    && machines.contains { $0.name == "app-w-0" && $0.spec("provider") == "kubevirt" }
            }
            let (relabelled, rewritten) = (machines[0], machines[1])
            #expect(relabelled.metadata.labels["example.com/zone"] == "a")
            #expect(relabelled.metadata.annotations["example.com/vm"] == "i-1")
            #expect(rewritten.spec("talosConfig")?["installDisk"] == "/dev/sda")
            #expect(rewritten.spec("talosConfig")?["extra"] == 1)
            #expect(rewritten.spec("providerID") == "kubevirt://1")
        }
    }

    @Test("a field that leaves the template leaves the Machine, a provider's does not")
    func removedField() async throws {
        try await Scenario.run("removed-field") { scenario in
            try scenario.startOperator()
            var document = ClusterDocument("app")
            document.controlPlaneTemplate = ["spec": ["provider": "kubevirt", "cpus": 4]]
            try await scenario.create(document)
            try await scenario.complete("app")
            try await scenario.patchMachine("app-cp-0", ["spec": ["providerID": "kubevirt://1"]])
            try await scenario.edit(
                "app", ["controlPlane": ["machineTemplate": ["spec": ["cpus": .null]]]])
            let machines = try await scenario.waitForMachines { $0.allSatisfy { $0.spec("cpus") == nil } }
            #expect(machines.first?.spec("providerID") == "kubevirt://1")
        }
    }

    @Test("a Machine that is deleted is made again; one with a finalizer once that is gone")
    func deletedMachine() async throws {
        try await Scenario.run("deleted-machine") { scenario in
            try scenario.startOperator()
            let document = ClusterDocument("app", workers: [("w", 2)])
            try await scenario.create(document)
            try await scenario.complete("app")
            let before = try await scenario.machines()
            try await scenario.patchMachine("app-w-1", ["metadata": ["finalizers": ["example.com/vm"]]])
            for name in ["app-w-0", "app-w-1"] {
                _ = try await scenario.client.delete(StoredMachine.self, scenario.key(name))
            }
            try await scenario.patchMachine("app-w-1", ["metadata": ["finalizers": .null]])
            let uids = Set(before.filter { $0.name.hasPrefix("app-w") }.map(\.metadata.uid))
            try await scenario.waitForMachines { machines in
                machines.map(\.name) == document.machineNames
                    && uids.isDisjoint(with: machines.map(\.metadata.uid))
            }
            try await scenario.complete("app")
        }
    }

    @Test("a status that somebody overwrites, and a finalizer that somebody takes away, come back")
    func clusterEdits() async throws {
        try await Scenario.run("cluster-edits") { scenario in
            try scenario.startOperator("--reconcile-interval=1s")
            try await scenario.create(ClusterDocument("app"))
            try await scenario.complete("app")
            _ = try await scenario.client.mergePatch(
                StoredCluster.self, scenario.key("app"),
                ["status": ["phase": "Running", "machineCount": 99]], subresource: .status)
            try await scenario.wait(for: "app") {
                $0.phase == "Provisioning" && $0.status["machineCount"] == 1
            }
            _ = try await scenario.client.mergePatch(
                StoredCluster.self, scenario.key("app"), ["metadata": ["finalizers": .null]])
            try await scenario.wait(for: "app") {
                $0.metadata.finalizers == ["cluster.vitistack.io/finalizer"]
            }
        }
    }
}
