// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// Where a value of a machine configuration was written: which layer, which of its documents, which line.
package struct Origin: Sendable, Hashable {
    /// The place of the layer in the rendering's list of layers; 0 is what was generated.
    package var layer: UInt16
    /// Which document of the layer, from 1; 0 if that means nothing there.
    package var document: UInt16
    /// The line within the layer's text, from 1; 0 if it has no text.
    package var line: UInt32

    package init(layer: UInt16 = 0, document: UInt16 = 0, line: UInt32 = 0) {
        self.layer = layer
        self.document = document
        self.line = line
    }

    /// What the generator made.
    package static let generated = Origin()
}

/// A value of a machine configuration that knows who wrote it.
///
/// Scalars have the type that the field has in Talos: a plain `off` is a string where Talos wants a string.
package struct ConfigNode: Sendable {
    /// The value itself.
    package enum Value: Sendable {
        case null
        case bool(Bool)
        case integer(Int64)
        case double(Double)
        case string(String)
        case list([ConfigNode])
        /// Members in the order written, each key once.
        case map([Member])
    }

    /// A key of a map and what stands there.
    package struct Member: Sendable {
        package var key: String
        package var node: ConfigNode

        package init(key: String, node: ConfigNode) {
            self.key = key
            self.node = node
        }
    }

    package var value: Value
    /// Who set the value: of a map or list, who made it.
    package var origin: Origin
    /// Whose values were replaced by this one, the oldest first.
    package var overridden: [Origin]

    package init(_ value: Value, origin: Origin = .generated, overridden: [Origin] = []) {
        self.value = value
        self.origin = origin
        self.overridden = overridden
    }
}

extension ConfigNode {
    /// The member of a map; nil if this is none or has no such key.
    package subscript(key: String) -> ConfigNode? {
        guard case .map(let members) = value else { return nil }
        return members.first { $0.key == key }?.node
    }

    /// The text, if this is a string.
    package var string: String? {
        if case .string(let text) = value { text } else { nil }
    }

    /// The truth value, if this is one.
    package var bool: Bool? {
        if case .bool(let value) = value { value } else { nil }
    }

    /// The number, if this is a whole one.
    package var integer: Int64? {
        if case .integer(let number) = value { number } else { nil }
    }

    /// The elements, if this is a list.
    package var list: [ConfigNode]? {
        if case .list(let elements) = value { elements } else { nil }
    }

    /// The members, if this is a map.
    package var members: [Member]? {
        if case .map(let members) = value { members } else { nil }
    }

    /// The value alone, without who wrote it.
    package var json: JSONValue {
        switch value {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let number): .integer(number)
        case .double(let number): .double(number)
        case .string(let text): .string(text)
        case .list(let elements): .array(elements.map(\.json))
        case .map(let members):
            .object(
                JSONObject(uniqueMembers: members.map { JSONObject.Member(key: $0.key, value: $0.node.json) })
            )
        }
    }
}
