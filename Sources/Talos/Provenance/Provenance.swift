// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// Who set each value of a configuration, whom that overrode, and who removed what is not there any more.
///
/// Costs nothing until it is asked.
package struct Provenance: Sendable {
    /// A place of a layer where a value was set or removed.
    package struct Setter: Sendable, Hashable, CustomStringConvertible {
        /// The layer's name.
        package var layer: String
        /// Which of its documents, from 1; nil if it has no more than one that counts.
        package var document: Int?
        /// Nil if the layer has no text.
        package var line: Int?

        /// As in `spec.patches[0]:7`; of a second document `spec.patches[0]#2:7`.
        package var description: String {
            layer + (document.map { "#\($0)" } ?? "") + (line.map { ":\($0)" } ?? "")
        }
    }

    /// A value, or one that was removed.
    package struct Entry: Sendable, Hashable {
        package var path: ConfigPath
        /// A scalar, an empty list or an empty object, `******` if it must not be shown; nil if it was removed.
        package var value: JSONValue?
        /// Whether the value is hidden.
        package var isSecret: Bool
        /// Who set it; of a removed one, who removed it.
        package var setBy: Setter
        /// Whose values it replaced or removed, the lowest layer first.
        package var overrode: [Setter]

        /// Whether the value is there no more.
        package var isRemoved: Bool { value == nil }
    }

    let configuration: MachineConfiguration
    private let layerNames: [String]
    private let secretLayers: Set<Int>
    /// What is looked at; nil for everything.
    private var selection: [ConfigPath]?

    /// `layerNames` are the names of the layers by the number that origins have, the first that of what was generated;
    /// the values of `secretLayers` are never shown.
    package init(_ configuration: MachineConfiguration, layerNames: [String], secretLayers: Set<Int> = []) {
        self.configuration = configuration
        self.layerNames = layerNames
        self.secretLayers = secretLayers
    }

    /// The same for what a path leads to, as `ConfigPath` writes it, or for everything if there is none.
    ///
    /// Keys with dots may stand as they are or as `["a.b"]`. A kind alone means all its documents of that kind.
    /// An error lists what is there instead.
    package func at(_ path: String?) throws(ConfigProblem) -> Provenance {
        guard let path, !path.isEmpty else { return self }
        var part = self
        part.selection = try ConfigPathParser(configuration).paths(path)
        return part
    }

    /// All values, in the order in which the configuration has them, then what was removed.
    package func entries(at path: String? = nil) throws(ConfigProblem) -> [Entry] {
        try at(path).entries
    }

    /// All values that this is for, then what was removed there.
    package var entries: [Entry] {
        var entries: [Entry] = []
        for document in configuration.documents {
            collect(
                document.root, .object(document.kind.type), ConfigPath(document.identity), false, &entries)
        }
        entries.removeAll { !isSelected($0.path) }
        addRemoved(to: &entries)
        return entries
    }

    private func collect(
        _ node: ConfigNode, _ type: FieldType?, _ path: ConfigPath, _ isSecret: Bool, _ entries: inout [Entry]
    ) {
        switch (node.value, type) {
        case (.map(let members), _) where !members.isEmpty:
            for member in Self.inOrder(members, type) {
                let field = field(member.key, type)
                var path = path
                path.steps.append(.key(member.key))
                collect(member.node, field.type, path, isSecret || field.isSecret, &entries)
            }
        case (.list(let elements), _) where !elements.isEmpty:
            let inner: FieldType? = if case .list(let element, _)? = type { element } else { nil }
            for (index, element) in elements.enumerated() {
                var path = path
                path.steps.append(.index(index))
                collect(element, inner, path, isSecret, &entries)
            }
        default:
            let isHidden = isSecret || secretLayers.contains(Int(node.origin.layer))
            entries.append(
                Entry(
                    path: path,
                    value: isHidden
                        ? .string(MachineConfiguration.redaction) : node.redacted(as: .unstructured).json,
                    isSecret: isHidden,
                    setBy: setter(node.origin), overrode: node.overridden.map(setter)))
        }
    }

    private func isSelected(_ path: ConfigPath) -> Bool {
        selection?.contains { path.isWithin($0) } ?? true
    }

    /// Members in the order in which Talos writes them.
    private static func inOrder(_ members: [ConfigNode.Member], _ type: FieldType?) -> [ConfigNode.Member] {
        guard case .object(let object)? = type else {
            return members.sorted { GoYAMLKeys.precedes($0.key, $1.key) }
        }
        return object.fields.compactMap { field in members.first { $0.key == field.name } }
    }

    private func field(_ key: String, _ type: FieldType?) -> (type: FieldType?, isSecret: Bool) {
        switch type {
        case .object(let object)?: object[key].map { ($0.type, $0.isSecret) } ?? (nil, false)
        case .map(let value)?: (value, false)
        default: (nil, false)
        }
    }

    /// Adds what was removed; what stands there again knows it as overridden.
    private func addRemoved(to entries: inout [Entry]) {
        for removed in configuration.removed where isSelected(removed.path) {
            let setBy = removed.setBy.map(setter)
            if let place = entries.firstIndex(where: { $0.path == removed.path && !$0.isRemoved }) {
                entries[place].overrode.insert(contentsOf: setBy, at: 0)
                continue
            }
            entries.append(
                Entry(
                    path: removed.path, value: nil, isSecret: false, setBy: setter(removed.removedBy),
                    overrode: setBy))
        }
    }

    private func setter(_ origin: Origin) -> Setter {
        Setter(
            layer: layerName(Int(origin.layer)), document: origin.document > 1 ? Int(origin.document) : nil,
            line: origin.line > 0 ? Int(origin.line) : nil)
    }

    /// The name of the layer with that number; 0 is what was generated.
    func layerName(_ place: Int) -> String {
        if layerNames.indices.contains(place) { return layerNames[place] }
        return place == 0 ? "generated" : "layer \(place)"
    }
}

extension Provenance {
    /// How many values each layer set that are still there, for an annotation; layers without any are left out.
    package var summary: [(layer: String, values: Int)] {
        var counts: [UInt16: Int] = [:]
        for document in configuration.documents { document.root.countLeaves(&counts) }
        return counts.sorted { $0.key < $1.key }.map { (setter(Origin(layer: $0.key)).layer, $0.value) }
    }
}

extension ConfigNode {
    fileprivate func countLeaves(_ counts: inout [UInt16: Int]) {
        switch value {
        case .list(let elements) where !elements.isEmpty:
            for element in elements { element.countLeaves(&counts) }
        case .map(let members) where !members.isEmpty:
            for member in members { member.node.countLeaves(&counts) }
        default: counts[origin.layer, default: 0] += 1
        }
    }
}
