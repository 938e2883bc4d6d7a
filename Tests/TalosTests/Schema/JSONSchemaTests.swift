// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport
import Testing

@testable import Talos

@Suite("Talos' JSON schemas", .enabled(if: TalosReference.isThere))
struct JSONSchemaTests {
    @Test(
        "know no field and no order that the tables do not",
        arguments: TalosReference.files(endingIn: ".json"))
    func fields(path: String) throws {
        var parser = JSONParser(limits: JSONLimits(depth: 100))
        let schema = try parser.parse(try TalosReference.bytes(of: path))
        let file = try #require(path.split(separator: "/").last)
        let version = try #require(TalosVersion(file.dropLast(".json".count)))
        var comparison = Comparison(schema: schema, version: version)
        let roots = schema["oneOf"]?.array ?? [schema]
        for root in roots { comparison.compare(root: root) }
        #expect(comparison.differences == [])
        #expect(comparison.count > 250)
    }

    /// Compares a schema with the tables, field by field.
    private struct Comparison {
        let schema: JSONValue
        let version: TalosVersion
        private(set) var differences: [String] = []
        private(set) var count = 0

        /// Where the schemas are wrong: what Talos takes is a list, text, and texts of which one is called
        /// `cert`.
        private static let mistaken: Set<String> = [
            ".machine.acceptedCAs", ".cluster.acceptedCAs", "RoutingRuleConfig.action",
            "RegistryTLSConfig.clientIdentity",
        ]

        init(schema: JSONValue, version: TalosVersion) {
            self.schema = schema
            self.version = version
        }

        mutating func compare(root: JSONValue) {
            let object = resolved(root)
            guard let kind = object["properties"]?["kind"]?["enum"]?.array?.first?.string else {
                return compare(object, with: Schema.machine.type, at: "")
            }
            // The schemas leave the end of one name out.
            let name = kind == "KubeSpanEndpoints" ? "KubeSpanEndpointsConfig" : kind
            guard let known = Schema.kind(name), known.since <= version else {
                differences.append("no kind \(name)")
                return
            }
            if known.isNamed != (object["properties"]?["name"] != nil) { differences.append("\(name): name") }
            compare(object, with: known.type, at: name)
        }

        private mutating func compare(_ object: JSONValue, with type: ObjectType, at path: String) {
            let properties = object["properties"]?.object?.members ?? []
            // The order of the schemas is that of Talos' own types, in which it writes.
            let places = properties.filter { $0.key != "kind" }.compactMap { type.index(of: $0.key) }
            if places != places.sorted() { differences.append("\(path): order") }
            for property in properties {
                let path = path + "." + property.key
                count += 1
                guard let field = type[property.key], field.isKnown(in: version) else {
                    differences.append("\(path) is not known")
                    continue
                }
                if !Self.mistaken.contains(path) {
                    compare(resolved(property.value), with: field.type, at: path)
                }
            }
        }

        private mutating func compare(_ value: JSONValue, with type: FieldType, at path: String) {
            let pattern =
                value["patternProperties"]?.object?.members.first?.value ?? value["additionalProperties"]
            switch (value["type"]?.string, type) {
            case ("string", .string), ("string", .duration), ("string", .bytes), ("boolean", .bool),
                ("integer", .integer), ("integer", .fileMode), ("integer", .diskSize), (nil, .portRange),
                ("object", .unstructured), (nil, .arguments), ("string", .arguments):
                break
            case (nil, .string), (nil, .list(.string, _)):
                if value["enum"] == nil { differences.append("\(path): no enumeration") }
            case ("array", .list(let element, _)):
                compare(resolved(value["items"] ?? .null), with: element, at: path)
            case ("object", .map(let element)):
                compare(resolved(pattern ?? .null), with: element, at: path)
            case ("object", .object(let type)):
                compare(value, with: type, at: path)
            case ("object", .string) where value["properties"]?.object?.isEmpty == true:
                break  // An endpoint, which is written as text.
            default: differences.append("\(path): \(value["type"]?.string ?? "nothing") is no \(type.name)")
            }
        }

        private func resolved(_ value: JSONValue) -> JSONValue {
            guard let name = value["$ref"]?.string?.split(separator: "/").last else { return value }
            return schema["$defs"]?[String(name)] ?? value
        }
    }
}
