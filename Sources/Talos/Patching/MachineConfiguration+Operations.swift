// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension MachineConfiguration {
    /// Applies an RFC 6902 patch to the one document there is, all of it or nothing.
    ///
    /// It sees the document as Talos writes it, with the fields that are written though they are empty.
    mutating func apply(_ operations: [PatchOperation], of layer: UInt16, source: String)
        throws(ConfigProblems)
    {
        guard documents.count == 1, let document = documents.first else {
            throw ConfigProblems(
                ConfigProblem(
                    source: source,
                    problem: "JSON6902 patches are not supported for multi-document machine configuration; "
                        + "write a strategic merge patch instead"))
        }
        var root = document.root
        root.printEmptyFields(of: document.kind.type, in: version)
        var removed: [(RemovedNode, Origin)] = []
        var room = Self.limits.nodes
        for operation in operations {
            do throws(OperationFailure) {
                if let node = try root.apply(operation, room: &room) {
                    removed.append((node, operation.origin))
                }
            } catch {
                throw ConfigProblems(
                    ConfigProblem(
                        source: source, line: operation.origin.line == 0 ? nil : Int(operation.origin.line),
                        problem: "\(operation.description) does not apply: \(error)"))
            }
        }
        let read: MachineConfiguration
        do throws(ConfigProblems) {
            read = try MachineConfiguration(
                decoding: [YAMLNode(root, linesOf: layer)], source: source, layer: layer, version: version)
        } catch {
            throw ConfigProblems(
                error.problems.map { problem in
                    var problem = problem
                    problem.document = nil
                    return problem
                })
        }
        guard var result = read.documents.first else { return }
        result.root = result.root.takingOrigins(of: root).withoutPrintedFields
        documents = [result]
        for (node, origin) in removed where node.node.origin != .printed {
            remember(node.node, at: ConfigPath(document.identity, node.path.steps), removedBy: origin)
        }
    }
}

extension Origin {
    /// Of a field that is there only because Talos writes it though it is empty.
    fileprivate static let printed = Origin(layer: .max, document: .max, line: .max)
}

extension ConfigNode {
    /// Adds the fields that are written though they are absent.
    fileprivate mutating func printEmptyFields(of type: ObjectType, in version: TalosVersion) {
        guard case .map(var members) = value else { return }
        for field in type.fields where field.isKnown(in: version) {
            if let index = members.firstIndex(where: { $0.key == field.name }) {
                members[index].node.printEmptyFields(of: field.type, in: version)
            } else if field.isAlwaysPrinted {
                var node = ConfigNode(field.isPointer ? .null : Self.empty(field.type), origin: .printed)
                node.printEmptyFields(of: field.type, in: version)
                members.append(Member(key: field.name, node: node))
            }
        }
        value = .map(members)
    }

    private mutating func printEmptyFields(of type: FieldType, in version: TalosVersion) {
        switch (type, value) {
        case (.object(let object), .map): printEmptyFields(of: object, in: version)
        case (.list(let element, _), .list(var elements)):
            for index in elements.indices { elements[index].printEmptyFields(of: element, in: version) }
            value = .list(elements)
        case (.map(let inner), .map(var members)):
            for index in members.indices { members[index].node.printEmptyFields(of: inner, in: version) }
            value = .map(members)
        default: break
        }
    }

    private static func empty(_ type: FieldType) -> Value {
        switch type {
        case .list: .list([])
        case .map, .object, .unstructured: .map([])
        default: type.zero
        }
    }

    /// The value without the fields that were added only to be seen by a patch.
    fileprivate var withoutPrintedFields: ConfigNode {
        var node = self
        node.overridden.removeAll { $0 == .printed }
        switch value {
        case .list(let elements): node.value = .list(elements.map(\.withoutPrintedFields))
        case .map(let members):
            node.value = .map(
                members.compactMap { member in
                    guard member.node.origin != .printed || member.node.isChanged else { return nil }
                    return Member(key: member.key, node: member.node.withoutPrintedFields)
                })
        default: break
        }
        return node
    }

    /// Whether something was put into a list or an object that was not there.
    private var isChanged: Bool {
        switch value {
        case .list(let elements): !elements.isEmpty
        case .map(let members): members.contains { $0.node.origin != .printed || $0.node.isChanged }
        default: false
        }
    }
}

extension YAMLNode {
    /// A tree as if it were written: what a patch put in is read as strictly as what stands in a file.
    ///
    /// Only values of `layer` have lines; those of others would be taken for lines of its text.
    fileprivate init(_ node: ConfigNode, linesOf layer: UInt16) {
        let line = node.origin.layer == layer ? Int(node.origin.line) : 0
        let content: Content =
            switch node.value {
            case .list(let elements): .list(elements.map { YAMLNode($0, linesOf: layer) })
            case .map(let members):
                .map(
                    members.map { member in
                        let value = YAMLNode(member.node, linesOf: layer)
                        return Member(key: member.key, keyLine: value.line, value: value)
                    })
            case .string(let text): .scalar(Scalar(text: text, isPlain: false))
            default:
                .scalar(Scalar(text: String(decoding: node.json.encoded(), as: UTF8.self), isPlain: true))
            }
        self.init(content, line: line)
    }
}

extension JSONPointer {
    /// The same way as messages and provenance write it.
    fileprivate var steps: [ConfigPath.Step] {
        tokens.map { token in Int(token).map { .index($0) } ?? .key(token) }
    }
}
