// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// A patch or manifest of talhelper's, and where it goes.
struct TalhelperPatch {
    var text: String
    var name: String
    /// The field that has or names it.
    var place: String
    var isSecret: Bool
    var scope: ClusterDraft.Scope
    /// Whether environment variables have their values in it already.
    var isSubstituted: Bool
}

extension TalhelperImport {
    /// Adds the patches and manifests of a role and its nodes: patches of the role first, manifests of the node.
    mutating func addPatches(_ isControlPlane: Bool) throws(ConfigProblems) {
        let scope: ClusterDraft.Scope = isControlPlane ? .controlPlane : .workers
        let indices = indices(isControlPlane)
        for key in ["patches", "extraManifests"] {
            let flag = key == "patches" ? "overridePatches" : "overrideExtraManifests"
            let common = try groups[isControlPlane]?.list(key) ?? []
            let path = "\(isControlPlane ? "controlPlane" : "worker").\(key)"
            var overriding: Set<Int> = []
            for index in indices where try nodes[index].flag(flag) == true { overriding.insert(index) }
            let hasOwn = indices.contains { nodes[$0].object[key] != nil }
            let isShared = overriding.isEmpty && (key == "patches" || !hasOwn)
            if isShared, !indices.isEmpty { try addPatches(common, at: path, to: scope, key) }
            for index in indices {
                let machine = ClusterDraft.Scope.machine(draft.machineName(index))
                let ofRole = isShared || overriding.contains(index) ? [] : common
                let own = (try nodes[index].list(key), "\(nodes[index].path.appending(key))")
                let lists = key == "patches" ? [(ofRole, path), own] : [own, (ofRole, path)]
                for (list, path) in lists { try addPatches(list, at: path, to: machine, key) }
            }
        }
    }

    mutating func addPatches(
        _ patches: [JSONValue], at path: String, to scope: ClusterDraft.Scope, _ key: String = "patches"
    ) throws(ConfigProblems) {
        for (index, patch) in patches.enumerated() {
            let place = "\(path)[\(index)]"
            guard let text = patch.string else {
                lose(place, "must be a text")
                continue
            }
            var patch = TalhelperPatch(
                text: text, name: "talconfig.yaml: \(place)", place: place, isSecret: false, scope: scope,
                isSubstituted: true)
            if key == "extraManifests" || text.hasPrefix("@") {
                patch.name = text.hasPrefix("@") ? String(text.dropFirst()) : text
                guard let file = files[patch.name] else {
                    throw ConfigProblems(
                        ConfigProblem(
                            source: configuration.file, problem: "\(place): there is no file \(patch.name)"))
                }
                patch.text = file.text
                patch.isSecret = file.wasEncrypted
                patch.isSubstituted = false
            }
            if patch.text.contains("{{") { try addTemplate(patch) } else { try addPlain(patch) }
        }
    }

    /// Adds a patch that is no template, or is to stay as it stands.
    mutating func addPlain(_ patch: TalhelperPatch) throws(ConfigProblems) {
        let text = try substituted(patch, patch.text)
        let values: [JSONValue]
        do throws(YAMLError) {
            values = try YAML.imported(text).filter { $0 != .null }
        } catch {
            return lose(patch.place, "\(error)")
        }
        guard !values.isEmpty else { return }
        if values.count == 1, case .array(let operations) = values[0] {
            return addOperations(
                operations, text, named: patch.name, at: patch.place, isSecret: patch.isSecret,
                to: patch.scope)
        }
        draft.add(
            ImportedText.escaped(text), named: patch.name, isSecret: patch.isSecret, to: patch.scope)
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
