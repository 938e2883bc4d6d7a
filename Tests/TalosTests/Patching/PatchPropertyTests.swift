// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Laws of patching")
struct PatchPropertyTests {
    private static let seeds = Array(UInt64(1)...40)

    private static func configuration(_ generator: inout ConfigGenerator) throws -> MachineConfiguration {
        try MachineConfiguration(decoding: generator.documents(), source: "left", version: generator.version)
    }

    private static func patch(_ documents: [JSONValue], number: UInt16, _ version: TalosVersion) throws
        -> ConfigPatch
    {
        let text = documents.map(YAML.document).joined(separator: "---\n")
        let layer = Layer(name: "layer\(number)", content: .text(text))
        return try ConfigPatch(layer, number: number, version: version, allowsEmpty: true)
    }

    @Test("a layer of nulls and empty objects where there are some changes nothing", arguments: seeds)
    func nothing(seed: UInt64) throws {
        var generator = ConfigGenerator(seed: seed)
        var configuration = try Self.configuration(&generator)
        let before = configuration.yaml()
        let skeletons = configuration.documents.map { document in
            Self.skeleton(
                document.root, .object(document.kind.type), keeping: ["apiVersion", "kind", "name"])
        }
        try configuration.apply(Self.patch(skeletons, number: 1, generator.version))
        #expect(configuration.yaml() == before)
    }

    /// The same objects with nothing in them; of keys and what Talos passes on, which are replaced or must be of the same
    /// kind, not even those.
    private static func skeleton(
        _ node: ConfigNode, _ type: FieldType, keeping kept: Set<String> = []
    ) -> JSONValue {
        guard case .map(let members) = node.value else { return .null }
        switch type {
        case .object(let object) where isKeyPair(object): return .null
        case .object(let object):
            return .object(
                JSONObject(
                    members.map { member in
                        guard !kept.contains(member.key), let field = object[member.key] else {
                            return .init(key: member.key, value: member.node.json)
                        }
                        return .init(key: member.key, value: skeleton(member.node, field.type))
                    }))
        default: return [:]
        }
    }

    private static func isKeyPair(_ type: ObjectType) -> Bool {
        type.fields.contains { if case .bytes = $0.type { ["crt", "key"].contains($0.name) } else { false } }
    }

    @Test("no key of an object is lost without a delete", arguments: seeds)
    func keepsKeys(seed: UInt64) throws {
        var generator = ConfigGenerator(seed: seed)
        var configuration = try Self.configuration(&generator)
        let before = configuration
        let patch = try Self.patch(generator.documents(), number: 1, generator.version)
        do throws(ConfigProblems) {
            try configuration.apply(patch)
        } catch {
            // Unstructured values of two kinds do not go together; then nothing changes at all.
            #expect(error.description.contains("merge type mismatch"), "\(error)")
            #expect(configuration.yaml() == before.yaml())
            return
        }
        for document in before.documents {
            let after = try #require(configuration.document(document.identity))
            #expect(Self.lost(from: document.root, in: after.root, .object(document.kind.type)) == [])
        }
        #expect(
            try MachineConfiguration(reading: configuration.yaml(), source: "", version: generator.version)
                .yaml()
                == configuration.yaml())
    }

    /// The keys that are not there any more, but for what is replaced as a whole.
    private static func lost(from left: ConfigNode, in right: ConfigNode, _ type: FieldType) -> [String] {
        guard case .map(let members) = left.value else { return [] }
        return members.flatMap { member -> [String] in
            if case .object(let object) = type, isKeyPair(object) { return [] }
            guard let after = right[member.key] else { return [member.key] }
            switch type {
            case .object(let object):
                guard let field = object[member.key], !field.replacesWhole else { return [] }
                return lost(from: member.node, in: after, field.type).map { "\(member.key).\($0)" }
            case .map(let value):
                return lost(from: member.node, in: after, value).map { "\(member.key).\($0)" }
            default: return lost(from: member.node, in: after, .unstructured).map { "\(member.key).\($0)" }
            }
        }
    }

    @Test("a layer without lists that append changes nothing the second time", arguments: seeds)
    func idempotent(seed: UInt64) throws {
        var generator = ConfigGenerator(seed: seed)
        var configuration = try Self.configuration(&generator)
        generator.hasLists = false
        let documents = generator.documents()
        let first = try Self.patch(documents, number: 1, generator.version)
        do throws(ConfigProblems) {
            try configuration.apply(first)
        } catch {
            #expect(error.description.contains("merge type mismatch"), "\(error)")
            return
        }
        let once = configuration.yaml()
        try configuration.apply(Self.patch(documents, number: 2, generator.version))
        #expect(configuration.yaml() == once)
    }

    @Test("provenance has every value once, with the layers that were there", arguments: seeds)
    func provenance(seed: UInt64) throws {
        var generator = ConfigGenerator(seed: seed)
        var configuration = try Self.configuration(&generator)
        for number in UInt16(1)...3 {
            let patch = try Self.patch(generator.documents(), number: number, generator.version)
            _ = Result { () throws(ConfigProblems) in try configuration.apply(patch) }
        }
        let provenance = Provenance(configuration, layerNames: ["0", "1", "2", "3"])
        let entries = provenance.entries
        #expect(Set(entries.map(\.path)).count == entries.count)
        #expect(entries.count == configuration.documents.reduce(0) { $0 + Self.leaves($1.root.json) })
        for entry in entries {
            let layers = (entry.overrode + [entry.setBy]).map(\.layer)
            #expect(layers == Array(Set(layers)).sorted(), "each layer once, from the lowest to the highest")
        }
    }

    private static func leaves(_ value: JSONValue) -> Int {
        switch value {
        case .object(let object) where !object.isEmpty: object.members.reduce(0) { $0 + leaves($1.value) }
        case .array(let elements) where !elements.isEmpty: elements.reduce(0) { $0 + leaves($1) }
        default: 1
        }
    }
}

