// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Gives the values of a document the types that its fields have, and notes all that does not fit.
struct ConfigDecoder {
    /// A step from a document's root.
    private enum Step {
        case key(String)
        case index(Int)
    }

    let source: String
    let layer: UInt16
    let version: TalosVersion
    /// Which document it is at, from 1.
    var document = 1
    /// Whether there is more than one, so that messages say which.
    var hasSeveral = false
    private(set) var problems: [ConfigProblem] = []
    private var path: [Step] = []

    /// Who takes the fields, as messages name it.
    private let reader: String

    init(source: String, layer: UInt16, version: TalosVersion) {
        self.source = source
        self.layer = layer
        self.version = version
        reader = "Talos \(version)"
    }

    /// A decoder of what somebody else than Talos reads.
    init(source: String, reader: String) {
        self.source = source
        self.reader = reader
        layer = 0
        version = TalosVersion.supported.upperBound
    }

    /// Notes a problem of the place that the decoder is at, or of a key there.
    mutating func report(_ problem: String, line: Int, key: String? = nil) {
        // One more than is shown says that there are more.
        guard problems.count <= ConfigProblems.limit else { return }
        let steps = path + (key.map { [.key($0)] } ?? [])
        let path = steps.reduce(FieldPath.root) { path, step in
            switch step {
            case .key(let key): path.appending(key)
            case .index(let index): path.appending(index)
            }
        }
        problems.append(
            ConfigProblem(
                source: source, document: hasSeveral ? document : nil, line: line > 0 ? line : nil,
                path: path, problem: problem)
        )
    }

    func origin(_ line: Int) -> Origin {
        Origin(
            layer: layer, document: UInt16(clamping: document), line: UInt32(clamping: line))
    }

    /// Decodes the members of an object; members that are null are left out, as Talos takes them for absent.
    mutating func object(_ members: [YAMLNode.Member], as type: ObjectType, line: Int) -> ConfigNode {
        var decoded: [ConfigNode.Member] = []
        decoded.reserveCapacity(members.count)
        var next = 0
        for member in members {
            guard let index = type.index(of: member.key, from: next), type.fields[index].isKnown(in: version)
            else {
                report(unknown(member.key, in: type), line: member.keyLine, key: member.key)
                continue
            }
            next = index + 1
            path.append(.key(member.key))
            if let node = field(member.value, as: type.fields[index]) {
                decoded.append(ConfigNode.Member(key: type.fields[index].name, node: node))
            }
            path.removeLast()
        }
        return ConfigNode(.map(decoded), origin: origin(line))
    }

    private mutating func field(_ node: YAMLNode, as field: FieldDefinition) -> ConfigNode? {
        guard let value = value(node, as: field.type) else { return nil }
        guard field.isTrimmed, version >= Self.firstThatTrims, let text = value.string else { return value }
        let isTrimmed: (UInt8) -> Bool = { (9...13).contains($0) }
        guard let first = text.utf8.first, isTrimmed(first) else { return value }
        return ConfigNode(.string(String(Substring(text.utf8.drop(while: isTrimmed)))), origin: value.origin)
    }

    private static let firstThatTrims = TalosVersion(minor: 6)

    private func unknown(_ key: String, in type: ObjectType) -> String {
        if let field = type[key] { return "is known only from Talos \(field.since) on, not in \(version)" }
        let known = type.fields.filter { $0.isKnown(in: version) }.map(\.name)
        let list = known.isEmpty ? "no fields here" : "here " + known.joined(separator: ", ")
        return "unknown field; \(reader) has \(list)"
    }
}

extension ConfigDecoder {
    /// Decodes a value; nil if it is null, or does not fit, which is noted.
    mutating func value(_ node: YAMLNode, as type: FieldType) -> ConfigNode? {
        if node.isNull { return nil }
        switch (type, node.content) {
        case (.object(let type), .map(let members)): return object(members, as: type, line: node.line)
        case (.list(let element, _), .list(let elements)): return list(elements, of: element, line: node.line)
        case (.map(let value), .map(let members)): return map(members, of: value, line: node.line)
        case (.unstructured, .map): return unstructured(node)
        case (.arguments, .list(let elements)) where version >= Self.firstWithArgumentLists:
            return list(elements, of: .string, line: node.line)
        case (.arguments, .list):
            report(
                "must be a string; a list is taken from Talos \(Self.firstWithArgumentLists) on, not in \(version)",
                line: node.line)
            return nil
        case (.object, _), (.list, _), (.map, _), (.unstructured, _):
            report("must be \(type.name), not \(node.kindDescription)", line: node.line)
            return nil
        case (_, .scalar(let scalar)):
            switch type.value(of: scalar) {
            case .success(let value): return ConfigNode(value, origin: origin(node.line))
            case .failure(let mismatch):
                report(mismatch.problem, line: node.line)
                return nil
            }
        default:
            report("must be \(type.name), not \(node.kindDescription)", line: node.line)
            return nil
        }
    }

    private static let firstWithArgumentLists = TalosVersion(minor: 13)

    private mutating func list(_ elements: [YAMLNode], of type: FieldType, line: Int) -> ConfigNode {
        var decoded: [ConfigNode] = []
        decoded.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            path.append(.index(index))
            decoded.append(entry(element, as: type))
            path.removeLast()
        }
        return ConfigNode(.list(decoded), origin: origin(line))
    }

    private mutating func map(_ members: [YAMLNode.Member], of type: FieldType, line: Int) -> ConfigNode {
        var decoded: [ConfigNode.Member] = []
        decoded.reserveCapacity(members.count)
        for member in members {
            path.append(.key(member.key))
            decoded.append(ConfigNode.Member(key: member.key, node: entry(member.value, as: type)))
            path.removeLast()
        }
        return ConfigNode(.map(decoded), origin: origin(line))
    }

    /// Decodes an element, which unlike a field stays if it is null: as the zero of its type.
    private mutating func entry(_ node: YAMLNode, as type: FieldType) -> ConfigNode {
        value(node, as: type) ?? ConfigNode(type.zero, origin: origin(node.line))
    }

    /// Decodes what Talos passes on as it is.
    private func unstructured(_ node: YAMLNode) -> ConfigNode {
        let value: ConfigNode.Value =
            switch node.content {
            case .scalar(let scalar): ConfigNode.Value(scalar.resolved)
            case .list(let elements): .list(elements.map { unstructured($0) })
            case .map(let members):
                .map(members.map { ConfigNode.Member(key: $0.key, node: unstructured($0.value)) })
            }
        return ConfigNode(value, origin: origin(node.line))
    }
}

extension ConfigNode.Value {
    /// The value of a scalar.
    init(_ scalar: JSONValue) {
        self =
            switch scalar {
            case .bool(let value): .bool(value)
            case .integer(let number): .integer(number)
            case .double(let number): .double(number)
            case .string(let text): .string(text)
            case .null, .array, .object: .null
            }
    }
}

extension YAMLNode {
    /// What a person would call the kind of value.
    var kindDescription: String {
        switch content {
        case .scalar(let scalar): scalar.resolved.kindDescription
        case .list: "a list"
        case .map: "an object"
        }
    }
}
