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
        for part in try configuration.parts("inlineManifests") {
            manifests.append(.object(try withContent(part, key: "contents")))
        }
        if !manifests.isEmpty { cluster["inlineManifests"] = .array(manifests) }
        if !cluster.isEmpty {
            draft.add(
                Self.escaped(["cluster": .object(cluster)]), named: "talconfig.yaml: cluster",
                to: .controlPlane)
        }
    }

    /// Which nodes have a role.
    private func indices(_ isControlPlane: Bool) -> [Int] {
        draft.nodes.indices.filter { draft.nodes[$0].isControlPlane == isControlPlane }
    }

    /// Adds what the fields of a role and its nodes say: common things as a layer of the role.
    private mutating func addFields(_ isControlPlane: Bool) throws(ConfigProblems) {
        let indices = indices(isControlPlane)
        var common = TalhelperFields(version, isControlPlane)
        var own = Dictionary(uniqueKeysWithValues: indices.map { ($0, common) })
        for key in TalhelperFields.ordered where isKnown(key, isControlPlane) {
            var values: [JSONValue?] = []
            for index in indices { values.append(try effective(key, index)) }
            guard let first = values.first else { continue }
            if values.count > 1 || key != "hostname", Set(values).count == 1, let value = first {
                if !isCommonDisk(key) { try common.add(key, value) }
            } else {
                for (index, value) in zip(indices, values) {
                    guard let value else { continue }
                    try own[index]?.add(key, value)
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
        draft.add(texts.joined(separator: "---\n"), named: name, to: scope)
    }

    /// Whether a disk is all nodes' and stands in the specification already.
    private func isCommonDisk(_ key: String) -> Bool {
        key == "installDisk" && draft.spec["talosConfig"]?["install"]?["disk"] != nil
    }

    /// A field of a node, or of its role if it says nothing.
    private func effective(_ key: String, _ index: Int) throws(ConfigProblems) -> JSONValue? {
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
    private func withContent(_ part: ImportedObject, key: String) throws(ConfigProblems) -> JSONObject {
        var object = part.object
        let isPlain = try part.flag("skipEnvsubst") ?? false
        object["skipEnvsubst"] = nil
        guard let text = try part.text(key), text.hasPrefix("@") else { return object }
        let file = try file(String(text.dropFirst()), for: part, key)
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
    private static func escaped(_ object: JSONObject) -> JSONObject {
        JSONObject(object.members.map { .init(key: $0.key, value: escaped($0.value, at: $0.key)) })
    }

    private static func escaped(_ value: JSONValue, at key: String) -> JSONValue {
        switch value {
        case .string(let text):
            // The one text that importers put a variable into.
            let variable = "${talosVersion}"
            guard key == "image", text.hasSuffix(variable) else { return .string(ImportedText.escaped(text)) }
            return .string(ImportedText.escaped(text.dropLast(variable.count)) + variable)
        case .array(let elements): return .array(elements.map { escaped($0, at: key) })
        case .object(let object): return .object(escaped(object))
        default: return value
        }
    }
}

extension TalhelperImport {
    /// Adds the patches and manifests of a role and its nodes.
    private mutating func addPatches(_ isControlPlane: Bool) throws(ConfigProblems) {
        let scope: ClusterDraft.Scope = isControlPlane ? .controlPlane : .workers
        let indices = indices(isControlPlane)
        for key in ["patches", "extraManifests"] {
            let flag = key == "patches" ? "overridePatches" : "overrideExtraManifests"
            let common = try groups[isControlPlane]?.list(key) ?? []
            let path = "\(isControlPlane ? "controlPlane" : "worker").\(key)"
            var overriding: Set<Int> = []
            for index in indices where try nodes[index].flag(flag) == true { overriding.insert(index) }
            if overriding.isEmpty, !indices.isEmpty { try addPatches(common, at: path, to: scope, key) }
            for index in indices {
                let machine = ClusterDraft.Scope.machine(draft.machineName(index))
                if !overriding.isEmpty, !overriding.contains(index) {
                    try addPatches(common, at: path, to: machine, key)
                }
                let ownPath = "\(nodes[index].path.appending(key))"
                try addPatches(try nodes[index].list(key), at: ownPath, to: machine, key)
            }
        }
    }

    private mutating func addPatches(
        _ patches: [JSONValue], at path: String, to scope: ClusterDraft.Scope, _ key: String = "patches"
    ) throws(ConfigProblems) {
        for (index, patch) in patches.enumerated() {
            let place = "\(path)[\(index)]"
            guard let text = patch.string else {
                lose(place, "must be a text")
                continue
            }
            let isReference = key == "extraManifests" || text.hasPrefix("@")
            guard isReference else {
                addPatch(text, named: "talconfig.yaml: \(place)", at: place, isSecret: false, to: scope)
                continue
            }
            let name = text.hasPrefix("@") ? String(text.dropFirst()) : text
            guard let file = files[name] else {
                throw ConfigProblems(
                    ConfigProblem(source: configuration.file, problem: "\(place): there is no file \(name)"))
            }
            let content = try environment.substituted(file)
            addPatch(content, named: name, at: place, isSecret: file.wasEncrypted, to: scope)
        }
    }

    private mutating func addPatch(
        _ text: String, named name: String, at place: String, isSecret: Bool, to scope: ClusterDraft.Scope
    ) {
        let values: [JSONValue]
        do throws(YAMLError) {
            values = try YAML.imported(text).filter { $0 != .null }
        } catch {
            return lose(place, "\(error)")
        }
        guard !values.isEmpty else { return }
        if values.count == 1, case .array(let operations) = values[0] {
            return addOperations(operations, text, named: name, at: place, isSecret: isSecret, to: scope)
        }
        draft.add(translated(text, at: place), named: name, isSecret: isSecret, to: scope)
    }

    /// A patch with talhelper's templates as variables, as far as they are known.
    private mutating func translated(_ text: String, at place: String) -> String {
        guard text.contains("{{") else { return ImportedText.escaped(text) }
        do throws(GoTemplate.Problem) {
            if let translated = try GoTemplate(text).asLayer(TalhelperFields.variable) {
                return translated
            }
        } catch {
            // What cannot be read is no template of talhelper's.
        }
        draft.note(
            ImportNote(
                .lost, file: configuration.file, path: place, reason: "its {{ … }} are left as they stand"))
        return ImportedText.escaped(text)
    }

    /// Whether all configurations have one document, so that Talos takes operations for them.
    private var hasOneDocument: Bool {
        guard version < TalosVersion(minor: 12) else { return false }
        let places = nodes + Array(groups.values)
        let hasFields = places.contains { place in
            TalhelperFields.documentKeys.contains { key in
                place.object[key] != nil
                    && TalhelperFields.oldestMinor[key].map { version >= TalosVersion(minor: $0) } ?? true
            }
        }
        let texts =
            (places + [configuration]).flatMap { $0.object["patches"]?.array ?? [] }.compactMap(\.string)
            + files.values.map(\.text)
        return !hasFields && !texts.contains { $0.hasPrefix("kind:") || $0.contains("\nkind:") }
    }

    private mutating func addOperations(
        _ operations: [JSONValue], _ text: String, named name: String, at place: String, isSecret: Bool,
        to scope: ClusterDraft.Scope
    ) {
        if hasOneDocument {
            return draft.add(ImportedText.escaped(text), named: name, isSecret: isSecret, to: scope)
        }
        let needsDeletion = text.contains("remove") && version < TalosVersion(minor: 8)
        guard !needsDeletion, let patch = OperationsAsPatch.patch(of: operations) else {
            change(
                place,
                "its operations stay as they are, which Talos takes for configurations of one document only")
            return draft.add(ImportedText.escaped(text), named: name, isSecret: isSecret, to: scope)
        }
        change(place, "its operations became a strategic merge patch, which appends to lists")
        draft.add(Self.escaped(patch), named: name, isSecret: isSecret, to: scope)
    }
}