/// Makes documents that Talos reads, of few different keys and values, so that two of them have much in common.
struct ConfigGenerator {
    let version: TalosVersion
    /// Whether there are lists, but for those that replace.
    var hasLists = true
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        version = TalosVersion(minor: 8 + Int(seed % 6))
    }

    private mutating func number(below limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int((state >> 11) % UInt64(limit))
    }

    /// The document without a kind and some others.
    mutating func documents() -> [JSONValue] {
        let kinds = Schema.kinds.filter { $0.kind != nil && $0.since <= version }
        var documents = [object(Schema.machine.type, depth: 0, always: ["machine"])]
        var seen: Set<String> = []
        for _ in 0..<3 {
            let kind = kinds[number(below: kinds.count)]
            // Kinds that share their names are not what this is about.
            guard let name = kind.kind, seen.insert(name).inserted else { continue }
            var document = object(kind.type, depth: 0, always: []).object ?? JSONObject()
            document["apiVersion"] = "v1alpha1"
            document["kind"] = .string(name)
            document["name"] = kind.isNamed ? .string("\(name.lowercased())") : nil
            documents.append(.object(document))
        }
        return documents
    }

    private mutating func object(_ type: ObjectType, depth: Int, always: Set<String>) -> JSONValue {
        var object = JSONObject()
        for field in type.fields where field.isKnown(in: version) {
            guard always.contains(field.name) || number(below: 3) == 0 else { continue }
            if case .list(_, let merge) = field.type, merge != .replace, !hasLists { continue }
            object[field.name] = value(field.type, depth: depth + 1)
        }
        return .object(object)
    }

    private mutating func value(_ type: FieldType, depth: Int) -> JSONValue {
        switch type {
        case .string: return .string(["", "a", "b", "off", "1"][number(below: 5)])
        case .bool: return .bool(number(below: 2) == 0)
        case .integer, .fileMode, .diskSize: return .integer(Int64(number(below: 3)))
        case .duration: return .string(["0s", "1m0s", "5s"][number(below: 3)])
        case .bytes: return .string(["", "YQ==", "YmI="][number(below: 3)])
        case .portRange: return .integer(Int64(1 + number(below: 3)))
        case .arguments: return .string(["", "x", "y"][number(below: 3)])
        case .unstructured: return unstructured(depth: depth)
        case .map(let value):
            return .object(
                JSONObject(
                    ["k", "l", "m"].prefix(number(below: 4)).map {
                        .init(key: $0, value: self.value(value, depth: depth + 1))
                    }))
        case .list(let element, _):
            return .array((0..<number(below: 3)).map { _ in value(element, depth: depth + 1) })
        case .object(let object): return self.object(object, depth: depth, always: [])
        }
    }

    private mutating func unstructured(depth: Int) -> JSONValue {
        var object = JSONObject()
        for key in ["p", "q", "r"].prefix(number(below: 4)) {
            switch number(below: hasLists ? 12 : 8) {
            case 0 where depth < 8: object[key] = unstructured(depth: depth + 1)
            case 9: object[key] = [1, "x"]
            default:
                object[key] = key == "p" ? .integer(Int64(number(below: 3))) : .bool(number(below: 2) == 0)
            }
        }
        return .object(object)
    }
}
