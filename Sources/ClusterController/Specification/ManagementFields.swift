// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

/// What the specification says about the machines' Talos configurations, apart from `talosConfig` and the patches of
/// single parts of the topology.
struct ManagementFields {
    let management: Management
    let patches: [LayerSource]
    let machinePatches: [String: [LayerSource]]
    let data: JSONObject
    let machineData: [String: JSONObject]
    let schematic: SchematicSpec?
    let validationMode: ValidationMode

    private let spec: Field

    init(_ spec: Field) {
        self.spec = spec
        management = spec["management"].choice() ?? .machines
        patches = PatchFields.list(spec["patches"])
        machinePatches = PatchFields.byMachine(spec["machinePatches"])
        data = spec["data"].object() ?? JSONObject()
        machineData = Self.machineData(spec["machineData"])
        schematic = SchematicFields.read(spec["schematic"])
        validationMode = Self.validationMode(spec["validationMode"])
    }

    private static func machineData(_ field: Field) -> [String: JSONObject] {
        var data: [String: JSONObject] = [:]
        for (name, values) in field.members(atMost: PatchFields.mostMachines) {
            data[name] = values.required.object()
        }
        return data
    }

    private static func validationMode(_ field: Field) -> ValidationMode {
        guard let text = field.text() else { return .metal }
        guard let mode = ValidationMode(rawValue: text) else {
            field.report("must be metal, cloud or container, not \(Field.quote(text))")
            return .metal
        }
        return mode
    }

    /// Reports a Talos version that no configuration can be made for.
    func check(_ talosVersion: Version) {
        guard management != .machines else { return }
        let version = TalosVersion(talosVersion)
        guard !TalosVersion.supported.contains(version) else { return }
        spec["talosVersion"].report(
            "must be \(TalosVersion.supported.lowerBound) to \(TalosVersion.supported.upperBound) "
                + "with management \(management.rawValue), not \(talosVersion)")
    }

    /// Warns of what has no effect: settings of machines that there are not, and anything about configurations that
    /// nobody makes.
    func warn(_ cluster: ClusterSpec) {
        if !machinePatches.isEmpty || !machineData.isEmpty {
            let names = Set(Topology(cluster).nodes.map(\.name))
            warn("machinePatches", machinePatches.keys.sorted().filter { !names.contains($0) })
            warn("machineData", machineData.keys.sorted().filter { !names.contains($0) })
        }
        guard management == .machines else { return }
        for key in ["patches", "machinePatches", "data", "machineData", "schematic"] where spec[key].isPresent
        {
            spec[key].warn("has no effect without management Config")
        }
    }

    private func warn(_ key: String, _ missing: [String]) {
        let shown = 10
        for name in missing.prefix(shown) {
            spec[key].warn("there is no Machine \(Field.quote(name)), so what is said of it has no effect")
        }
        if missing.count > shown { spec[key].warn("so it is with \(missing.count - shown) more") }
    }
}
