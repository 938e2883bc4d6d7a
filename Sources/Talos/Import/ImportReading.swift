// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Reads the values of an imported file, and says of each what is wrong with it.
struct ImportedObject {
    let file: String
    let path: FieldPath
    let object: JSONObject

    /// The first document of a file, which must be a map.
    static func read(_ file: SourceFile) throws(ConfigProblems) -> ImportedObject {
        let documents: [JSONValue]
        do throws(YAMLError) {
            documents = try YAML.imported(file.text)
        } catch {
            throw ConfigProblems(ConfigProblem(source: file.path, yaml: error))
        }
        guard let first = documents.first(where: { $0 != .null }), case .object(let object) = first else {
            throw ConfigProblems(ConfigProblem(source: file.path, problem: "must be a map of fields"))
        }
        return ImportedObject(file: file.path, path: .root, object: object)
    }

    func problem(_ key: String, _ reason: String) -> ConfigProblems {
        ConfigProblems(ConfigProblem(source: file, path: path.appending(key), problem: reason))
    }

    /// The text of a scalar, whatever its type; nil if it is absent or null.
    func text(_ key: String) throws(ConfigProblems) -> String? {
        switch object[key] ?? .null {
        case .null: return nil
        case .string(let text): return text
        case .array, .object: throw problem(key, "must be a text")
        case let value: return String(decoding: value.encoded(), as: UTF8.self)
        }
    }

    /// The text of a scalar that must be there.
    func required(_ key: String) throws(ConfigProblems) -> String {
        guard let text = try text(key), !text.isEmpty else { throw problem(key, "is required") }
        return text
    }

    func flag(_ key: String) throws(ConfigProblems) -> Bool? {
        switch object[key] ?? .null {
        case .null: return nil
        case .bool(let value): return value
        default: throw problem(key, "must be true or false")
        }
    }

    func map(_ key: String) throws(ConfigProblems) -> JSONObject? {
        switch object[key] ?? .null {
        case .null: return nil
        case .object(let object): return object
        default: throw problem(key, "must be a map")
        }
    }

    func list(_ key: String) throws(ConfigProblems) -> [JSONValue] {
        switch object[key] ?? .null {
        case .null: return []
        case .array(let elements): return elements
        default: throw problem(key, "must be a list")
        }
    }

    /// A part of it to read on in.
    func part(_ key: String) throws(ConfigProblems) -> ImportedObject? {
        try map(key).map { ImportedObject(file: file, path: path.appending(key), object: $0) }
    }

    /// The maps of a list.
    func parts(_ key: String) throws(ConfigProblems) -> [ImportedObject] {
        let listPath = path.appending(key)
        var parts: [ImportedObject] = []
        for (index, element) in try list(key).enumerated() {
            guard let object = element.object else {
                throw ConfigProblems(
                    ConfigProblem(source: file, path: listPath.appending(index), problem: "must be a map"))
            }
            parts.append(ImportedObject(file: file, path: listPath.appending(index), object: object))
        }
        return parts
    }

    /// The keys that are not among those known.
    func unknownKeys(_ known: Set<String>) -> [String] {
        object.keys.filter { !known.contains($0) }
    }
}

/// Versions as a KubernetesCluster has them.
enum ImportedVersion {
    /// With a `v` in front, and three numbers.
    static func text(_ text: String) -> String {
        let version = text.hasPrefix("v") ? text : "v\(text)"
        return version.split(separator: ".").count == 2 ? "\(version).0" : version
    }

    /// The last Kubernetes release of a line that talosctl of a Talos version generates for by default.
    static let defaultKubernetes: [Int: String] = [
        5: "v1.28.3", 6: "v1.29.7", 7: "v1.30.5", 8: "v1.31.4", 9: "v1.32.4", 10: "v1.33.6", 11: "v1.34.1",
        12: "v1.35.4", 13: "v1.36.3",
    ]
}

extension YAML {
    /// The documents of a text as the tools read it that are imported from: `yes` and `off` are texts there.
    static func imported(_ text: String) throws(YAMLError) -> [JSONValue] {
        try nodes(Array(text.utf8)).map { $0?.json ?? .null }
    }
}
