// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// A machine's configuration as Talos has it: typed documents, each value with who wrote it.
package struct MachineConfiguration: Sendable {
    /// The version it is for, which decides what fields there are.
    package var version: TalosVersion
    /// The documents, each identity once; that without a kind comes first.
    package var documents: [ConfigDocument]
    /// What layers took out, the first one first, for provenance.
    package var removed: [RemovedValue] = []

    package init(version: TalosVersion, documents: [ConfigDocument]) {
        self.version = version
        self.documents = documents.filter { $0.kind.kind == nil } + documents.filter { $0.kind.kind != nil }
    }

    /// How large a text, how deep and of how many values may be: 4 MiB, which is what Talos' API takes in one
    /// message, and far more values than any machine has.
    package static let limits = YAMLLimits(bytes: 4 << 20, depth: 64, nodes: 200_000)

    /// Reads a configuration as strictly as Talos does and reports all that is wrong with it.
    ///
    /// Messages call the text `source`; `layer` is what its values come from.
    package init(
        reading text: String, source: String, layer: UInt16 = 0, version: TalosVersion
    ) throws(ConfigProblems) {
        let nodes: [YAMLNode?]
        do throws(YAMLError) {
            nodes = try YAML.nodes(Array(text.utf8), limits: Self.limits)
        } catch {
            throw ConfigProblems(ConfigProblem(source: source, yaml: error))
        }
        try self.init(decoding: nodes, source: source, layer: layer, version: version)
    }

    /// Reads a configuration from documents that are values, such as those of an API object.
    package init(
        decoding values: [JSONValue], source: String, layer: UInt16 = 0, version: TalosVersion
    ) throws(ConfigProblems) {
        let nodes = values.map { YAMLNode($0) }
        try self.init(
            decoding: nodes.map { $0.isNull ? nil : $0 }, source: source, layer: layer, version: version)
    }

    /// Reads a configuration from documents as they are written; nil ones are empty and count all the same.
    package init(
        decoding nodes: [YAMLNode?], source: String, layer: UInt16 = 0, version: TalosVersion
    ) throws(ConfigProblems) {
        var decoder = ConfigDecoder(source: source, layer: layer, version: version)
        decoder.hasSeveral = nodes.count > 1
        var places: [DocumentIdentity: Int] = [:]
        var documents: [ConfigDocument] = []
        for (index, node) in nodes.enumerated() {
            decoder.document = index + 1
            guard let node, let document = decoder.document(node) else { continue }
            if let first = places.updateValue(index + 1, forKey: document.identity) {
                decoder.report("\(document.identity) stands already in document \(first)", line: node.line)
            }
            documents.append(document)
        }
        if !decoder.problems.isEmpty { throw ConfigProblems(decoder.problems) }
        guard !documents.isEmpty else {
            throw ConfigProblems(ConfigProblem(source: source, problem: "is empty: it has no document"))
        }
        self.init(version: version, documents: documents)
    }

    /// The document of that identity.
    package func document(_ identity: DocumentIdentity) -> ConfigDocument? {
        documents.first { $0.identity == identity }
    }

    /// The value at a path into the document without a kind, as in `config["machine", "install", "disk"]`.
    package subscript(path: String...) -> ConfigNode? {
        guard let root = documents.first(where: { $0.kind.kind == nil })?.root else { return nil }
        return path.reduce(root) { node, key in node?[key] }
    }
}

extension ConfigProblem {
    /// A text that is no YAML.
    package init(source: String, yaml error: YAMLError) {
        let isWhole = if case .tooLarge = error.problem { true } else { false }
        self.init(
            source: source, line: isWhole ? nil : error.position.line,
            problem: "cannot be read: \(error.problem)")
    }
}
