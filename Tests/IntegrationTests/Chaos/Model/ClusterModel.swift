// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport

/// What must be there at a quiet point, from what the workload has done: compares it with what is.
struct ClusterModel {
    let ledger: Ledger
    let truth: Truth

    /// Everything that is not as it must be.
    static func violations(_ ledger: Ledger, _ truth: Truth) -> [Violation] {
        let model = ClusterModel(ledger: ledger, truth: truth)
        return model.clusterViolations() + model.machineViolations() + model.foreignViolations()
            + model.manifestViolations() + model.statusViolations() + model.metricViolations()
    }

    /// The clusters that are both known and there.
    var pairs: [(known: Ledger.Cluster, stored: StoredCluster)] {
        truth.clusters.compactMap { stored in
            guard let known = ledger.clusters[stored.name], known.uid == stored.metadata.uid else {
                return nil
            }
            return (known, stored)
        }
    }

    /// The Machines that the cluster controls.
    func owned(_ uid: String) -> [StoredMachine] {
        truth.machines.filter { $0.metadata.controller?.uid == uid && !ledger.isForeign($0.metadata.uid) }
    }

    /// The Machines that must be there; those that are in the way of somebody else's are left out.
    func wanted(_ known: Ledger.Cluster) -> [WantedMachine] {
        guard let valid = WantedMachine.all(of: known.spec) else {
            // A specification that cannot be read changes nothing.
            let former = WantedMachine.all(of: known.settledSpec) ?? []
            return former.filter { known.settled[$0.name] != nil }
        }
        return valid.filter { !taken.contains($0.name) }
    }

    /// Whether the Machines that are wanted are kept from being made by others of their names.
    func hasObstacles(_ known: Ledger.Cluster) -> Bool {
        (WantedMachine.names(of: known.spec) ?? []).contains(where: taken.contains)
    }

    func isInvalid(_ known: Ledger.Cluster) -> Bool { WantedMachine.all(of: known.spec) == nil }

    /// The names of Machines that are none of the operator's.
    private var taken: Set<String> {
        Set(ledger.foreigners.values.filter { $0.kind == "Machine" }.map(\.name))
    }
}

// MARK: Clusters

extension ClusterModel {
    private func clusterViolations() -> [Violation] {
        var violations: [Violation] = []
        let there = Dictionary(truth.clusters.map { ($0.name, $0) }) { $1 }
        for (name, known) in ledger.clusters.sorted(by: { $0.key < $1.key }) {
            guard let stored = there[name], stored.metadata.uid == known.uid else {
                violations.append(Violation(.clusterMissing, "KubernetesCluster \(name)"))
                continue
            }
            if stored.document["spec"] != known.spec {
                violations.append(
                    Violation(
                        .clusterSpec, "KubernetesCluster \(name)", (stored.document["spec"] ?? .null).text))
            }
            let finalizers = stored.metadata.finalizers
            if finalizers != ["cluster.vitistack.io/finalizer"] {
                violations.append(Violation(.finalizer, "KubernetesCluster \(name)", "\(finalizers)"))
            }
        }
        for stored in truth.clusters where !ledger.isForeign(stored.metadata.uid) {
            guard ledger.clusters[stored.name]?.uid != stored.metadata.uid else { continue }
            violations.append(Violation(.clusterUnasked, "KubernetesCluster \(stored.name)"))
        }
        return violations
    }
}

// MARK: Machines

extension ClusterModel {
    private func machineViolations() -> [Violation] {
        let uids = Set(ledger.clusters.values.map(\.uid))
        let strays = truth.machines.filter { machine in
            !ledger.isForeign(machine.metadata.uid) && !uids.contains(machine.metadata.controller?.uid ?? "")
        }
        return strays.map { Violation(.machineUnasked, "Machine \($0.name)", "its cluster is gone") }
            + pairs.flatMap { machineViolations($0.known, $0.stored) }
    }

    private func machineViolations(_ known: Ledger.Cluster, _ cluster: StoredCluster) -> [Violation] {
        let wanted = Dictionary(wanted(known).map { ($0.name, $0) }) { $1 }
        let owned = Dictionary(owned(known.uid).map { ($0.name, $0) }) { $1 }
        var violations = wanted.keys.filter { owned[$0] == nil }
            .map { Violation(.machineMissing, "Machine \($0)") }
        for (name, machine) in owned {
            guard let wanted = wanted[name] else {
                violations.append(Violation(.machineUnasked, "Machine \(name)"))
                continue
            }
            violations += differences(machine, wanted, cluster)
            if isInvalid(known), let uid = known.settled[name], uid != machine.metadata.uid {
                violations.append(Violation(.machineReplaced, "Machine \(name)"))
            }
        }
        return violations.sorted { $0.description < $1.description }
    }

    /// Every field: what is wanted, what others added, and nothing else.
    private func differences(
        _ machine: StoredMachine, _ wanted: WantedMachine, _ cluster: StoredCluster
    ) -> [Violation] {
        let additions = ledger.additions[machine.metadata.uid] ?? Ledger.Additions()
        var annotations = wanted.annotations.merging(additions.annotations) { $1 }
        annotations[WantedMachine.digestAnnotation] =
            machine.metadata.annotations[WantedMachine.digestAnnotation] ?? "(none)"
        let fields = JSONObject(additions.fields.map { .init(key: $0.key, value: $0.value) })
        let owner: JSONValue = [
            "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster",
            "name": .string(cluster.name), "uid": .string(cluster.metadata.uid), "controller": true,
            "blockOwnerDeletion": true,
        ]
        let document = machine.document
        let table: [(Clause, Bool, String)] = [
            (.machineLabels, machine.metadata.labels == wanted.labels, "\(machine.metadata.labels)"),
            (
                .machineAnnotations, machine.metadata.annotations == annotations,
                "\(machine.metadata.annotations)"
            ),
            (
                .machineOwner, document["metadata"]?["ownerReferences"] == [owner],
                "\(machine.metadata.ownerReferences)"
            ),
            (
                .machineSpec, document["spec"] == wanted.spec.mergePatched(with: .object(fields)),
                document["spec"]?.text ?? ""
            ),
            (
                .machineFinalizers, machine.metadata.finalizers == additions.finalizers,
                "\(machine.metadata.finalizers)"
            ),
            (.machineStatus, document["status"] == additions.status, machine.status.text),
            (.machineTerminating, !machine.metadata.isBeingDeleted, ""),
        ]
        return table.filter { !$0.1 }.map { Violation($0.0, "Machine \(machine.name)", $0.2) }
    }
}

// MARK: Others' objects

extension ClusterModel {
    private func foreignViolations() -> [Violation] {
        let there =
            truth.clusters.map { ($0.metadata.uid, $0.document) }
            + truth.machines.map { ($0.metadata.uid, $0.document) }
            + truth.configMaps.map { ($0.metadata.uid, $0.document) }
        let documents = Dictionary(there) { $1 }
        return ledger.foreigners.compactMap { uid, foreigner in
            let subject = "\(foreigner.kind) \(foreigner.name)"
            guard let document = documents[uid] else { return Violation(.foreignObject, subject, "is gone") }
            guard document.comparable != foreigner.document.comparable else { return nil }
            return Violation(.foreignObject, subject, document.text)
        }
    }
}

extension JSONValue {
    /// The document on one line.
    var text: String { String(decoding: encoded(), as: UTF8.self) }

    /// Without what lists leave out.
    fileprivate var comparable: JSONValue { mergePatched(with: ["kind": .null, "apiVersion": .null]) }
}
