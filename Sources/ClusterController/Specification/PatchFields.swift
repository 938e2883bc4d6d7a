// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import Talos

/// Reads lists of patches, of which each element has one of several shapes.
enum PatchFields {
    /// More layers than anybody keeps in one list.
    static let mostPatches = 64
    /// As many as there can be Machines.
    static let mostMachines = ReplicaCount.maximumOfCluster

    /// The sources of one list; those that are wrong are reported and left out.
    static func list(_ field: Field) -> [LayerSource] {
        field.elements(atMost: mostPatches).compactMap { source($0.required) }
    }

    /// The lists of single machines, by the names of these.
    static func byMachine(_ field: Field) -> [String: [LayerSource]] {
        var lists: [String: [LayerSource]] = [:]
        for (name, list) in field.members(atMost: mostMachines) { lists[name] = Self.list(list.required) }
        return lists
    }

    private static func source(_ element: Field) -> LayerSource? {
        guard let object = element.json?.object else { return inline(element, name: nil, at: element) }
        let shapes = ["inline", "configMapRef", "secretRef"].filter { object[$0] != nil }
        guard let shape = shapes.first else { return inline(element, name: nil, at: element) }
        guard shapes.count == 1 else {
            element.report("must have only one of \(shapes.joined(separator: ", "))")
            return nil
        }
        element.allow([shape, "name"])
        if shape == "inline" {
            return inline(element["inline"].required, name: element["name"].text(), at: element)
        }
        if element["name"].isPresent {
            element["name"].report("must be absent: the layers of an object are named after its keys")
        }
        return reference(element[shape].required, at: element, isSecret: shape == "secretRef")
    }

    private static func inline(_ field: Field, name: String?, at element: Field) -> LayerSource? {
        guard let value = field.json else { return nil }
        let content: Layer.Content
        switch value {
        case .string(let text):
            guard !text.hasOnlyComments else { return reportEmpty(field) }
            content = .text(text)
        case .object(let members):
            guard !members.isEmpty else { return reportEmpty(field) }
            content = .value(value)
        case .array(let operations):
            guard !operations.isEmpty else { return reportEmpty(field) }
            content = .value(value)
        default:
            field.report("must be YAML text, a patch or a list of operations, not \(value.kindDescription)")
            return nil
        }
        return LayerSource(path: element.path, name: name, content: .inline(content))
    }

    private static func reportEmpty(_ field: Field) -> LayerSource? {
        field.report("is empty: a patch has to change something")
        return nil
    }

    private static func reference(_ field: Field, at element: Field, isSecret: Bool) -> LayerSource? {
        guard field.object() != nil else { return nil }
        if field["namespace"].isPresent {
            field.report("must have no namespace: layers are read from the cluster's own")
        } else {
            field.allow(["name", "optional"])
        }
        let isOptional = field["optional"].flag() ?? false
        guard let name = field["name"].required.text() else { return nil }
        guard DNS1123.isSubdomain(name) else {
            field["name"].report("must be a DNS-1123 subdomain, not \(Field.quote(name))")
            return nil
        }
        return LayerSource(
            path: element.path,
            content: isSecret
                ? .secret(name: name, isOptional: isOptional)
                : .configMap(name: name, isOptional: isOptional))
    }
}

extension StringProtocol {
    /// Whether YAML text has nothing in it but blank lines, comments and the marks of documents.
    var hasOnlyComments: Bool {
        split(whereSeparator: \.isNewline).allSatisfy { line in
            let text = line.drop { $0 == " " || $0 == "\t" }
            return text.isEmpty || text.first == "#" || isDocumentMark(line)
        }
    }

    private func isDocumentMark(_ line: SubSequence) -> Bool {
        guard line.hasPrefix("---") || line.hasPrefix("...") else { return false }
        let rest = line.dropFirst(3).drop { $0 == " " || $0 == "\t" }
        return rest.isEmpty
            || (rest.first == "#" && rest.startIndex != line.index(line.startIndex, offsetBy: 3))
    }
}
