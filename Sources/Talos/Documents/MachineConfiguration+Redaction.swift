// SPDX-License-Identifier: Apache-2.0

extension MachineConfiguration {
    /// What stands in place of a secret value.
    package static let redaction = "******"

    /// The configuration with `******` for each value that is secret and not empty.
    package func redacted() -> MachineConfiguration {
        var copy = self
        for index in copy.documents.indices {
            let type = FieldType.object(copy.documents[index].kind.type)
            copy.documents[index].root = copy.documents[index].root.redacted(as: type)
        }
        return copy
    }
}

extension ConfigNode {
    /// The value, of a field of that type, without the secrets that its fields may hold.
    package func redacted(as type: FieldType) -> ConfigNode {
        var copy = self
        switch (value, type) {
        case (.map(let members), .object(let type)):
            copy.value = .map(
                members.map { member in
                    let field = type[member.key]
                    let node =
                        field?.isSecret == false
                        ? member.node.redacted(as: field?.type ?? .unstructured) : member.node.redactedWhole()
                    return Member(key: member.key, node: node)
                })
        case (.map(let members), .map(let type)):
            copy.value = .map(members.map { Member(key: $0.key, node: $0.node.redacted(as: type)) })
        case (.list(let elements), .list(let type, _)):
            copy.value = .list(elements.map { $0.redacted(as: type) })
        case (.map(let members), _):
            copy.value = .map(members.map { Member(key: $0.key, node: $0.node.redacted(as: .unstructured)) })
        case (.list(let elements), _): copy.value = .list(elements.map { $0.redacted(as: .unstructured) })
        case (.string(let text), _): copy.value = .string(text.withoutEmbeddedSecrets)
        default: break
        }
        return copy
    }

    /// The value with none of its scalars but what is empty.
    package func redactedWhole() -> ConfigNode {
        var copy = self
        switch value {
        case .null: break
        case .string(let text) where text.isEmpty: break
        case .bool, .integer, .double, .string: copy.value = .string(MachineConfiguration.redaction)
        case .list(let elements): copy.value = .list(elements.map { $0.redactedWhole() })
        case .map(let members):
            copy.value = .map(members.map { Member(key: $0.key, node: $0.node.redactedWhole()) })
        }
        return copy
    }
}
