// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension TalhelperImport {
    /// The schematic without anything, which talhelper takes where none is given.
    private static let vanilla = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"

    /// What decides on a node's installer image.
    private struct ImageParts: Hashable {
        /// A whole image without its tag.
        var url: JSONValue?
        var schematic: JSONValue?
        var isSecure: Bool
        var platform: String
    }

    private func imageParts(_ index: Int) -> ImageParts {
        let node = nodes[index].object
        let group = groups[draft.nodes[index].isControlPlane]?.object ?? JSONObject()
        let machine = node["machineSpec"] ?? group["machineSpec"]
        return ImageParts(
            url: node["talosImageURL"] ?? group["talosImageURL"],
            schematic: node["schematic"] ?? group["schematic"],
            isSecure: machine?["secureboot"]?.bool ?? false, platform: machine?["mode"]?.string ?? "metal")
    }

    /// What all nodes have; nil if they differ, or images are named in a way of their own.
    private var commonImage: ImageParts? {
        let parts = Set(nodes.indices.map(imageParts))
        guard parts.count == 1, let common = parts.first, common.url == nil, template == nil else {
            return nil
        }
        return common
    }

    private var factory: String {
        configuration.object["imageFactory"]?["registryURL"]?.string ?? "factory.talos.dev"
    }

    /// A pattern for the names of images that is not talhelper's own.
    private var template: String? {
        configuration.object["imageFactory"]?["installerURLTmpl"]?.string
    }

    /// Reports what of `imageFactory` has no counterpart.
    mutating func noteFactory() throws(ConfigProblems) {
        guard let factory = try configuration.part("imageFactory") else { return }
        let unneeded: Set = ["protocol", "schematicEndpoint", "ISOURLTmpl", "imageURLTmpl"]
        for key in factory.object.keys where unneeded.contains(key) {
            change(
                "imageFactory.\(key)",
                "is left out: it tells where to register schematics and to get images to boot from, which "
                    + "configurations do not have")
        }
        for key in factory.unknownKeys(unneeded.union(["registryURL", "installerURLTmpl"])) {
            lose("imageFactory.\(key)", "no field of talhelper that is known here")
        }
    }

    /// `spec.schematic`, where one holds for all nodes.
    mutating func addSchematic() throws(ConfigProblems) {
        guard let common = commonImage else { return }
        var schematic = common.schematic?.object ?? ["id": .string(Self.vanilla)]
        if schematic.isEmpty { schematic = ["id": .string(Self.vanilla)] }
        if common.platform != "metal" { schematic["platform"] = .string(common.platform) }
        if factory != "factory.talos.dev" { schematic["factory"] = .string(factory) }
        if common.isSecure { schematic["secureboot"] = true }
        draft.spec["schematic"] = .object(schematic)
    }

    /// The installer image of a node that has one of its own.
    func installImage(_ index: Int) throws(ConfigProblems) -> String? {
        commonImage == nil ? try image(index, version: "${talosVersion}") : nil
    }

    /// The installer image of a node as talhelper names it.
    func image(_ index: Int, version: String) throws(ConfigProblems) -> String {
        let parts = imageParts(index)
        if let url = parts.url?.string { return "\(url):\(version)" }
        let id = try parts.schematic.map { schematic throws(ConfigProblems) in
            try Schematic(reading: schematic).id
        }
        let pattern =
            template ?? "{{.RegistryURL}}/installer{{if .Secureboot}}-secureboot{{end}}/{{.ID}}:{{.Version}}"
        do throws(GoTemplate.Problem) {
            return try GoTemplateEvaluation.text(
                of: try GoTemplate(pattern),
                root: [
                    "RegistryURL": .string(factory), "ID": .string(id ?? Self.vanilla),
                    "Version": .string(version), "Secureboot": .bool(parts.isSecure),
                    "Mode": .string(parts.platform),
                ], environment: [:])
        } catch {
            throw ConfigProblems(
                ConfigProblem(
                    source: configuration.file, path: FieldPath("imageFactory", "installerURLTmpl"),
                    problem: error.reason))
        }
    }
}
