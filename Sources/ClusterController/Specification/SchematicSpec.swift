// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
package import Talos

/// What the Talos image of a cluster has in it: `spec.schematic`.
package struct SchematicSpec: Sendable, Hashable {
    /// What describes the image.
    package enum Content: Sendable, Hashable {
        /// The ID of a schematic that is registered already, 64 hexadecimal digits.
        case id(String)
        /// A schematic to be registered; short forms have taken their places in it.
        case schematic(Schematic)
    }

    package var content: Content
    /// The host of the Image Factory, with a port or a path if need be.
    package var factory: String
    /// The platform of the image, such as `metal`.
    package var platform: String
    /// Whether the image is one for secure boot.
    package var isSecureboot: Bool

    /// The schematic; nil if only its ID is known.
    package var schematic: Schematic? {
        if case .schematic(let schematic) = content { schematic } else { nil }
    }

    /// The image that installs a version of Talos, such as `v1.12.3`.
    package func installer(of version: String) -> InstallerImage {
        let id =
            switch content {
            case .id(let id): id
            case .schematic(let schematic): schematic.id
            }
        return InstallerImage(
            factory: factory, schematicID: id, platform: platform, isSecureBoot: isSecureboot,
            version: version)
    }

    /// What stands in for fields that are left out.
    package enum Default {
        package static let factory = InstallerImage.publicFactory
        package static let platform = "metal"
    }
}

/// The checks of `spec.schematic`.
///
/// Short forms find their places in the Image Factory's own document, which is then read as strictly as there.
enum SchematicFields {
    private static let documentKeys = ["owner", "overlay", "customization"]
    private static let shortKeys = ["extensions", "extraKernelArgs", "meta", "secureboot"]

    /// The schematic; nil if there is none, or after something was reported.
    static func read(_ field: Field) -> SchematicSpec? {
        guard let object = field.object() else { return nil }
        field.allow(["id", "factory", "platform"] + documentKeys + shortKeys)
        let factory = host(field["factory"]) ?? SchematicSpec.Default.factory
        let platform = self.platform(field["platform"]) ?? SchematicSpec.Default.platform
        let id = id(field["id"])
        let schematic = schematic(field)
        if id != nil {
            for key in documentKeys + shortKeys where object[key] != nil && !isFlag(field[key]) {
                field[key].report("must be absent beside id, which names a whole schematic")
            }
        }
        return SchematicSpec(
            content: id.map(SchematicSpec.Content.id) ?? .schematic(schematic), factory: factory,
            platform: platform, isSecureboot: isSecureboot(field))
    }

    private static func id(_ field: Field) -> String? {
        guard let id = field.text() else { return nil }
        let digits = Set("0123456789abcdef".utf8)
        if id.utf8.count != 64 || !id.utf8.allSatisfy(digits.contains) {
            field.report("must be 64 lower-case hexadecimal digits, not \(Field.quote(id))")
        }
        return id
    }

    /// A host name with a port and a path if need be, as it stands before the name of an image.
    private static func host(_ field: Field) -> String? {
        guard let text = field.text() else { return nil }
        let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789-._:/".utf8)
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let name = parts.first?.split(separator: ":", maxSplits: 1).first ?? ""
        if !text.utf8.allSatisfy(allowed.contains) || parts.contains("") || !DNS1123.isSubdomain(name) {
            field.report("must be a host such as factory.talos.dev, not \(Field.quote(text))")
        }
        return text
    }

    private static func platform(_ field: Field) -> String? {
        guard let text = field.text() else { return nil }
        if let problem = InstallerImage.problem(withPlatform: text, path: .root) {
            field.report(problem.problem)
        }
        return text
    }

    private static func isFlag(_ field: Field) -> Bool { field.json?.bool != nil }

    /// A flag decides; without one, whoever gives settings for secure boot means such an image.
    private static func isSecureboot(_ field: Field) -> Bool {
        let short = field["secureboot"]
        if let flag = short.json?.bool { return flag }
        _ = short.isPresent ? short.object() : nil
        return short.isPresent || field["customization"]["secureboot"].isPresent
    }

    /// The schematic, after everything that the Image Factory would refuse was reported.
    private static func schematic(_ field: Field) -> Schematic {
        do throws(ConfigProblems) {
            return try Schematic(reading: .object(document(field)))
        } catch {
            for problem in error.problems { report(problem, in: field) }
            return Schematic()
        }
    }

    /// Says where the user wrote it, which may be a short form.
    private static func report(_ problem: ConfigProblem, in field: Field) {
        var path = problem.path == .root ? "" : ".\(problem.path)"
        for (short, long) in shortForms where field[short].isPresent {
            let prefix = ".customization." + long.joined(separator: ".")
            if path.hasPrefix(prefix) { path = ".\(short)\(path.dropFirst(prefix.count))" }
        }
        field.report(problem.problem, below: path)
    }

    /// Short forms, and their places within `customization`.
    private static let shortForms = [
        ("extensions", ["systemExtensions", "officialExtensions"]), ("extraKernelArgs", ["extraKernelArgs"]),
        ("meta", ["meta"]), ("secureboot", ["secureboot"]),
    ]

    /// The Image Factory's document, short forms in their places.
    private static func document(_ field: Field) -> JSONObject {
        var document = JSONObject()
        for key in documentKeys { document[key] = field[key].json }
        var customization = field["customization"].object() ?? JSONObject()
        for (short, path) in shortForms {
            guard let value = field[short].json, value.bool == nil || short != "secureboot" else { continue }
            if short != "secureboot" { _ = field[short].elements() }
            let long = path.reduce(field["customization"]) { $0[$1] }
            if long.isPresent {
                field[short].report("must be absent beside \(long.path), which says the same")
            }
            place(value, path[...], in: &customization)
        }
        if !customization.isEmpty { document["customization"] = .object(customization) }
        return document
    }

    private static func place(_ value: JSONValue, _ path: ArraySlice<String>, in object: inout JSONObject) {
        guard let key = path.first else { return }
        guard path.count > 1 else { return object[key] = value }
        var inner = object[key]?.object ?? JSONObject()
        place(value, path.dropFirst(), in: &inner)
        object[key] = .object(inner)
    }
}
