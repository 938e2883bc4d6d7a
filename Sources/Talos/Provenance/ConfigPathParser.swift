// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Reads paths as people write them, by what there is in a configuration.
struct ConfigPathParser {
    private let configuration: MachineConfiguration

    init(_ configuration: MachineConfiguration) {
        self.configuration = configuration
    }

    /// What a text names: a path, or all documents of a kind; the error says what is there instead.
    func paths(_ text: String) throws(ConfigProblem) -> [ConfigPath] {
        let ofKind = identities.filter { identity in
            if case .document(text, _) = identity { true } else { false }
        }
        return ofKind.isEmpty ? [try path(text)] : ofKind.map { ConfigPath($0) }
    }

    /// The documents that there are, and those that were removed.
    private var identities: [DocumentIdentity] {
        configuration.documents.map(\.identity) + configuration.removed.map(\.path.document)
    }

    private func path(_ text: String) throws(ConfigProblem) -> ConfigPath {
        let (document, way) = try document(text)
        guard let root = configuration.document(document)?.root else {
            let removed = ConfigPath(document)
            guard configuration.removed.contains(where: { $0.path.isWithin(removed) }) else {
                throw noDocument(text)
            }
            return removed
        }
        var path = ConfigPath(document)
        var node = root
        var rest = way
        while !rest.isEmpty {
            guard let step = Self.step(&rest, in: node) else { throw nothing(at: rest, in: node, path) }
            path.steps.append(step)
            switch step {
            case .key(let key): node = node[key] ?? ConfigNode(.null)
            case .index(let index):
                node = node.list.flatMap { $0.indices.contains(index) ? $0[index] : nil } ?? node
            }
        }
        return path
    }

    /// Which document a text begins with, and what follows.
    private func document(_ text: String) throws(ConfigProblem) -> (DocumentIdentity, Substring) {
        let names = identities.map { (identity: $0, name: ConfigPath.name(of: $0)) }
        // Names may have any characters, so the longest that fits is meant.
        let fitting = names.filter { text == $0.name || text.hasPrefix($0.name + ":") }
        if let found = fitting.max(by: { $0.name.count < $1.name.count }) {
            return (found.identity, text.dropFirst(found.name.count).drop { $0 == ":" })
        }
        if text.first?.isUppercase == true { throw noDocument(text) }
        return (.machine, text[...])
    }

    /// Takes the next step off a text; nil if it leads nowhere.
    private static func step(_ rest: inout Substring, in node: ConfigNode) -> ConfigPath.Step? {
        var text = rest
        if text.first == "." { text = text.dropFirst() }
        if text.first == "[", let end = text.firstIndex(of: "]") {
            let inner = text[text.index(after: text.startIndex)..<end]
            if let index = Int(inner), let count = node.list?.count, (0..<count).contains(index) {
                rest = text[text.index(after: end)...]
                return .index(index)
            }
        }
        // Keys may have dots, so the longest that fits is meant.
        let keys = (node.members ?? []).map(\.key)
        for key in keys.sorted(by: { $0.count > $1.count }) {
            for written in [key, "[\(String(decoding: JSONValue.string(key).encoded(), as: UTF8.self))]"] {
                guard text.hasPrefix(written) else { continue }
                let after = text.dropFirst(written.count)
                guard after.isEmpty || after.first == "." || after.first == "[" else { continue }
                rest = after
                return .key(key)
            }
        }
        return nil
    }
}

extension ConfigPathParser {
    private func noDocument(_ text: String) -> ConfigProblem {
        let names = configuration.documents.map { ConfigPath.name(of: $0.identity) }.joined(separator: ", ")
        return ConfigProblem(problem: "no document \(text); there are \(names)")
    }

    private func nothing(at rest: Substring, in node: ConfigNode, _ path: ConfigPath) -> ConfigProblem {
        let place = path == ConfigPath(.machine) ? "the document" : "\(path)"
        let name = rest.first == "." ? rest.dropFirst() : rest
        let there: String =
            switch node.value {
            case .map(let members) where !members.isEmpty:
                "\(place) has " + members.map(\.key).sorted().joined(separator: ", ")
            case .list(let elements): "\(place) is a list of \(elements.count)"
            default: "\(place) has nothing in it"
            }
        return ConfigProblem(problem: "nothing is set at \(name); \(there)")
    }
}
