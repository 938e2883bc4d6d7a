// SPDX-License-Identifier: Apache-2.0

/// The way from a document's root to one of its fields, for messages.
///
/// A path shares all but its last step with the path it was made from, so it costs one small allocation.
package struct FieldPath: Sendable, Hashable, CustomStringConvertible {
    private indirect enum Step: Sendable, Hashable {
        case root
        case key(String, of: Step)
        case index(Int, of: Step)
    }

    private let last: Step

    /// The document itself; reads `(document)`.
    package static let root = FieldPath(last: .root)

    private init(last: Step) {
        self.last = last
    }

    /// The path along `keys` from the root.
    package init(_ keys: String...) {
        last = keys.reduce(.root) { .key($1, of: $0) }
    }

    /// The path of a member of the object that is here.
    package func appending(_ key: String) -> FieldPath {
        FieldPath(last: .key(key, of: last))
    }

    /// The path of an element of the list that is here.
    package func appending(_ index: Int) -> FieldPath {
        FieldPath(last: .index(index, of: last))
    }

    /// The path as people write it: `spec.workers[1].name`, `metadata.labels["a.b/c"]`.
    package var description: String {
        var steps: [String] = []
        var step = last
        while true {
            switch step {
            case .root:
                let text = steps.reversed().joined()
                return text.isEmpty ? "(document)" : String(text.first == "." ? text.dropFirst() : text[...])
            case .key(let key, let parent):
                steps.append(Self.isPlain(key) ? ".\(key)" : "[\(Self.quoted(key))]")
                step = parent
            case .index(let index, let parent):
                steps.append("[\(index)]")
                step = parent
            }
        }
    }

    private static func isPlain(_ key: String) -> Bool {
        !key.isEmpty
            && key.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func quoted(_ key: String) -> String {
        String(decoding: JSONValue.string(key).encoded(), as: UTF8.self)
    }
}
