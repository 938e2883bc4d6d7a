// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport

/// A small world in which everything is as it must be, for tests that break one thing in it.
struct SoundWorld: Sendable {
    var ledger = Ledger()
    var truth = Truth()

    static let digest = "cluster.vitistack.io/applied-digest"

    /// Cluster `a` with a control plane Machine and two workers of three, for the third is somebody else's; and
    /// cluster `b`, whose specification became invalid when it had one Machine.
    init() throws {
        var intent = ClusterIntent(name: "a")
        intent.workers = [ClusterIntent.Group(name: "w", replicas: 3)]
        intent.workers[0].template = ClusterIntent.Template(cpus: 8, zone: "z", note: "n")
        try add(intent, settled: intent, ["a-cp-0", "a-w-0", "a-w-1"], Self.statusOfA)
        let former = ClusterIntent(name: "b")
        var broken = former
        broken.isBroken = true
        try add(broken, settled: former, ["b-cp-0"], Self.statusOfB)

        try patchMachine("a-cp-0", ["status": ["phase": "Running", "conditions": []]])
        ledger.additions["uid-a-cp-0"] = .init(status: ["phase": "Running", "conditions": []])
        try patchMachine(
            "a-w-0",
            [
                "metadata": ["annotations": ["example.com/vm": "1"], "finalizers": ["example.com/vm"]],
                "spec": ["providerID": "x"],
            ])
        ledger.additions["uid-a-w-0"] = .init(
            annotations: ["example.com/vm": "1"], fields: ["providerID": "x"], finalizers: ["example.com/vm"])

        let stranger: JSONValue = ["metadata": ["name": "a-w-2", "uid": "uid-stranger"], "spec": [:]]
        truth.machines.append(try StoredMachine(stranger))
        ledger.foreigners["uid-stranger"] = .init(kind: "Machine", name: "a-w-2", document: stranger)
        ledger.everForeign.insert("uid-stranger")
        truth.metrics = [
            """
            talos_operator_clusters_total{phase="Provisioning"} 1
            talos_operator_clusters_total{phase="Failed"} 1
            talos_operator_clusters_total{phase="Running"} 0
            talos_operator_machines_generated{cluster="a",role="worker"} 2
            talos_operator_machines_generated{cluster="b",role="worker"} 0

            """
        ]
    }

    private static let statusOfA: JSONValue = [
        "phase": "Provisioning", "machineCount": 3, "workersReady": 0, "controlPlaneReady": true,
        "observedGeneration": 4,
        "conditions": [
            ["type": "Ready", "status": "False", "reason": "MachinesNotReady"],
            ["type": "TopologyValid", "status": "True", "reason": "ValidationSucceeded"],
            ["type": "MachinesCreated", "status": "False", "reason": "CreationFailed"],
            ["type": "FilesGenerated", "status": "True", "reason": "GenerationSucceeded"],
        ],
    ]

    private static let statusOfB: JSONValue = [
        "phase": "Failed", "machineCount": 1, "workersReady": 0, "controlPlaneReady": false,
        "observedGeneration": 4,
        "conditions": [
            ["type": "Ready", "status": "False", "reason": "ValidationFailed"],
            ["type": "TopologyValid", "status": "False", "reason": "ValidationFailed"],
        ],
    ]

    private mutating func add(
        _ intent: ClusterIntent, settled: ClusterIntent, _ machines: [String], _ status: JSONValue
    ) throws {
        let uid = "uid-\(intent.name)"
        ledger.clusters[intent.name] = .init(
            uid: uid, spec: intent.spec,
            settled: Dictionary(machines.map { ($0, "uid-\($0)") }) { $1 }, settledSpec: settled.spec)
        truth.clusters.append(
            try StoredCluster([
                "metadata": [
                    "name": .string(intent.name), "namespace": "n", "uid": .string(uid), "generation": 4,
                    "finalizers": ["cluster.vitistack.io/finalizer"],
                ], "spec": intent.spec, "status": status,
            ]))
        truth.manifests[intent.name] = [:]
        for name in machines {
            let manifest = try Self.machine(name, of: intent.name, intent: settled)
            truth.manifests[intent.name]?[name] = manifest
            truth.machines.append(
                try StoredMachine(manifest.mergePatched(with: ["metadata": ["uid": .string("uid-\(name)")]])))
        }
    }

    /// Written out, so that the model is held against something else than itself.
    private static func machine(_ name: String, of cluster: String, intent: ClusterIntent) throws -> JSONValue
    {
        let isWorker = !name.contains("-cp-")
        var labels: JSONObject = [
            "cluster.vitistack.io/cluster-name": .string(cluster),
            "cluster.vitistack.io/role": isWorker ? "worker" : "controlplane",
        ]
        var annotations: JSONObject = [digest: "0123456789abcdef"]
        var spec: JSONObject = [
            "provider": "kubevirt",
            "talosConfig": [
                "machineType": isWorker ? "worker" : "controlplane",
                "clusterEndpoint": "https://192.168.1.100:6443", "installDisk": "/dev/sda",
                "cluster": [
                    "network": ["podSubnets": ["10.244.0.0/16"], "serviceSubnets": ["10.96.0.0/12"]]
                ],
            ],
        ]
        if isWorker {
            labels["cluster.vitistack.io/worker-group"] = "w"
            (labels["example.com/zone"], annotations["example.com/note"], spec["cpus"]) = ("z", "n", 8)
        }
        let owner: JSONValue = [
            "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster", "name": .string(cluster),
            "uid": .string("uid-\(cluster)"), "controller": true, "blockOwnerDeletion": true,
        ]
        return [
            "apiVersion": "vitistack.io/v1alpha1", "kind": "Machine",
            "metadata": [
                "name": .string(name), "namespace": "n", "labels": .object(labels),
                "annotations": .object(annotations), "ownerReferences": [owner],
            ],
            "spec": .object(spec),
        ]
    }

    // MARK: Breaking it

    mutating func patchMachine(_ name: String, _ patch: JSONValue) throws {
        guard let index = truth.machines.firstIndex(where: { $0.name == name }) else { return }
        truth.machines[index] = try StoredMachine(truth.machines[index].document.mergePatched(with: patch))
    }

    mutating func patchCluster(_ name: String, _ patch: JSONValue) throws {
        guard let index = truth.clusters.firstIndex(where: { $0.name == name }) else { return }
        truth.clusters[index] = try StoredCluster(truth.clusters[index].document.mergePatched(with: patch))
    }

    mutating func patchManifest(_ name: String, _ patch: JSONValue) {
        let directory = String(name.prefix(1))
        let patched = truth.manifests[directory]?[name]?.mergePatched(with: patch)
        truth.manifests[directory]?[name] = patched
    }
}
