// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// What layers may say instead of a value: `${cluster.name}`, `${machine.index}`, `${data.ntp.servers.0}` and the like.
///
/// Values are put in after the layer was read, so that none can change its structure, and what was put in is never
/// looked at for variables again.
package struct Variables: Sendable {
    /// What is the same for all machines of a cluster.
    package struct Cluster: Sendable {
        package var name: String
        package var endpoint: String
        /// The versions as the specification writes them, such as `v1.33.0`.
        package var kubernetesVersion: String
        package var talosVersion: String
        /// Nil if the images are not an Image Factory's.
        package var schematicID: String?
        /// `spec.data`.
        package var data: JSONObject

        package init(
            name: String, endpoint: String, kubernetesVersion: String, talosVersion: String,
            schematicID: String? = nil, data: JSONObject = JSONObject()
        ) {
            self.name = name
            self.endpoint = endpoint
            self.kubernetesVersion = kubernetesVersion
            self.talosVersion = talosVersion
            self.schematicID = schematicID
            self.data = data
        }
    }

    /// What is a machine's own.
    package struct Machine: Sendable {
        package var name: String
        package var role: MachineRole
        /// The name of its group of workers; of control planes, `controlplane`.
        package var group: String
        /// Its place in the group, from 0.
        package var index: Int
        /// `spec.machineData` of it, which goes before `spec.data`, key by key.
        package var data: JSONObject

        package init(
            name: String, role: MachineRole, group: String, index: Int, data: JSONObject = JSONObject()
        ) {
            self.name = name
            self.role = role
            self.group = group
            self.index = index
            self.data = data
        }
    }

    /// All that has a name, as one object.
    private let values: JSONValue
    /// Why a name that exists has no value here.
    private let reasons: [String: String]

    /// The variables of a machine, or those that need none.
    package init(cluster: Cluster, machine: Machine? = nil) {
        let data = machine.map { JSONValue.object(cluster.data).overlaid(with: .object($0.data)) }
        values = .members([
            "cluster": ["name": .string(cluster.name), "endpoint": .string(cluster.endpoint)],
            "kubernetesVersion": .string(cluster.kubernetesVersion),
            "talosVersion": .string(cluster.talosVersion),
            "schematicID": cluster.schematicID.map(JSONValue.string),
            "machine": machine.map { machine in
                [
                    "name": .string(machine.name), "role": .string(machine.role.rawValue),
                    "group": .string(machine.group), "index": .integer(Int64(machine.index)),
                ]
            },
            "data": data ?? .object(cluster.data),
        ])
        var reasons: [String: String] = [:]
        if cluster.schematicID == nil { reasons["schematicID"] = "there is no schematic" }
        if machine == nil { reasons["machine"] = "no machine is meant" }
        self.reasons = reasons
    }

    /// The value of a variable, or why there is none.
    func value(of name: String) -> Result<JSONValue, Missing> {
        var value = values
        let steps = name.split(separator: ".", omittingEmptySubsequences: false)
        for step in steps {
            guard let next = Self.member(String(step), of: value) else {
                return .failure(Missing(reason: reason(for: name, first: String(steps[0]))))
            }
            value = next
        }
        return .success(value)
    }

    /// Why a variable has no value.
    struct Missing: Error {
        let reason: String
    }

    private static func member(_ step: String, of value: JSONValue) -> JSONValue? {
        switch value {
        case .object(let object): return object[step]
        case .array(let elements):
            guard let index = Int(step), elements.indices.contains(index) else { return nil }
            return elements[index]
        default: return nil
        }
    }

    private func reason(for name: String, first: String) -> String {
        if let reason = reasons[first] { return "\(quoted(name)) has no value: \(reason)" }
        let near = NearNames.of(name, among: names)
        let hint = near.isEmpty ? "" : "; did you mean \(near.map { "${\($0)}" }.joined(separator: " or "))?"
        return "unknown variable \(quoted(name))\(hint)"
    }

    private func quoted(_ name: String) -> String {
        "${\(String(name.prefix(60)))}"
    }
}

extension Variables {
    /// Names for suggestions; of `data` no more than this many.
    private static let nameLimit = 200

    private var names: [String] {
        var names: [String] = []
        Self.collect(values, prefix: "", into: &names)
        return names
    }

    private static func collect(_ value: JSONValue, prefix: String, into names: inout [String]) {
        guard names.count < nameLimit else { return }
        if !prefix.isEmpty { names.append(prefix) }
        guard case .object(let object) = value else { return }
        for member in object.members {
            collect(
                member.value, prefix: prefix.isEmpty ? member.key : "\(prefix).\(member.key)", into: &names)
        }
    }
}

extension JSONValue {
    /// This value with another one laid over it: objects key by key, anything else as a whole.
    func overlaid(with other: JSONValue) -> JSONValue {
        guard case .object(var object) = self, case .object(let above) = other else { return other }
        for member in above.members {
            object[member.key] = object[member.key]?.overlaid(with: member.value) ?? member.value
        }
        return .object(object)
    }
}
