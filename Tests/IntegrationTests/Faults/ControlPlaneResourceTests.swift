// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

extension ControlPlaneFaults {
    @Suite("Resources")
    struct Resources {
        private typealias Faults = ControlPlaneFaults

        @Test("the kind Machine that is deleted with all Machines and comes back is filled again")
        func machineKindRemade() async throws {
            try await Faults.run("machine-kind") { scenario in
                let process = try scenario.startOperator()
                let documents = [
                    ClusterDocument("a", controlPlane: 3, workers: [("w", 3)]), ClusterDocument("b"),
                ]
                for document in documents { try await scenario.create(document) }
                _ = try await scenario.settle(documents, since: Faults.clock.now)
                let requests = try await process.requestCount()
                try await remake("vitistack.io_machines.yaml", scenario) {
                    let probes = try await process.probes(
                        for: FaultForm.choose(short: .seconds(3), long: .seconds(120)))
                    #expect(probes.liveness == [200])
                }
                let end = Faults.clock.now
                let sent = try await process.requestCount() - requests
                let recovery = try await scenario.settle(documents, since: end)
                try await scenario.expectTruth(documents, by: process)
                try await scenario.expectAlive(documents[0])
                #expect(await process.stop() == .exited(0))
                FaultReport.record(
                    row: "machine-kind-remade",
                    fault:
                        "The CRD of Machine is deleted, and with it every Machine, and comes back 2 minutes later.",
                    promise: "The operator stays up, and makes every Machine again once it can.",
                    measured: ["recovery": .duration(recovery), "requests meanwhile": .count(sent)])
            }
        }

        @Test("the kind KubernetesCluster can be deleted, for finalizers are taken off, and comes back empty")
        func clusterKindRemade() async throws {
            try await Faults.run("cluster-kind") { scenario in
                try await scenario.releaseAll()
                let process = try scenario.startOperator()
                let document = ClusterDocument("a", controlPlane: 3, workers: [("w", 3)])
                try await scenario.create(document)
                _ = try await scenario.settle([document], since: Faults.clock.now)
                try await remake("vitistack.io_kubernetesclusters.yaml", scenario) {
                    #expect(try await scenario.machines().isEmpty)
                    #expect(process.files(in: "a") == nil)
                    let probes = try await process.probes(
                        for: FaultForm.choose(short: .seconds(3), long: .seconds(120)))
                    #expect(probes.liveness == [200])
                }
                let end = Faults.clock.now
                try await scenario.create(document)
                let recovery = try await scenario.settle([document], since: end)
                try await scenario.expectTruth([document], by: process)
                try await scenario.expectAlive(document)
                #expect(await process.stop() == .exited(0))
                FaultReport.record(
                    row: "cluster-kind-remade",
                    fault:
                        "The CRD of KubernetesCluster is deleted, and with it every cluster, and comes back 2 minutes "
                        + "later.",
                    promise:
                        "Machines and manifests go, finalizers are taken off so that the CRD can go too, and new "
                        + "clusters are seen when it is back.",
                    measured: ["recovery": .duration(recovery)])
            }
        }

        /// Deletes a CRD, waits until it is gone, does `meanwhile`, and makes it again.
        ///
        /// A Machine that is made again just when the server has deleted all makes the server wait for a minute before
        /// it looks again; from then on it refuses new ones.
        private func remake(
            _ file: String, _ scenario: Scenario, _ meanwhile: () async throws -> Void
        ) async throws {
            let (controlPlane, path) = (scenario.controlPlane, "\(Repository.root)/config/crd/\(file)")
            try await controlPlane.kubectl("delete", "--timeout=280s", "-f", path)
            try await meanwhile()
            try await controlPlane.kubectl("apply", "--validate=false", "-f", path)
            try await controlPlane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", path)
        }

        @Test("a namespace that is deleted under a cluster goes away, in order and without an uproar")
        func namespaceDeleted() async throws {
            try await Faults.run("namespace") { scenario in
                let process = try scenario.startOperator()
                let document = ClusterDocument("app", controlPlane: 3, workers: [("w", 5)])
                try await scenario.create(document)
                _ = try await scenario.settle([document], since: Faults.clock.now)
                try await scenario.patchMachine(
                    "app-w-0", ["metadata": ["finalizers": ["provider.example.org/vm"]]])
                let requests = try await process.requestCount()
                try await scenario.controlPlane.kubectl(
                    "delete", "namespace", scenario.namespace, "--wait=false")
                // The provider takes its time, and the cluster waits for it.
                try await scenario.waitForMachines(named: ["app-w-0"])
                _ = try await process.probes(for: FaultForm.choose(short: .seconds(3), long: .seconds(60)))
                #expect(try await scenario.cluster("app").metadata.isBeingDeleted)
                #expect(try await scenario.machine("app-w-0").metadata.isBeingDeleted)
                try await scenario.patchMachine("app-w-0", ["metadata": ["finalizers": .null]])
                let end = Faults.clock.now
                let namespace = ObjectKey(namespace: "", name: scenario.namespace)
                try await scenario.client.waitUntilGone(Namespace.self, namespace)
                let recovery = Faults.clock.now - end
                let sent = try await process.requestCount() - requests

                #expect(process.files(in: "app") == nil)
                // A deletion of each Machine, a few statuses, the finalizer, and an Event or two that are refused.
                #expect(sent <= 2 * document.machineNames.count + 10, "\(sent)")
                let creations = try await scenario.writes().filter {
                    $0.isCreation && $0.resource == "machines"
                }
                #expect(creations.count == document.machineNames.count)
                #expect(try await process.probe("/readyz").status == 200)
                #expect(await process.stop() == .exited(0))
                FaultReport.record(
                    row: "namespace-deleted",
                    fault:
                        "A namespace is deleted with a cluster in it, one of whose Machines a provider holds for "
                        + "60 s.",
                    promise:
                        "Machines, manifests, cluster and namespace go in that order; no Machine is made again, "
                        + "and the operator does not ask more than it needs to.",
                    measured: ["recovery": .duration(recovery), "requests": .count(sent)])
            }
        }
    }
}
