// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Deletes from a document what a selector points at, as Talos does it.
struct Deletion {
    /// Why there is nothing to delete.
    struct Failure: Error {
        var problem: String

        static func lookup(_ detail: String) -> Failure { Failure(problem: "lookup failed: \(detail)") }
    }

    /// What was deleted.
    struct Deleted {
        var node: ConfigNode
        /// Of an element, what it was found by, fit to be shown.
        var element: String?
    }

    private let selector: DeleteSelector
    private let version: TalosVersion
    private let isSecret: Bool

    /// With `isSecret` no value of the selector is shown.
    init(_ selector: DeleteSelector, version: TalosVersion, isSecret: Bool) {
        self.selector = selector
        self.version = version
        self.isSecret = isSecret
    }

    /// Deletes below a document's root; nil if the field that the selector names is not set.
    func apply(to root: inout ConfigNode, _ type: ObjectType) throws(Failure) -> Deleted? {
        try delete(selector.steps[...], from: &root, .object(type))
    }

    private func delete(
        _ steps: ArraySlice<ConfigPath.Step>, from node: inout ConfigNode, _ type: FieldType
    ) throws(Failure) -> Deleted? {
        switch (steps.first, type) {
        case (.index?, .list(let element, _)):
            guard steps.count == 1 else {
                throw Failure(problem: "searching for complex paths in slices is not supported")
            }
            return try deleteElement(from: &node, element)
        case (.key(let key)?, .object(let object)):
            guard let field = object[key], field.isKnown(in: version) else {
                throw .lookup("\(place(before: steps)) has no field \"\(key)\"")
            }
            return try delete(key, steps.dropFirst(), from: &node, field.type, field)
        case (.key(let key)?, .map(let value)):
            return try delete(key, steps.dropFirst(), from: &node, value, nil)
        case (.key(let key)?, .unstructured):
            return try delete(key, steps.dropFirst(), from: &node, .unstructured, nil)
        default:
            throw .lookup("\(place(before: steps)) has nothing in it that could be deleted")
        }
    }

    /// Deletes the member `key`, or what `rest` says within it; `field` is nil for a key of a map.
    private func delete(
        _ key: String, _ rest: ArraySlice<ConfigPath.Step>, from node: inout ConfigNode, _ type: FieldType,
        _ field: FieldDefinition?
    ) throws(Failure) -> Deleted? {
        guard case .map(var members) = node.value else {
            throw .lookup("\(place(before: rest)) cannot be found, since what it is in is not set")
        }
        guard let index = members.firstIndex(where: { $0.key == key }) else {
            guard let field else { throw .lookup("\(place(before: rest)) is not set") }
            return try deleteNothing(in: field, rest)
        }
        node.value = .null
        defer { node.value = .map(members) }
        return rest.isEmpty
            ? Deleted(node: members.remove(at: index).node)
            : try delete(rest, from: &members[index].node, type)
    }

    /// What deleting in a field that is not set comes to.
    ///
    /// To Talos a field is always there, though perhaps empty, and so are those of objects in it that are no pointers.
    private func deleteNothing(
        in field: FieldDefinition, _ rest: ArraySlice<ConfigPath.Step>
    ) throws(Failure) -> Deleted? {
        if rest.isEmpty { return nil }
        guard case .object = field.type, !field.isPointer else {
            throw .lookup("\(place(before: rest)) is not set")
        }
        var empty = ConfigNode(.map([]))
        return try delete(rest, from: &empty, field.type)
    }

    private func deleteElement(from node: inout ConfigNode, _ type: FieldType) throws(Failure) -> Deleted? {
        guard let match = selector.match, case .object(let object) = type, let field = object[match.key]
        else {
            throw .lookup(
                "only an object with a text field \"\(selector.match?.key ?? "")\" can be told apart")
        }
        guard case .list(var elements) = node.value,
            let index = elements.firstIndex(where: { Self.text($0, field) == match.value })
        else { throw .lookup("no element has \(match.key): \(shown(match, field))") }
        node.value = .null
        defer { node.value = .list(elements) }
        return Deleted(node: elements.remove(at: index), element: "\(match.key)=\(shown(match, field))")
    }

    private func shown(_ match: DeleteSelector.Match, _ field: FieldDefinition) -> String {
        isSecret || field.isSecret ? MachineConfiguration.redaction : match.value
    }

    /// The text of a field, which Talos compares; numbers and truth values have none there.
    private static func text(_ element: ConfigNode, _ field: FieldDefinition) -> String? {
        switch field.type {
        case .string, .duration, .portRange: element[field.name]?.string ?? ""
        default: nil
        }
    }

    /// The way to what `rest` is within.
    private func place(before rest: ArraySlice<ConfigPath.Step>) -> String {
        var way = selector
        way.steps = Array(selector.steps[..<rest.startIndex])
        return way.steps.isEmpty ? "the document" : way.pathText
    }
}
