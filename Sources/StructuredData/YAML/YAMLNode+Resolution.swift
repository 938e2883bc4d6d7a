// SPDX-License-Identifier: Apache-2.0

extension YAMLNode.Scalar {
    /// What the scalar is where nothing says what it should be: the rules of go-yaml v3 (`resolve.go`).
    ///
    /// Of the words, `true`, `false`, `null`, `~` and their forms in upper case mean more than text, but not
    /// `yes`, `no`, `on` and `off`. `0o17`, `017`, `0x1F`, `0b11` and `1_000` are whole numbers. Times
    /// stay text, as do `.inf` and `.nan`, which JSON has not. Never a list or an object.
    package var resolved: JSONValue {
        guard isPlain || (tag != nil && tag != "!" && tag != "!!str") else { return .string(text) }
        if tag == "!" || tag == "!!str" { return .string(text) }
        return Self.word(text) ?? YAMLScalar.number(text) ?? .string(text)
    }

    /// Whether the scalar is an empty value, `null` or `~`.
    package var isNull: Bool {
        guard isPlain, tag == nil || tag == "!!null" else { return false }
        return if case .null? = Self.word(text) { true } else { false }
    }

    /// What words mean that are no text.
    private static func word(_ text: String) -> JSONValue? {
        // None is longer, and most scalars are.
        guard text.utf8.count <= 5 else { return nil }
        return switch text {
        case "true", "True", "TRUE": .bool(true)
        case "false", "False", "FALSE": .bool(false)
        case "", "~", "null", "Null", "NULL": .null
        default: nil
        }
    }
}

extension YAMLNode {
    /// Whether this is an empty value, `null` or `~`.
    package var isNull: Bool {
        if case .scalar(let scalar) = content { scalar.isNull } else { false }
    }

    /// The value where nothing says what its scalars should be; see `Scalar.resolved`.
    package var json: JSONValue {
        switch content {
        case .scalar(let scalar): scalar.resolved
        case .list(let elements): .array(elements.map(\.json))
        case .map(let members):
            .object(
                JSONObject(
                    uniqueMembers: members.map { JSONObject.Member(key: $0.key, value: $0.value.json) }))
        }
    }
}
