// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension TalhelperImport {
    /// Adds the layers in the order in which they count.
    mutating func addLayers() throws(ConfigProblems) {
        try addClusterLayer()
        for isControlPlane in [true, false] { try addFields(isControlPlane) }
        try addPatches(try configuration.list("patches"), at: "patches", to: .all)
        for isControlPlane in [true, false] { try addPatches(isControlPlane) }
        for node in nodes {
            for key in node.unknownKeys(TalhelperFields.nodeKeys.union(TalhelperFields.keys)) {
                lose("\(node.path.appending(key))", "no field of talhelper that is known here")
            }
        }
        for group in groups.values {
            for key in group.unknownKeys(TalhelperFields.keys) {
                lose("\(group.path.appending(key))", "no field of talhelper that is known here")
            }
        }
    }

    /// What the fields of the whole cluster say.
    private mutating func addClusterLayer() throws(ConfigProblems) {
        if let cni = try configuration.map("cniConfig") {
            draft.add(
                ["cluster": ["network": ["cni": .object(cni)]]], named: "talconfig.yaml: cniConfig", to: .all)
        }
        var cluster = JSONObject()
        let names = try configuration.list("additionalApiServerCertSans")
        if !names.isEmpty { cluster["apiServer"] = ["certSANs": .array(names)] }
        let onMasters = try configuration.flag("allowSchedulingOnMasters") ?? false
        let onControlPlanes = try configuration.flag("allowSchedulingOnControlPlanes") ?? false
        if onMasters || onControlPlanes { cluster["allowSchedulingOnControlPlanes"] = true }
        var manifests: [JSONValue] = []
        hasReadEncrypted = false
        for part in try configuration.parts("inlineManifests") {
            manifests.append(.object(try withContent(part, key: "contents")))
        }
        if !manifests.isEmpty { cluster["inlineManifests"] = .array(manifests) }
        if !cluster.isEmpty {
            draft.add(
                Self.escaped(["cluster": .object(cluster)]), named: "talconfig.yaml: cluster",
                isSecret: hasReadEncrypted, to: .controlPlane)
        }
    }

    /// Which nodes have a role.
    func indices(_ isControlPlane: Bool) -> [Int] {
        draft.nodes.indices.filter { draft.nodes[$0].isControlPlane == isControlPlane }
    }

    /// Adds what the fields of a role and its nodes say: common things as a layer of the role.
    private mutating func addFields(_ isControlPlane: Bool) throws(ConfigProblems) {
        let indices = indices(isControlPlane)
        var common = TalhelperFields(version, isControlPlane)
        var own = Dictionary(uniqueKeysWithValues: indices.map { ($0, common) })
        for key in TalhelperFields.ordered where isKnown(key, isControlPlane) {
            var values: [JSONValue?] = []
            hasReadEncrypted = false
            for index in indices { values.append(try effective(key, index)) }
            guard let first = values.first else { continue }
            if values.count > 1 || key != "hostname", Set(values).count == 1, let value = first {
                if !isCommonDisk(key) { try common.add(key, value, isSecret: hasReadEncrypted) }
            } else {
                for (index, value) in zip(indices, values) {
                    guard let value else { continue }
                    try own[index]?.add(key, value, isSecret: hasReadEncrypted)
                }
            }
        }
        let name = "talconfig.yaml: \(isControlPlane ? "controlPlane" : "worker")"
        addLayer(common, named: name, to: isControlPlane ? .controlPlane : .workers)
        for index in indices {
            guard let fields = own[index] else { continue }
            let name = "talconfig.yaml: \(draft.nodes[index].host)"
            addLayer(fields, named: name, to: .machine(draft.machineName(index)))
        }
        for key in TalhelperFields.unneeded where groups[isControlPlane]?.object[key] != nil {
            change("\(isControlPlane ? "controlPlane" : "worker").\(key)", TalhelperFields.reason(key))
        }
        for index in indices {
            for key in TalhelperFields.unneeded where nodes[index].object[key] != nil {
                change("\(nodes[index].path.appending(key))", TalhelperFields.reason(key))
            }
        }
    }

    /// Whether the cluster's version of Talos has a counterpart of the field; if not, its uses are reported.
    private mutating func isKnown(_ key: String, _ isControlPlane: Bool) -> Bool {
        guard let oldest = TalhelperFields.oldestMinor[key], version < TalosVersion(minor: oldest) else {
            return true
        }
        let places = indices(isControlPlane).map { nodes[$0] } + [groups[isControlPlane]].compactMap { $0 }
        for place in places where place.object[key] != nil {
            lose(
                "\(place.path.appending(key))",
                "Talos has it from \(TalosVersion(minor: oldest)) on, and this is \(version)")
        }
        return false
    }

    private mutating func addLayer(
        _ fields: TalhelperFields, named name: String, to scope: ClusterDraft.Scope
    ) {
        let texts = fields.documents.map { YAML.document(.object(Self.escaped($0))) }
        guard !texts.isEmpty else { return }
        draft.add(texts.joined(separator: "---\n"), named: name, isSecret: fields.isSecret, to: scope)
    }

    /// Whether a disk is all nodes' and stands in the specification already.
    private func isCommonDisk(_ key: String) -> Bool {
        key == "installDisk" && draft.spec["talosConfig"]?["install"]?["disk"] != nil
    }

    /// A field of a node, or of its role if it says nothing.
    private mutating func effective(_ key: String, _ index: Int) throws(ConfigProblems) -> JSONValue? {
        let node = nodes[index]
        let group = groups[draft.nodes[index].isControlPlane]
        switch key {
        case "hostname":
            return try node.flag("ignoreHostname") == true ? nil : .string(draft.nodes[index].host)
        case "installImage": return try installImage(index).map { .string($0) }
        case "certSANs":
            let isOverriding = try node.flag("overrideMachineCertSANs") ?? false
            let names = try node.list(key) + (isOverriding ? [] : group?.list(key) ?? [])
            return names.isEmpty ? nil : .array(names)
        case "machineFiles":
            let owner = node.object[key] == nil ? group : node
            guard let owner else { return nil }
            var files: [JSONValue] = []
            for part in try owner.parts(key) { files.append(.object(try withContent(part, key: "content"))) }
            return files.isEmpty ? nil : .array(files)
        case "nodeLabels", "nodeAnnotations":
            guard let place = node.object[key] == nil ? group : node, let object = try place.map(key)
            else { return nil }
            let values = try withoutTemplates(object, key, of: place, for: index)
            return values.isEmpty ? nil : .object(values)
        case "diskOfSelectorAlone":
            let disk = try effective("installDisk", index)
            let selector = try effective("installDiskSelector", index)
            return disk == nil && selector != nil ? true : nil
        case "schematicKernelArguments":
            // Talos takes none beside a unified kernel image.
            let machine = node.object["machineSpec"] ?? group?.object["machineSpec"]
            if machine?["useUKI"]?.bool == true { return nil }
            let schematic = node.object["schematic"] ?? group?.object["schematic"]
            return schematic?["customization"]?["extraKernelArgs"]
        default:
            guard let value = node.object[key] ?? group?.object[key], value != .null else { return nil }
            return GoTemplateFunctions.isTrue(value) ? value : nil
        }
    }

    /// A file or manifest with the content that its reference stands for.
    private mutating func withContent(_ part: ImportedObject, key: String) throws(ConfigProblems)
        -> JSONObject
    {
        var object = part.object
        let isPlain = try part.flag("skipEnvsubst") ?? false
        object["skipEnvsubst"] = nil
        guard let text = try part.text(key), text.hasPrefix("@") else { return object }
        let file = try file(String(text.dropFirst()), for: part, key)
        if file.wasEncrypted { hasReadEncrypted = true }
        object[key] = .string(isPlain ? file.text : try environment.substituted(file))
        return object
    }

    private func file(
        _ path: String, for part: ImportedObject, _ key: String
    ) throws(ConfigProblems) -> SourceFile {
        guard let file = files[path] else { throw part.problem(key, "there is no file \(path)") }
        return file
    }

    /// The object with all its texts written so that no `$` in them begins a variable; variables of ours stay.
    static func escaped(_ object: JSONObject) -> JSONObject {
        JSONObject(object.members.map { .init(key: $0.key, value: escaped($0.value, at: $0.key)) })
    }

    private static func escaped(_ value: JSONValue, at key: String) -> JSONValue {
        switch value {
        case .string(let text):
            // The one text that importers put a variable into.
            let variable = "${talosVersion}"
            guard key == "image", text.hasSuffix(variable) else {
                return .string(withVariables(ImportedText.escaped(text)))
            }
            return .string(ImportedText.escaped(text.dropLast(variable.count)) + variable)
        case .array(let elements): return .array(elements.map { escaped($0, at: key) })
        case .object(let object): return .object(escaped(object))
        default: return value
        }
    }
}
