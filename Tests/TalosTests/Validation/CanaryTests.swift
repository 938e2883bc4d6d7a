// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import Testing

@testable import Talos

/// Documents in which every secret of the type table is a canary.
private struct Cage {
    /// What a canary contains; its Base64 never contains another's.
    static let song = "canary"

    private(set) var secretPaths: [[String]] = []
    private(set) var canaries: [String] = []

    /// The document of a kind with all its fields set, secrets to canaries; nil values are left out.
    mutating func document(_ kind: DocumentKind) -> JSONValue {
        var value = object(kind.type, [], isSecret: false)
        if let name = kind.kind {
            value = value.replacing("apiVersion", "v1alpha1").replacing("kind", .string(name))
        }
        return value
    }

    private mutating func object(_ type: ObjectType, _ path: [String], isSecret: Bool) -> JSONValue {
        var members: [JSONObject.Member] = []
        for field in type.fields {
            let value = value(field.type, path + [field.name], isSecret: isSecret || field.isSecret)
            members.append(JSONObject.Member(key: field.name, value: value))
            if field.isSecret { secretPaths.append(path + [field.name]) }
        }
        return .object(JSONObject(members))
    }

    private mutating func value(_ type: FieldType, _ path: [String], isSecret: Bool) -> JSONValue {
        switch type {
        case .string, .arguments: return isSecret ? .string(canary()) : "x"
        case .bytes: return .string(isSecret ? Base64.encode(Array(canary().utf8)) : "YQ==")
        case .unstructured: return ["a": isSecret ? .string(canary()) : "b"]
        case .bool: return true
        case .integer, .fileMode, .diskSize, .portRange: return 1
        case .duration: return "1m"
        case .map(let type): return ["a": value(type, path + ["a"], isSecret: isSecret)]
        case .list(let type, _): return [value(type, path + ["0"], isSecret: isSecret)]
        case .object(let type): return object(type, path, isSecret: isSecret)
        }
    }

    private mutating func canary() -> String {
        let text = "\(Self.song)-\(canaries.count)"
        canaries += [text, Base64.encode(Array(text.utf8))]
        return text
    }

    /// Whether a text shows a canary, or where one sits.
    func isHeard(in text: String) -> Bool {
        text.contains(Self.song) || canaries.contains { text.contains($0) }
    }
}

extension JSONValue {
    fileprivate func replacing(_ key: String, _ value: JSONValue) -> JSONValue {
        guard case .object(let object) = self else { return self }
        return .object(
            JSONObject(object.members.map { $0.key == key ? JSONObject.Member(key: key, value: value) : $0 }))
    }

    /// The same with another value at `path`, of which numbers are places in lists.
    fileprivate func replacing(at path: ArraySlice<String>, with value: JSONValue) -> JSONValue {
        guard let step = path.first else { return value }
        switch self {
        case .object(let object):
            return .object(
                JSONObject(
                    object.members.map { member in
                        guard member.key == step else { return member }
                        let inner = member.value.replacing(at: path.dropFirst(), with: value)
                        return JSONObject.Member(key: member.key, value: inner)
                    }))
        case .array(let elements):
            return .array(elements.map { $0.replacing(at: path.dropFirst(), with: value) })
        default: return self
        }
    }
}

@Suite("Secrets in messages and differences")
struct CanaryTests {
    private static let newest = TalosVersion.supported.upperBound

    private static func read(_ documents: [JSONValue]) throws(ConfigProblems) -> MachineConfiguration {
        try MachineConfiguration(decoding: documents, source: "test", version: newest)
    }

    @Test(
        "Neither validation nor a difference shows a secret of any kind of document",
        arguments: Schema.kinds.map { $0.kind ?? "" })
    func findings(name: String) throws {
        let kind = name.isEmpty ? Schema.machine : try #require(Schema.kind(name))
        var (cage, other) = (Cage(), Cage())
        let old = try Self.read([cage.document(kind)])
        // The second's canaries have other numbers, so that all secrets differ.
        _ = other.document(Schema.machine)
        let new = try Self.read([other.document(kind)])
        for mode in ValidationMode.allCases {
            let validation = ConfigValidation(old, mode: mode, sources: ["test"])
            for finding in validation.errors + validation.warnings {
                #expect(!cage.isHeard(in: finding.description))
            }
        }
        for (from, to) in [(old, new), (nil, new), (old, nil)]
            as [(MachineConfiguration?, MachineConfiguration?)]
        {
            let difference = ConfigDifference(from: from, to: to)
            let said = difference.text() + String(decoding: difference.json.encoded(), as: UTF8.self)
            #expect(!cage.isHeard(in: said) && !other.isHeard(in: said))
        }
        let changed = ConfigDifference(from: old, to: new).entries
        #expect(changed.isEmpty == cage.secretPaths.isEmpty)
        #expect(!changed.contains { !$0.isSecret })
    }

    @Test(
        "What is said about a secret of the wrong type does not show it",
        arguments: Schema.kinds.map { $0.kind ?? "" })
    func decoding(name: String) throws {
        let kind = name.isEmpty ? Schema.machine : try #require(Schema.kind(name))
        var cage = Cage()
        let document = cage.document(kind)
        let song = JSONValue.string("canary!")
        for path in cage.secretPaths {
            for wrong in [song, [song], [[song]], ["a": [song]], ["a": ["b": song]]] as [JSONValue] {
                do throws(ConfigProblems) {
                    _ = try Self.read([document.replacing(at: path[...], with: wrong)])
                } catch {
                    #expect(!cage.isHeard(in: error.description))
                }
            }
        }
    }
}
