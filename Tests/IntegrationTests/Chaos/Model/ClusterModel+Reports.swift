// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport

// MARK: Manifests

extension ClusterModel {
    /// A directory for each cluster, in it a manifest for each of its Machines, and nothing else.
    func manifestViolations() -> [Violation] {
        var violations: [Violation] = []
        var directories = Set(truth.manifests.keys)
        for (known, cluster) in pairs {
            let wanted = wanted(known)
            // The record of whose it is stays also where there is no Machine to write.
            guard let manifests = truth.manifests[cluster.name] else {
                violations += wanted.map { Violation(.manifestMissing, "\($0.name).yaml") }
                continue
            }
            directories.remove(cluster.name)
            let names = Set(wanted.map(\.name))
            violations += manifests.keys.filter { !names.contains($0) }
                .map { Violation(.manifestUnasked, "\(cluster.name)/\($0)") }
            for machine in wanted {
                violations += manifestViolations(machine, manifests[machine.name], cluster)
            }
        }
        return violations + directories.map { Violation(.manifestUnasked, "\($0)/") }
    }

    private func manifestViolations(
        _ wanted: WantedMachine, _ manifest: JSONValue?, _ cluster: StoredCluster
    ) -> [Violation] {
        guard let manifest else { return [Violation(.manifestMissing, "\(wanted.name).yaml")] }
        guard let stored = owned(cluster.metadata.uid).first(where: { $0.name == wanted.name }) else {
            return []
        }
        var annotations = wanted.annotations
        annotations[WantedMachine.digestAnnotation] =
            stored.metadata.annotations[WantedMachine.digestAnnotation]
        let expected: JSONValue = [
            "apiVersion": "vitistack.io/v1alpha1", "kind": "Machine", "spec": wanted.spec,
            "metadata": [
                "name": .string(wanted.name), "namespace": .string(cluster.metadata.namespace),
                "labels": .texts(wanted.labels), "annotations": .texts(annotations),
                "ownerReferences": stored.document["metadata"]?["ownerReferences"] ?? .null,
            ],
        ]
        return manifest == expected ? [] : [Violation(.manifestContent, "\(wanted.name).yaml", manifest.text)]
    }
}

// MARK: Status

extension ClusterModel {
    func statusViolations() -> [Violation] {
        pairs.flatMap { known, cluster in
            let status = cluster.status
            let expected = expectedStatus(known, cluster)
            let table: [(Clause, JSONValue?, JSONValue)] = [
                (.statusGeneration, status["observedGeneration"], .integer(cluster.metadata.generation)),
                (.statusMachineCount, status["machineCount"], .integer(Int64(expected.machines))),
                (.statusWorkersReady, status["workersReady"], .integer(Int64(expected.workersReady))),
                (.statusControlPlaneReady, status["controlPlaneReady"], .bool(expected.isControlPlaneReady)),
                (.statusPhase, status["phase"], .string(expected.phase)),
            ]
            let subject = "KubernetesCluster \(cluster.name)"
            let fields = table.filter { $0.1 != $0.2 }
                .map { Violation($0.0, subject, "\(($0.1 ?? .null).text), not \($0.2.text)") }
            let conditions = expected.conditions.filter { cluster.verdict($0.key) != $0.value }
                .map {
                    Violation(
                        .statusCondition, subject, "\($0.key) is \(cluster.verdict($0.key)), not \($0.value)")
                }
            return fields + conditions
        }
    }

    private struct ExpectedStatus {
        var machines: Int
        var workersReady: Int
        var isControlPlaneReady: Bool
        var phase: String
        /// Status and reason by type.
        var conditions: [String: String]
    }

    private func expectedStatus(_ known: Ledger.Cluster, _ cluster: StoredCluster) -> ExpectedStatus {
        let machines = owned(known.uid)
        let workers = machines.filter { $0.metadata.labels["cluster.vitistack.io/role"] == "worker" }
        let controlPlane = machines.filter {
            $0.metadata.labels["cluster.vitistack.io/role"] == "controlplane"
        }
        let wanted = isInvalid(known) ? nil : WantedMachine.all(of: known.spec)
        let controlPlaneCount = wanted?.count(where: \.isControlPlane) ?? max(1, controlPlane.count)
        let ready = machines.count(where: \.isReady)
        let phase: String
        if wanted == nil || machines.contains(where: { $0.phase == "Failed" }) {
            phase = "Failed"
        } else if machines.isEmpty {
            phase = "Pending"
        } else {
            phase = ready == wanted?.count ? "Running" : "Provisioning"
        }
        return ExpectedStatus(
            machines: machines.count, workersReady: workers.count(where: \.isReady),
            isControlPlaneReady: controlPlane.count(where: \.isReady) == controlPlaneCount, phase: phase,
            conditions: conditions(known, phase))
    }

    private func conditions(_ known: Ledger.Cluster, _ phase: String) -> [String: String] {
        guard !isInvalid(known) else {
            // What was said about Machines and manifests before stays said.
            return ["TopologyValid": "False/ValidationFailed", "Ready": "False/ValidationFailed"]
        }
        let readiness = ["Running": "True/MachinesReady", "Failed": "False/MachinesFailed"]
        return [
            "TopologyValid": "True/ValidationSucceeded",
            "MachinesCreated": hasObstacles(known) ? "False/CreationFailed" : "True/CreationSucceeded",
            "FilesGenerated": "True/GenerationSucceeded",
            "Ready": readiness[phase] ?? "False/MachinesNotReady",
        ]
    }
}

extension StoredMachine {
    /// Running and, if its provider says so much, Ready; and here to stay.
    fileprivate var isReady: Bool {
        let condition = condition("Ready")["status"]?.string ?? "True"
        return phase == "Running" && condition == "True" && !metadata.isBeingDeleted
    }
}

// MARK: Metrics

extension ClusterModel {
    func metricViolations() -> [Violation] {
        truth.metrics.flatMap { page in
            var violations: [Violation] = []
            let phases = Dictionary(grouping: pairs, by: \.stored.phase).mapValues { Double($0.count) }
            for (label, value) in Truth.samples("talos_operator_clusters_total", in: page) {
                let phase = String(label.dropFirst("phase=\"".count).dropLast())
                guard value != phases[phase] ?? 0 else { continue }
                violations.append(Violation(.metricPhases, phase, "\(value), not \(phases[phase] ?? 0)"))
            }
            let series = Truth.samples("talos_operator_machines_generated", in: page).keys
            let names = Set(series.map { String($0.split(separator: "\"").dropFirst().first ?? "") })
            for name in names.symmetricDifference(ledger.clusters.keys) {
                violations.append(Violation(.metricSeries, "cluster=\"\(name)\""))
            }
            return violations
        }
    }
}

extension JSONValue {
    /// An object of texts.
    static func texts(_ texts: [String: String]) -> JSONValue {
        .object(JSONObject(texts.map { .init(key: $0.key, value: .string($0.value)) }))
    }
}
