// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
import Platform
package import StructuredData

/// A ConfigMap or Secret as a source of layers: each of its keys is one.
package struct LayerObject: Sendable, Hashable {
    /// What an object is; the raw value is its kind in documents.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case configMap = "ConfigMap"
        case secret = "Secret"
    }

    /// A key and what stands there.
    package struct File: Sendable, Hashable {
        package var name: String
        /// Nil if it is not UTF-8.
        package var text: String?

        package init(name: String, text: String?) {
            self.name = name
            self.text = text
        }

        fileprivate init(name: String, bytes: [UInt8]) {
            self.init(name: name, text: String(validating: bytes, as: UTF8.self))
        }
    }

    package let kind: Kind
    package let key: ObjectKey
    package let labels: [String: String]
    /// In the order of their names, byte by byte.
    package let files: [File]

    package init(kind: Kind, key: ObjectKey, labels: [String: String], files: [File]) {
        self.kind = kind
        self.key = key
        self.labels = labels
        self.files = files.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// Reads a ConfigMap or Secret as the API server sends it, or as a file has it.
    ///
    /// A ConfigMap has texts in `data` and bytes in `binaryData`, a Secret bytes in `data` and, in a file, texts in
    /// `stringData`.
    package init(_ kind: Kind, _ object: JSONValue) throws(DecodingProblem) {
        let metadata = try ObjectMeta(of: object)
        let (textField, byteField) = kind == .configMap ? ("data", "binaryData") : ("stringData", "data")
        var files: [String: File] = [:]
        for (name, text) in try Self.members(object, byteField) {
            guard let bytes = Base64.decode(text) else {
                throw DecodingProblem(path: "\(byteField).\(name)", problem: "must be Base64")
            }
            files[name] = File(name: name, bytes: bytes)
        }
        for (name, text) in try Self.members(object, textField) { files[name] = File(name: name, text: text) }
        self.init(
            kind: kind, key: ObjectKey(namespace: metadata.namespace, name: metadata.name),
            labels: metadata.labels, files: Array(files.values))
    }

    private static func members(_ object: JSONValue, _ field: String) throws(DecodingProblem)
        -> [(name: String, text: String)]
    {
        var members: [(String, String)] = []
        for member in object[field]?.object?.members ?? [] {
            guard let text = member.value.string else {
                throw DecodingProblem(
                    path: "\(field).\(member.key)",
                    problem: "must be a string, not \(member.value.kindDescription)")
            }
            members.append((member.key, text))
        }
        return members
    }
}

extension LayerObject: CustomStringConvertible {
    /// As in `ConfigMap prod/ntp`.
    package var description: String { "\(kind.rawValue) \(key)" }
}
