// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension ConfigDecoder {
    /// Decodes a document after finding out its kind; nil if it has none that is known, which is noted.
    mutating func document(_ node: YAMLNode) -> ConfigDocument? {
        guard let members = node.members else {
            report("must be an object, not \(node.kindDescription)", line: node.line)
            return nil
        }
        guard let kind = kind(of: members, line: node.line) else { return nil }
        let root = object(members, as: kind.type, line: node.line)
        let document = ConfigDocument(kind: kind, root: root)
        if kind.isNamed, root["name"]?.string ?? "" == "" {
            report("missing: documents of kind \(kind.kind ?? "") need a name", line: node.line, key: "name")
        }
        return document
    }

    /// The keys that tell the document without a kind.
    private static let machineKeys: Set<String> = ["machine", "cluster", "debug", "persist"]

    /// The kind of a document; nil if it has none that is known, which is noted.
    mutating func kind(of members: [YAMLNode.Member], line: Int) -> DocumentKind? {
        let kind = members.first { $0.key == "kind" }
        let apiVersion = members.first { $0.key == "apiVersion" }
        guard let kind else {
            if members.contains(where: { Self.machineKeys.contains($0.key) }) { return Schema.machine }
            report("missing kind", line: line)
            return nil
        }
        guard let apiVersion else {
            report("missing apiVersion", line: line)
            return nil
        }
        guard case .scalar(let name) = kind.value.content else {
            report("must be a string, not \(kind.value.kindDescription)", line: kind.value.line, key: "kind")
            return nil
        }
        guard case .scalar(let group) = apiVersion.value.content, group.text == "v1alpha1" else {
            report("must be v1alpha1", line: apiVersion.value.line, key: "apiVersion")
            return nil
        }
        guard let known = Schema.kind(name.text), known.since <= version else {
            let since = Schema.kind(name.text).map { "; it is known from Talos \($0.since) on" } ?? ""
            report(
                "\"\(name.text)\" \"v1alpha1\": not registered in Talos \(version)\(since)",
                line: kind.value.line, key: "kind")
            return nil
        }
        return known
    }
}
