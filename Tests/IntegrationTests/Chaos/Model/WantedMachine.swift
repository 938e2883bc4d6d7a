// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// A Machine that a cluster's specification demands, worked out from its text alone.
///
/// This is a second reading of the specification: it must not use the operator's code.
struct WantedMachine: Sendable, Hashable {
    var name: String
    var isControlPlane: Bool
    var labels: [String: String]
    /// Without the digest, which is the operator's own affair.
    var annotations: [String: String]
    var spec: JSONValue

    static let digestAnnotation = "cluster.vitistack.io/applied-digest"

    /// The Machines of a specification; nil if it is invalid.
    static func all(of spec: JSONValue) -> [WantedMachine]? {
        guard isValid(spec), let cluster = spec["clusterName"]?.string else { return nil }
        var machines: [WantedMachine] = []
        if let controlPlane = spec["controlPlane"] {
            machines += members(
                of: controlPlane, stem: "\(cluster)-cp", spec,
                [
                    "cluster.vitistack.io/cluster-name": cluster,
                    "cluster.vitistack.io/role": "controlplane",
                ])
        }
        for group in spec["workers"]?.array ?? [] {
            let name = group["name"]?.string ?? ""
            machines += members(
                of: group, stem: "\(cluster)-\(name)", spec,
                [
                    "cluster.vitistack.io/cluster-name": cluster, "cluster.vitistack.io/role": "worker",
                    "cluster.vitistack.io/worker-group": name,
                ])
        }
        return machines
    }

    /// The names of the Machines of a specification; nil if it is invalid.
    static func names(of spec: JSONValue) -> Set<String>? {
        all(of: spec).map { Set($0.map(\.name)) }
    }

    /// The one mistake that the workload makes: pods and services in one network, which no schema sees.
    private static func isValid(_ spec: JSONValue) -> Bool {
        guard let pods = spec["podSubnets"]?.array, let services = spec["serviceSubnets"]?.array else {
            return true
        }
        return pods.isEmpty || pods != services
    }

    private static func members(
        of part: JSONValue, stem: String, _ spec: JSONValue, _ labels: [String: String]
    ) -> [WantedMachine] {
        let template = part["machineTemplate"] ?? [:]
        let count = part["replicas"]?.integer ?? 0
        return (0..<count).map { index in
            WantedMachine(
                name: "\(stem)-\(index)", isControlPlane: labels.count == 2,
                labels: texts(template["metadata"]?["labels"]).merging(labels) { $1 },
                annotations: texts(template["metadata"]?["annotations"]),
                spec: machineSpec(
                    template["spec"] ?? [:], role: labels["cluster.vitistack.io/role"] ?? "", spec))
        }
    }

    private static func machineSpec(_ template: JSONValue, role: String, _ spec: JSONValue) -> JSONValue {
        var talos = template["talosConfig"]?.object ?? [:]
        talos["machineType"] = .string(role)
        talos["clusterEndpoint"] = spec["clusterEndpoint"]
        talos["installDisk"] = spec["talosConfig"]?["install"]?["disk"] ?? "/dev/sda"
        talos["cluster"] = [
            "network": [
                "podSubnets": spec["podSubnets"] ?? ["10.244.0.0/16"],
                "serviceSubnets": spec["serviceSubnets"] ?? ["10.96.0.0/12"],
            ]
        ]
        var machine = template.object ?? [:]
        machine["talosConfig"] = .object(talos)
        return .object(machine)
    }

    private static func texts(_ value: JSONValue?) -> [String: String] {
        Dictionary(
            uniqueKeysWithValues: (value?.object?.members ?? []).map { ($0.key, $0.value.string ?? "") })
    }
}
