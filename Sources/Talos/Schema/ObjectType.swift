// SPDX-License-Identifier: Apache-2.0

/// The fields of an object of Talos' configuration, in the order in which Talos writes them.
package struct ObjectType: Sendable {
    /// As the table calls it; says nothing to people.
    package let name: String
    package let fields: [FieldDefinition]
    /// Whether an element of a list that is merged by keys is replaced by the one with the same key, not
    /// merged into.
    package let isReplacedWhole: Bool

    /// The place of a field; keys often come in the table's order, so the search begins at `start`.
    package func index(of key: String, from start: Int = 0) -> Int? {
        let start = min(start, fields.count)
        return fields[start...].firstIndex { $0.name == key }
            ?? fields[..<start].firstIndex { $0.name == key }
    }

    /// The field of a key, whatever the version.
    package subscript(key: String) -> FieldDefinition? {
        index(of: key).map { fields[$0] }
    }
}

/// A field of an object: what may stand there and how Talos reads, merges and writes it.
package struct FieldDefinition: Sendable {
    package let name: String
    package let type: FieldType
    /// Whether it is written though it is absent or empty.
    package let isAlwaysPrinted: Bool
    /// Whether Talos tells an explicit zero, `false` or empty object from an absent one.
    package let isPointer: Bool
    /// Whether values below it are never shown.
    package let isSecret: Bool
    /// Whether a patch replaces it whole where others would be merged into.
    package let replacesWhole: Bool
    /// What a text says that is the value where none is given; a patch that says it changes nothing.
    package let zero: String?
    /// Whether it is a URL, which a patch changes part by part.
    package let isURL: Bool
    /// Whether Talos 1.6 and later cut white space at its beginning off.
    package let isTrimmed: Bool
    /// The first version that knows it.
    package let since: TalosVersion

    /// Whether Talos of that version takes the field.
    package func isKnown(in version: TalosVersion) -> Bool {
        since <= version
    }
}

/// What may stand in a field.
package indirect enum FieldType: Sendable {
    case string
    case bool
    /// A whole number; its range is that of the type in Go.
    case integer(ClosedRange<Int64>)
    /// A Go duration such as `1h30m`; its value here is the text that Go writes, `1h30m0s`.
    case duration
    /// Base64 of bytes.
    case bytes
    /// Permissions of a file; a whole number, written in octal.
    case fileMode
    /// A number of bytes or a text such as `100 GB`.
    case diskSize
    /// A port or a range of them, `80` or `8000-8080`.
    case portRange
    /// The value of a command line argument: a string, from Talos 1.13 on also a list of them.
    case arguments
    /// An object that Talos passes on as it is.
    case unstructured
    case map(FieldType)
    case list(FieldType, merge: ListMerge)
    case object(ObjectType)
}

/// How a patch changes a list.
package enum ListMerge: Sendable, Hashable {
    /// Its elements come after those that are there.
    case append
    /// Its elements are all there is then.
    case replace
    /// An element is merged into the first one that has the same value of a key, of the first that both
    /// elements set; others come last.
    case byKeys([String])
}

/// A kind of document that a configuration is made of.
package struct DocumentKind: Sendable {
    /// Nil for the document that has none: `machine` and `cluster`.
    package let kind: String?
    /// Whether a configuration may have several, told apart by their names.
    package let isNamed: Bool
    /// The first version that knows it.
    package let since: TalosVersion
    package let type: ObjectType
}
