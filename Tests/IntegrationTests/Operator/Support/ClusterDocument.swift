// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Kubernetes
import StructuredData
import TestSupport

/// A KubernetesCluster to send to the API server.
struct ClusterDocument {
    var name: String
    /// `spec.clusterName`; the object's name if nil.
    var clusterName: String?
    var controlPlane = 1
    var workers: [(name: String, replicas: Int)] = []
    /// The `machineTemplate` of the control plane.
    var controlPlaneTemplate: JSONValue = ["spec": ["provider": "kubevirt"]]
    /// The `machineTemplate` of every worker group.
    var workerTemplate: JSONValue = ["spec": ["provider": "kubevirt"]]
    var labels: JSONValue = [:]
    /// Merged into `spec`, last.
    var more: JSONValue = [:]

    init(_ name: String, controlPlane: Int = 1, workers: [(name: String, replicas: Int)] = []) {
        self.name = name
        self.controlPlane = controlPlane
        self.workers = workers
    }

    var json: JSONValue {
        let spec: JSONValue = [
            "clusterName": .string(clusterName ?? name), "kubernetesVersion": "v1.28.3",
            "talosVersion": "v1.5.5", "clusterEndpoint": "https://192.168.1.100:6443",
            "controlPlane": [
                "replicas": .integer(Int64(controlPlane)), "machineTemplate": controlPlaneTemplate,
            ],
            "workers": Self.workers(workers, template: workerTemplate),
        ]
        return [
            "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster",
            "metadata": ["name": .string(name), "labels": labels], "spec": spec.mergePatched(with: more),
        ]
    }

    /// The names of its Machines, sorted.
    var machineNames: [String] {
        let stem = clusterName ?? name
        let names =
            (0..<controlPlane).map { "\(stem)-cp-\($0)" }
            + workers.flatMap { group in (0..<group.replicas).map { "\(stem)-\(group.name)-\($0)" } }
        return names.sorted()
    }

    /// The value of `spec.workers`.
    static func workers(
        _ groups: [(name: String, replicas: Int)], template: JSONValue = ["spec": ["provider": "kubevirt"]]
    ) -> JSONValue {
        .array(
            groups.map { group in
                [
                    "name": .string(group.name), "replicas": .integer(Int64(group.replicas)),
                    "machineTemplate": template,
                ]
            })
    }
}

enum StoredClusterKind: RawKind {
    static let definition = KubernetesCluster.definition
}

enum StoredMachineKind: RawKind {
    static let definition = Machine.definition
}

enum StoredLeaseKind: RawKind {
    static let definition = ResourceDefinition(
        group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases")
}

/// A KubernetesCluster with everything that the API server has of it.
typealias StoredCluster = RawObject<StoredClusterKind>
/// A Machine with everything that the API server has of it.
typealias StoredMachine = RawObject<StoredMachineKind>
/// A Lease with everything that the API server has of it.
typealias StoredLease = RawObject<StoredLeaseKind>

extension RawObject {
    var name: String { metadata.name }
    var status: JSONValue { document["status"] ?? .null }
    var phase: String { status["phase"]?.string ?? "" }

    func condition(_ type: String) -> JSONValue {
        status["conditions"]?.array?.first { $0["type"]?.string == type } ?? .null
    }

    /// Status and reason of a condition, as in `False/CreationFailed`.
    func verdict(_ type: String) -> String {
        "\(condition(type)["status"]?.string ?? "")/\(condition(type)["reason"]?.string ?? "")"
    }

    /// Whether the status is about the specification as it is.
    var isObserved: Bool { status["observedGeneration"]?.integer == metadata.generation }

    /// Whether the operator has done all it can with the specification as it is.
    var isComplete: Bool {
        isObserved && verdict("MachinesCreated") == "True/CreationSucceeded"
            && verdict("FilesGenerated") == "True/GenerationSucceeded"
    }
}
