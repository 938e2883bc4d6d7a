// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// An object as a packaging tool printed it.
struct RenderedObject: Hashable, CustomStringConvertible {
    /// What tells it from every other object on an API server.
    struct Identity: Hashable, CustomStringConvertible {
        var kind: String
        var namespace: String?
        var name: String

        var description: String { "\(kind) \(namespace.map { "\($0)/" } ?? "")\(name)" }
    }

    var document: JSONValue

    var kind: String { document["kind"]?.string ?? "" }
    var apiVersion: String { document["apiVersion"]?.string ?? "" }
    var name: String { document["metadata"]?["name"]?.string ?? "" }
    var namespace: String? { document["metadata"]?["namespace"]?.string }
    var labels: [String: String] { document["metadata"]?["labels"]?.texts ?? [:] }
    var annotations: [String: String] { document["metadata"]?["annotations"]?.texts ?? [:] }
    var identity: Identity { Identity(kind: kind, namespace: namespace, name: name) }
    var description: String { identity.description }

    /// What stands at a path of keys, and of numbers for elements of lists.
    subscript(path: String...) -> JSONValue? { document.value(at: path) }

    /// The template of its pods, if it has one.
    var podSpec: JSONValue? { self["spec", "template", "spec"] }
    /// The only container of its pods.
    var container: JSONValue? { self["spec", "template", "spec", "containers", "0"] }

    /// The kinds of ours that have no namespace.
    var isClusterScoped: Bool {
        ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace"].contains(kind)
    }
}

extension [RenderedObject] {
    /// The only object of a kind, or nil if there is none or are several.
    func only(_ kind: String) -> RenderedObject? {
        let found = filter { $0.kind == kind }
        return found.count == 1 ? found.first : nil
    }

    func named(_ name: String, _ kind: String) -> RenderedObject? {
        first { $0.kind == kind && $0.name == name }
    }
}

extension JSONValue {
    /// What stands at a path of keys, and of numbers for elements of lists.
    func value(at path: [String]) -> JSONValue? {
        path.reduce(Optional(self)) { value, key in
            if let elements = value?.array {
                return Int(key).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
            }
            return value?[key]
        }
    }

    /// The members whose values are strings.
    var texts: [String: String] {
        let members = object?.members.compactMap { member in member.value.string.map { (member.key, $0) } }
        return Dictionary(members ?? []) { _, last in last }
    }
}
