// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// A KubernetesCluster in the making, with the layers of each scope in their order.
struct ClusterDraft {
    /// Where a layer counts.
    enum Scope: Hashable {
        case all
        case controlPlane
        case workers
        /// One machine, by its name.
        case machine(String)
    }

    /// A node of the imported cluster.
    struct Node {
        var host: String
        var isControlPlane: Bool
        /// What `${data.node…}` stands for on its machine.
        var data: JSONObject
    }

    /// The group that all workers get into.
    static let workerGroup = "workers"

    let name: String
    private(set) var notes: [ImportNote] = []
    var spec = JSONObject()
    /// Whether `spec` has values that were encrypted.
    var holdsSecrets = false
    let nodes: [Node]
    private var layers: [Scope: [JSONValue]] = [:]
    private var secrets: [JSONValue] = []

    init(name: String, nodes: [Node]) {
        self.name = name
        self.nodes = nodes
    }

    mutating func note(_ note: ImportNote) {
        notes.append(note)
    }

    /// The machine's name of the node at `index`: nodes keep their order within their role.
    func machineName(_ index: Int) -> String {
        let role = nodes[index].isControlPlane
        let place = nodes[..<index].count { $0.isControlPlane == role }
        return "\(name)-\(role ? "cp" : Self.workerGroup)-\(place)"
    }

    /// Adds a layer on top of those that its scope has; what was encrypted goes into a Secret of its own.
    mutating func add(_ text: String, named layerName: String, isSecret: Bool = false, to scope: Scope) {
        guard isSecret else {
            layers[scope, default: []].append([
                "name": .string(layerName), "inline": .string(text.hasSuffix("\n") ? text : text + "\n"),
            ])
            return
        }
        let secretName = "\(name)-layer-\(secrets.count + 1)"
        secrets.append([
            "apiVersion": "v1", "kind": "Secret",
            "metadata": [
                "name": .string(secretName), "labels": ["cluster.vitistack.io/layer": "imported"],
                "annotations": ["cluster.vitistack.io/imported-from": .string(layerName)],
            ],
            "type": "Opaque", "stringData": ["layer.yaml": .string(text)],
        ])
        layers[scope, default: []].append(["secretRef": ["name": .string(secretName)]])
    }

    /// Adds a layer that is a value; nothing if that is empty.
    mutating func add(_ value: JSONObject, named layerName: String, isSecret: Bool = false, to scope: Scope) {
        guard !value.isEmpty else { return }
        add(YAML.document(.object(value)), named: layerName, isSecret: isSecret, to: scope)
    }

    /// The scopes that a node's configuration is made of, the lowest first.
    func scopes(of index: Int) -> [Scope] {
        [.all, nodes[index].isControlPlane ? .controlPlane : .workers, .machine(machineName(index))]
    }

    /// The finished documents.
    func finished() -> ImportedCluster {
        var spec = spec
        let controlPlanes = nodes.count { $0.isControlPlane }
        var controlPlane: JSONObject = ["replicas": .integer(Int64(controlPlanes))]
        controlPlane["patches"] = list(.controlPlane)
        spec["controlPlane"] = .object(controlPlane)
        if nodes.count > controlPlanes {
            var group: JSONObject = [
                "name": .string(Self.workerGroup), "replicas": .integer(Int64(nodes.count - controlPlanes)),
            ]
            group["patches"] = list(.workers)
            spec["workers"] = [.object(group)]
        }
        spec["patches"] = list(.all)
        let names = nodes.indices.map(machineName)
        let machinePatches = names.compactMap { name in
            list(.machine(name)).map { JSONObject.Member(key: name, value: $0) }
        }
        if !machinePatches.isEmpty { spec["machinePatches"] = .object(JSONObject(machinePatches)) }
        let machineData = zip(names, nodes).map { name, node in
            JSONObject.Member(key: name, value: ["node": .object(node.data)])
        }
        if !machineData.isEmpty { spec["machineData"] = .object(JSONObject(machineData)) }
        return ImportedCluster(
            name: name,
            cluster: [
                "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster",
                "metadata": ["name": .string(name)], "spec": .object(spec),
            ],
            secrets: secrets,
            machines: zip(names, nodes).map { ImportedCluster.Machine(host: $1.host, name: $0) },
            notes: notes, holdsSecrets: holdsSecrets)
    }

    private func list(_ scope: Scope) -> JSONValue? {
        layers[scope].map { .array($0) }
    }
}
