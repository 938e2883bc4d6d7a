// SPDX-License-Identifier: Apache-2.0

extension MachineConfiguration {
    /// The text of the configuration, byte for byte as Talos writes it without comments.
    ///
    /// Fields stand in the order that Talos has them in, keys of maps are sorted. What is empty is left out
    /// but for the fields that Talos always writes.
    package func yaml() -> String {
        var encoder = ConfigEncoder(version: version)
        for (index, document) in documents.enumerated() {
            if index > 0 { encoder.writer.separate() }
            encoder.document(document)
        }
        return String(decoding: encoder.writer.text, as: UTF8.self)
    }
}

/// Writes documents by the types of their fields.
struct ConfigEncoder {
    fileprivate typealias Place = GoYAMLWriter.Place

    var writer = GoYAMLWriter()
    var version = TalosVersion.supported.upperBound

    /// The version from which on an argument that is an empty text is written as none.
    private static let argumentLists = TalosVersion(minor: 13)

    mutating func document(_ document: ConfigDocument) {
        let fields = printed(document.root.members ?? [], of: document.kind.type)
        write(fields, column: 0, isAfterDash: false)
        writer.endDocument()
    }

    /// A field that is to be written, with its value if there is one.
    private typealias Field = (definition: FieldDefinition, value: ConfigNode?)

    /// The fields to be written, in the table's order.
    private func printed(_ members: [ConfigNode.Member], of type: ObjectType) -> [Field] {
        var places = [Int](repeating: -1, count: type.fields.count)
        var next = 0
        for (index, member) in members.enumerated() {
            guard let place = type.index(of: member.key, from: next) else { continue }
            places[place] = index
            next = place + 1
        }
        var fields: [Field] = []
        for (field, place) in zip(type.fields, places) {
            let value = place < 0 ? nil : members[place].node
            if field.isAlwaysPrinted || !(value?.isOmitted(as: field) ?? true) {
                fields.append((field, value))
            }
        }
        return fields
    }

    private mutating func write(_ fields: [Field], column: Int, isAfterDash: Bool) {
        var isFirst = isAfterDash
        for field in fields {
            let place = writer.key(field.definition.name, column: column, isFirstAfterDash: isFirst)
            isFirst = false
            write(field, at: place)
        }
    }

    private mutating func write(_ field: Field, at place: Place) {
        if let value = field.value, !value.isNull {
            write(value, as: field.definition.type, at: place)
        } else if field.definition.isPointer {
            writer.plain("null")
        } else if let zero = field.definition.zero {
            writer.string(zero, at: place)
        } else {
            write(ConfigNode(field.definition.type.empty), as: field.definition.type, at: place)
        }
    }

    private mutating func write(_ node: ConfigNode, as type: FieldType, at place: Place) {
        switch (node.value, type) {
        case (.map(let members), .object(let type)):
            let fields = printed(members, of: type)
            if fields.isEmpty { return writer.plain("{}") }
            let isAfterDash = writer.begin(place)
            write(fields, column: place.inner, isAfterDash: isAfterDash)
        case (.map(let members), .map(let type)): write(members, of: type, at: place)
        case (.map(let members), _): write(members, of: .unstructured, at: place)
        case (.list(let elements), .list(let type, _)): write(elements, of: type, at: place)
        case (.list(let elements), _): write(elements, of: .unstructured, at: place)
        case (.null, _): writer.plain("null")
        case (.bool(let value), _): writer.plain(value ? "true" : "false")
        case (.integer(let number), .fileMode): writer.plain("0o" + String(number, radix: 8))
        case (.integer(let number), _): writer.plain(String(number))
        case (.double(let number), _): writer.plain(GoYAMLScalar.number(number))
        case (.string(""), .arguments) where version >= Self.argumentLists: writer.plain("null")
        case (.string(let text), _): writer.string(text, at: place)
        }
    }

    private mutating func write(_ members: [ConfigNode.Member], of type: FieldType, at place: Place) {
        if members.isEmpty { return writer.plain("{}") }
        var isFirst = writer.begin(place)
        let column = place.inner
        for member in members.sorted(by: { GoYAMLKeys.precedes($0.key, $1.key) }) {
            let place = writer.key(member.key, column: column, isFirstAfterDash: isFirst)
            isFirst = false
            write(member.node, as: type, at: place)
        }
    }

    private mutating func write(_ elements: [ConfigNode], of type: FieldType, at place: Place) {
        if elements.isEmpty { return writer.plain("[]") }
        var isFirst = writer.begin(place)
        let column = place.inner
        for element in elements {
            writer.dash(column: column, isFirstAfterDash: isFirst)
            isFirst = false
            write(element, as: type, at: .dash(column: column))
        }
    }
}

extension ConfigNode {
    fileprivate var isNull: Bool {
        if case .null = value { true } else { false }
    }

    /// Whether Go's `omitempty` leaves the value out.
    fileprivate func isOmitted(as field: FieldDefinition) -> Bool {
        isNull || (!field.isPointer && isZero(as: field.type))
    }

    /// Whether it is the value that Go gives a field that nobody sets.
    func isZero(as type: FieldType) -> Bool {
        switch value {
        case .null: true
        case .bool(let value): !value
        case .integer(let number): number == 0
        case .double(let number): number == 0
        case .string(let text): if case .duration = type { text == "0s" } else { text.isEmpty }
        case .list(let elements): elements.isEmpty
        case .map(let members):
            if case .object(let type) = type {
                members.allSatisfy { member in type[member.key].map { member.node.isOmitted(as: $0) } ?? true
                }
            } else {
                members.isEmpty
            }
        }
    }
}

extension FieldType {
    /// What is written for a field without a value that is not a pointer.
    fileprivate var empty: ConfigNode.Value {
        switch self {
        case .list: .list([])
        case .map, .unstructured, .object: .map([])
        default: zero
        }
    }
}
