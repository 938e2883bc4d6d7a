// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// A cluster as a writer wants it.
struct ClusterIntent: Sendable, Hashable {
    struct Template: Sendable, Hashable {
        /// May be absent, unlike the provider, which somebody else may change.
        var cpus: Int?
        var zone: String?
        var note: String?

        var json: JSONValue {
            var spec: JSONObject = ["provider": "kubevirt"]
            if let cpus { spec["cpus"] = .integer(Int64(cpus)) }
            var metadata = JSONObject()
            if let zone { metadata["labels"] = ["example.com/zone": .string(zone)] }
            if let note { metadata["annotations"] = ["example.com/note": .string(note)] }
            return ["metadata": .object(metadata), "spec": .object(spec)]
        }
    }

    struct Group: Sendable, Hashable {
        var name: String
        var replicas: Int
        var template = Template()
    }

    let name: String
    var controlPlane = 1
    var controlPlaneTemplate = Template()
    var workers: [Group] = []
    var endpoint = 0
    var disk: String?
    /// Pods and services in one network: no schema sees that it is wrong.
    var isBroken = false

    var spec: JSONValue {
        var spec: JSONObject = [
            "clusterName": .string(name), "kubernetesVersion": "v1.28.3", "talosVersion": "v1.5.5",
            "clusterEndpoint": .string("https://192.168.1.\(100 + endpoint):6443"),
            "controlPlane": [
                "replicas": .integer(Int64(controlPlane)), "machineTemplate": controlPlaneTemplate.json,
            ],
            "workers": .array(
                workers.map {
                    [
                        "name": .string($0.name), "replicas": .integer(Int64($0.replicas)),
                        "machineTemplate": $0.template.json,
                    ]
                }),
        ]
        if let disk { spec["talosConfig"] = ["install": ["disk": .string(disk)]] }
        if isBroken { (spec["podSubnets"], spec["serviceSubnets"]) = (["10.0.0.0/16"], ["10.0.0.0/16"]) }
        return .object(spec)
    }

    /// The names of its Machines.
    var machines: [String] {
        (0..<controlPlane).map { "\(name)-cp-\($0)" }
            + workers.flatMap { group in (0..<group.replicas).map { "\(name)-\(group.name)-\($0)" } }
    }
}
