// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// One thing that a writer does.
enum Operation: Sendable, Hashable {
    /// What can be done to a Machine, if there is one of the name that is its cluster's own.
    enum MachineAction: Sendable, Hashable {
        /// Its provider reports.
        case report(phase: String, ready: Bool?)
        /// Somebody adds an annotation, a field, a finalizer.
        case annotate(String), fill(String), hold
        /// Somebody changes what is the operator's.
        case relabel, rewrite
        case delete
    }

    case create(ClusterIntent)
    /// Makes the first specification of the second.
    case edit(ClusterIntent, ClusterIntent, what: String)
    case delete(cluster: String)
    case machine(String, MachineAction)
    /// Makes a Machine of somebody else's, in the way of a cluster's.
    case plant(machine: String, owner: Stranger)
    case uproot(machine: String)
    /// Somebody overwrites a cluster's status, or takes its finalizer.
    case forgeStatus(cluster: String), strip(cluster: String)
    /// Somebody scribbles over a manifest.
    case scribble(cluster: String, machine: String)

    /// Whose a planted Machine is.
    enum Stranger: String, Sendable, CaseIterable { case nobody, configMap, otherCluster }
}

extension Operation: CustomStringConvertible {
    var description: String {
        switch self {
        case .create(let intent): "create \(intent.name) with \(intent.machines.count) Machines"
        case .edit(_, let intent, let what): "edit \(intent.name): \(what)"
        case .delete(let cluster): "delete \(cluster)"
        case .machine(let name, let action): "\(action) \(name)"
        case .plant(let machine, let owner): "plant \(machine), whose owner is \(owner)"
        case .uproot(let machine): "uproot \(machine)"
        case .forgeStatus(let cluster): "forge the status of \(cluster)"
        case .strip(let cluster): "take the finalizer of \(cluster)"
        case .scribble(let cluster, let machine): "scribble over \(cluster)/\(machine).yaml"
        }
    }
}

extension Operation.MachineAction: CustomStringConvertible {
    var description: String {
        switch self {
        case .report(let phase, let ready):
            "report \(phase)\(ready.map { $0 ? ", ready," : ", not ready," } ?? "") of"
        case .annotate(let value): "annotate (\(value))"
        case .fill(let value): "fill in the provider's ID (\(value)) of"
        case .hold: "hold by a finalizer"
        case .relabel: "relabel"
        case .rewrite: "rewrite"
        case .delete: "delete Machine"
        }
    }

    /// What is sent for it; nil for a deletion.
    var patch: JSONValue? {
        switch self {
        case .report(let phase, let ready):
            let conditions: JSONValue =
                ready.map {
                    [["type": "Ready", "status": $0 ? "True" : "False"]]
                } ?? []
            return ["status": ["phase": .string(phase), "conditions": conditions]]
        case .annotate(let value): return ["metadata": ["annotations": ["example.com/vm": .string(value)]]]
        case .fill(let value): return ["spec": ["providerID": .string(value)]]
        case .hold: return ["metadata": ["finalizers": ["example.com/vm"]]]
        case .relabel:
            return [
                "metadata": [
                    "labels": [
                        "cluster.vitistack.io/role": "thief", "cluster.vitistack.io/cluster-name": .null,
                    ]
                ]
            ]
        case .rewrite:
            return ["spec": ["provider": "nobody", "talosConfig": ["installDisk": "/dev/null"]]]
        case .delete: return nil
        }
    }
}
