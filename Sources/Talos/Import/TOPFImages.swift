// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension TOPFImport {
    /// The schematic without anything, which TOPF takes where none is named.
    private static let vanilla = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"

    /// Sets `spec.schematic` to what holds for all nodes.
    ///
    /// TOPF evaluates a template for each node. Where they say different things, there is no `spec.schematic`, and
    /// each machine gets an image of its own.
    mutating func addSchematic() throws(ConfigProblems) {
        guard var schematic = try commonSchematic() else {
            // Where all nodes name schematics of their own, nobody has that of the cluster.
            guard !schematicIDs.isEmpty else { return }
            return draft.note(
                ImportNote(
                    .changed, file: configuration.file, path: "schematicId",
                    reason: "the template was evaluated for each node and says different things, so that "
                        + "spec.schematic is left out and each machine has an installer image of its own"))
        }
        if let platform = try configuration.text("platform") { schematic["platform"] = .string(platform) }
        if let factory = try configuration.text("factory") { schematic["factory"] = .string(factory) }
        if try configuration.flag("secureboot") == true { schematic["secureboot"] = true }
        draft.spec["schematic"] = .object(schematic)
    }

    private mutating func commonSchematic() throws(ConfigProblems) -> JSONObject? {
        guard let path = try schematicPath(configuration) else {
            return ["id": .string(try configuration.text("schematicId") ?? Self.vanilla)]
        }
        if nodes.isEmpty { return ["id": .string(Self.vanilla)] }
        var schematics: [JSONObject] = []
        var ids: [Int: String] = [:]
        for (index, node) in nodes.enumerated() where node.object["schematicId"] == nil {
            let schematic = try schematicDocument(path, at: configuration, for: index)
            ids[index] = try Schematic(reading: .object(schematic), source: path).id
            schematics.append(schematic)
        }
        schematicIDs = ids
        guard Set(ids.values).count == 1 else { return nil }
        return schematics.first
    }

    /// The file that a `schematicId` names; nil if it is one itself, or absent.
    private func schematicPath(_ place: ImportedObject) throws(ConfigProblems) -> String? {
        guard let id = try place.text("schematicId"), id.hasPrefix("@") else { return nil }
        return String(id.dropFirst())
    }

    private func schematicDocument(
        _ path: String, at place: ImportedObject, for index: Int
    ) throws(ConfigProblems) -> JSONObject {
        guard let file = files.first(where: { $0.path == path }) else {
            throw place.problem("schematicId", "there is no file \(path)")
        }
        guard path.hasSuffix(".tpl") else { return try ImportedObject.read(file).object }
        return try ImportedObject.read(SourceFile(path: path, text: try evaluated(file, for: index))).object
    }

    /// Adds the installer images of nodes that differ from the others, and of all where nothing is common.
    mutating func addNodeImages() throws(ConfigProblems) {
        let keys = ["talosVersion", "schematicId", "factory", "platform", "secureboot"]
        let hasCommon = draft.spec["schematic"] != nil
        for (index, node) in nodes.enumerated()
        where !hasCommon || keys.contains(where: { node.object[$0] != nil }) {
            draft.add(
                ["machine": ["install": ["image": .string(try image(index))]]],
                named: "installer image of the node", to: .machine(draft.machineName(index)))
        }
    }

    private func image(_ index: Int) throws(ConfigProblems) -> String {
        let node = nodes[index]
        func text(_ key: String, _ fallback: String) throws(ConfigProblems) -> String {
            if let own = try node.text(key) { return own }
            return try configuration.text(key) ?? fallback
        }
        let place = node.object["schematicId"] == nil ? configuration : node
        var id = try place.text("schematicId") ?? Self.vanilla
        if let path = try schematicPath(place) {
            let schematic = try schematicDocument(path, at: place, for: index)
            id = try Schematic(reading: .object(schematic), source: path).id
        }
        let isSecureCluster = try configuration.flag("secureboot") ?? false
        let isSecure = try node.flag("secureboot") ?? isSecureCluster
        let version = try node.text("talosVersion").map(ImportedVersion.text) ?? "${talosVersion}"
        let platform = try text("platform", "metal")
        let factory = try text("factory", "factory.talos.dev")
        return "\(factory)/\(platform)-installer\(isSecure ? "-secureboot" : "")/\(id):\(version)"
    }
}
