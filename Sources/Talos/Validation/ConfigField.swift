// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// A place in a document, whether something is there or not, and whom to name when it is wrong.
struct ConfigField: Sendable {
    /// What is there; nil for nothing and for null, which Talos reads alike.
    let node: ConfigNode?
    let path: FieldPath
    /// Who wrote what is there, or else what is around it.
    let origin: Origin

    /// The root of a document.
    init(root: ConfigNode, path: FieldPath = .root) {
        self.init(root, path: path, around: root.origin)
    }

    private init(_ node: ConfigNode?, path: FieldPath, around origin: Origin) {
        if case .null? = node?.value { self.node = nil } else { self.node = node }
        self.path = path
        self.origin = node?.origin ?? origin
    }

    /// A member, which need not be there.
    subscript(key: String) -> ConfigField {
        ConfigField(node?[key], path: path.appending(key), around: origin)
    }

    /// The elements of a list; none of anything else.
    var elements: [ConfigField] {
        (node?.list ?? []).enumerated().map { index, element in
            ConfigField(element, path: path.appending(index), around: element.origin)
        }
    }

    /// The members of a map; none of anything else.
    var members: [(key: String, field: ConfigField)] {
        (node?.members ?? []).map { member in
            (
                member.key,
                ConfigField(member.node, path: path.appending(member.key), around: member.node.origin)
            )
        }
    }

    /// Whether the key is there, with anything but null.
    var isSet: Bool { node != nil }

    /// Whether Talos sees nothing: no key, null, "", 0, false, an empty list or map.
    var isZero: Bool {
        switch node?.value {
        case nil, .null: true
        case .bool(let value): !value
        case .integer(let number): number == 0
        case .double(let number): number == 0
        case .string(let text): text.isEmpty
        case .list(let elements): elements.isEmpty
        case .map(let members): members.isEmpty
        }
    }

    /// The text; "" for anything else.
    var text: String { node?.string ?? "" }
    /// The number; 0 for anything else.
    var number: Int64 { node?.integer ?? 0 }
    /// Whether this is true, not merely set.
    var isTrue: Bool { node?.bool == true }
    /// Whether this is explicitly false.
    var isFalse: Bool { node?.bool == false }
    /// The texts of a list.
    var texts: [String] { (node?.list ?? []).compactMap(\.string) }
}
