// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension PatchReader {
    /// Reads a layer that is a list: an RFC 6902 patch, in YAML or in JSON.
    func operations(_ documents: [YAMLNode?], at place: Int) throws(ConfigProblems) -> ConfigPatch.Body {
        guard documents.count(where: { $0 != nil }) == 1, let list = documents[place]?.elements else {
            throw ConfigProblems(
                ConfigProblem(
                    source: source, document: place + 1, line: documents[place].flatMap(Self.line),
                    problem: "must be an object: a list of operations can only be a layer of its own"))
        }
        var problems: [ConfigProblem] = []
        var operations: [PatchOperation] = []
        let origin = Origin(layer: number, document: UInt16(clamping: place + 1))
        for (index, element) in list.enumerated() {
            do throws(ConfigProblem) {
                operations.append(try Self.operation(element, number: index + 1, origin: origin))
            } catch {
                var problem = error
                problem.source = source
                problems.append(problem)
            }
        }
        guard problems.isEmpty else { throw ConfigProblems(problems) }
        return .operations(operations)
    }

    private static func line(_ node: YAMLNode) -> Int? { node.line == 0 ? nil : node.line }

    private static let names = "add, remove, replace, move, copy or test"

    private static func operation(
        _ node: YAMLNode, number: Int, origin: Origin
    ) throws(ConfigProblem) -> PatchOperation {
        let fields = OperationFields(node: node, number: number)
        guard case .map = node.content else {
            throw fields.problem("must be an object with op and path", at: node)
        }
        var origin = origin
        origin.line = UInt32(clamping: node.line)
        let name = try fields.text("op", allowed: names)
        let path = try fields.pointer("path")
        let action: PatchOperation.Action =
            switch name {
            case "add": .add(ConfigNode(try fields.value(), origin: origin))
            case "replace": .replace(ConfigNode(try fields.value(), origin: origin))
            case "test": .test(try fields.value().json)
            case "remove": .remove
            case "move": .move(from: try fields.pointer("from"))
            case "copy": .copy(from: try fields.pointer("from"))
            default: throw fields.problem("op: must be \(names)", at: node)
            }
        return PatchOperation(action: action, path: path, number: number, origin: origin)
    }
}

/// The members of one operation as they are written.
private struct OperationFields {
    let node: YAMLNode
    let number: Int

    func value() throws(ConfigProblem) -> YAMLNode {
        guard let member = member("value") else { throw problem("value: missing", at: node) }
        return member.value
    }

    func text(_ key: String, allowed: String) throws(ConfigProblem) -> String {
        guard let member = member(key) else { throw problem("\(key): missing; must be \(allowed)", at: node) }
        guard case .scalar(let scalar) = member.value.content, !scalar.isNull else {
            throw problem("\(key): must be \(allowed)", at: member.value)
        }
        return scalar.text
    }

    func pointer(_ key: String) throws(ConfigProblem) -> JSONPointer {
        let allowed = "a JSON pointer such as /machine/network"
        let text = try text(key, allowed: allowed)
        guard let pointer = JSONPointer(text) else { throw problem("\(key): must be \(allowed)", at: node) }
        return pointer
    }

    func problem(_ text: String, at node: YAMLNode) -> ConfigProblem {
        ConfigProblem(line: node.line == 0 ? nil : node.line, problem: "operation \(number): \(text)")
    }

    private func member(_ key: String) -> YAMLNode.Member? {
        node.members?.first { $0.key == key }
    }
}

extension ConfigNode {
    /// What is written, each value with its own line, where nothing says what its scalars should be.
    fileprivate init(_ node: YAMLNode, origin: Origin) {
        var place = origin
        if node.line > 0 { place.line = UInt32(clamping: node.line) }
        switch node.content {
        case .scalar(let scalar):
            self.init(Value(scalar.resolved), origin: place)
        case .list(let elements):
            self.init(.list(elements.map { ConfigNode($0, origin: origin) }), origin: place)
        case .map(let members):
            self.init(
                .map(members.map { Member(key: $0.key, node: ConfigNode($0.value, origin: origin)) }),
                origin: place)
        }
    }
}
