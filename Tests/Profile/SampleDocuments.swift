// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Kubernetes
import StructuredData

/// Clusters of three control planes and five workers, and their Machines, as an API server sends them.
///
/// Made from their number alone, so that 10,000 clusters take no memory before they are read.
enum SampleDocuments {
    /// What the server answers with; parsing drops it again.
    private static let managedFields: JSONValue = [
        [
            "apiVersion": "vitistack.io/v1alpha1", "fieldsType": "FieldsV1", "manager": "talos-operator",
            "operation": "Apply", "time": "2024-01-01T12:00:00Z",
            "fieldsV1": [
                "f:metadata": [
                    "f:annotations": ["f:cluster.vitistack.io/applied-digest": [:]],
                    "f:labels": [
                        "f:cluster.vitistack.io/cluster-name": [:], "f:cluster.vitistack.io/role": [:],
                        "f:cluster.vitistack.io/worker-group": [:], "f:team": [:],
                    ],
                    "f:ownerReferences": ["k:{\"uid\":\"00000000-0000-4000-8000-000000000000\"}": [:]],
                ],
                "f:spec": [
                    "f:cpu": ["f:cores": [:]], "f:disks": [:], "f:machineClass": [:], "f:memory": [:],
                    "f:networks": [:], "f:provider": [:],
                    "f:talosConfig": [
                        "f:cluster": ["f:network": ["f:podSubnets": [:], "f:serviceSubnets": [:]]],
                        "f:clusterEndpoint": [:], "f:installDisk": [:], "f:machineType": [:],
                    ],
                ],
            ],
        ]
    ]

    static func clusterName(_ number: Int) -> String { "bench-\(padded(number, 5))" }

    static func clusterUID(_ number: Int) -> String { uid(number, 0) }

    /// A cluster; with the finalizer, as one that was seen before.
    static func cluster(_ number: Int, version: Int, isNew: Bool = false) -> JSONValue {
        let name = clusterName(number)
        var metadata = serverMetadata(uid: clusterUID(number), version: version)
        metadata["name"] = .string(name)
        metadata["namespace"] = "default"
        if !isNew { metadata["finalizers"] = [.string(APINames.finalizer)] }
        return [
            "apiVersion": .string(KubernetesCluster.definition.apiVersion), "kind": "KubernetesCluster",
            "metadata": .object(metadata),
            "spec": [
                "clusterName": .string(name), "kubernetesVersion": "v1.28.3", "talosVersion": "v1.5.5",
                "clusterEndpoint": "https://192.168.1.100:6443", "podSubnets": ["10.244.0.0/16"],
                "serviceSubnets": ["10.96.0.0/12"],
                "controlPlane": ["replicas": 3, "machineTemplate": template(cores: 4, memory: "8Gi")],
                "workers": [
                    [
                        "name": "workers", "replicas": 5,
                        "machineTemplate": template(cores: 8, memory: "16Gi"),
                    ]
                ],
            ],
        ]
    }

    private static func template(cores: Int64, memory: JSONValue) -> JSONValue {
        [
            "metadata": ["labels": ["team": "platform"]],
            "spec": [
                "provider": "kubevirt", "machineClass": "general", "cpu": ["cores": .integer(cores)],
                "memory": memory,
                "disks": [["name": "system", "size": "40Gi", "storageClass": "fast"]],
                "networks": [["name": "nodes", "vlan": 120]],
            ],
        ]
    }

    /// The Machines of a cluster, in topology order.
    static func machines(of number: Int, version: Int) throws -> [JSONValue] {
        let cluster = try KubernetesCluster(cluster(number, version: version))
        guard case .valid(let spec, _) = ClusterValidation(cluster.spec) else { return [] }
        return MachineBuilder(cluster, spec).machines().enumerated().map { index, machine in
            applied(machine.document, uid: uid(number, index + 1), version: version)
        }
    }

    /// A document as the server keeps and returns it after it was applied.
    static func applied(_ document: JSONValue, uid: String, version: Int) -> JSONValue {
        document.mergePatched(with: ["metadata": .object(serverMetadata(uid: uid, version: version))])
    }

    private static func serverMetadata(uid: String, version: Int) -> JSONObject {
        [
            "uid": .string(uid), "resourceVersion": .string("\(version)"), "generation": 1,
            "creationTimestamp": "2024-01-01T12:00:00Z", "managedFields": managedFields,
        ]
    }

    /// A UID of the usual length; no two are alike.
    static func uid(_ number: Int, _ index: Int) -> String {
        "\(padded(number, 8))-7d3f-4c1a-9b2e-\(padded(index, 12))"
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(width - digits.utf8.count, 0)) + digits
    }
}
