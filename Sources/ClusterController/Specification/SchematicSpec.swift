// SPDX-License-Identifier: Apache-2.0
import Platform
package import StructuredData

/// What the Talos image of a cluster has in it: `spec.schematic`.
package struct SchematicSpec: Sendable, Hashable {
    /// What describes the image.
    package enum Content: Sendable, Hashable {
        /// The ID of a schematic that is registered already, 64 hexadecimal digits.
        case id(String)
        /// A schematic as the Image Factory reads it; short forms have taken their places in it.
        case document(JSONObject)
    }

    package var content: Content
    /// The host of the Image Factory, with a port or a path if need be.
    package var factory: String
    /// The platform of the image, such as `metal`.
    package var platform: String
    /// Whether the image is one for secure boot.
    package var isSecureboot: Bool

    /// What stands in for fields that are left out.
    package enum Default {
        package static let factory = "factory.talos.dev"
        package static let platform = "metal"
    }
}

/// The checks of `spec.schematic`.
///
/// What stands within the Image Factory's own document is its business; here the short forms find their places in it.
enum SchematicFields {
    private static let documentKeys = ["owner", "overlay", "customization"]
    private static let shortKeys = ["extensions", "extraKernelArgs", "meta", "secureboot"]

    /// The schematic; nil if there is none, or after something was reported.
    static func read(_ field: Field) -> SchematicSpec? {
        guard let object = field.object() else { return nil }
        field.allow(["id", "factory", "platform"] + documentKeys + shortKeys)
        let factory = host(field["factory"]) ?? SchematicSpec.Default.factory
        let platform = label(field["platform"]) ?? SchematicSpec.Default.platform
        let id = id(field["id"])
        let document = document(field)
        if id != nil {
            for key in documentKeys + shortKeys where object[key] != nil && !isFlag(field[key]) {
                field[key].report("must be absent beside id, which names a whole schematic")
            }
        }
        return SchematicSpec(
            content: id.map(SchematicSpec.Content.id) ?? .document(document), factory: factory,
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

    private static func label(_ field: Field) -> String? {
        guard let text = field.text() else { return nil }
        if !DNS1123.isLabel(text) {
            field.report("must be a platform such as metal, not \(Field.quote(text))")
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

    /// The Image Factory's document, short forms in their places.
    private static func document(_ field: Field) -> JSONObject {
        var document = JSONObject()
        for key in documentKeys { document[key] = field[key].json }
        var customization = field["customization"].object() ?? JSONObject()
        for (short, path) in [
            ("extensions", ["systemExtensions", "officialExtensions"]),
            ("extraKernelArgs", ["extraKernelArgs"]),
            ("meta", ["meta"]), ("secureboot", ["secureboot"]),
        ] {
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
