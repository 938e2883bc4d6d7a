// SPDX-License-Identifier: Apache-2.0

/// All documents and fields of Talos 1.3 to 1.13, read once from the tables in `SchemaText`.
package enum Schema {
    private static let table = SchemaTable([
        SchemaText.machine, SchemaText.machineNetwork, SchemaText.cluster, SchemaText.documents,
        SchemaText.links,
    ])

    /// The document that has no kind.
    package static let machine = DocumentKind(
        kind: nil, isNamed: false, since: TalosVersion.supported.lowerBound, type: table.type("config"))

    /// Every kind, that without a name first.
    package static let kinds: [DocumentKind] = [machine] + table.kinds

    /// The kind of that name, whatever the version; nil for one that no supported version knows.
    package static func kind(_ name: String) -> DocumentKind? {
        kinds.first { $0.kind == name }
    }

    /// What is wrong with the tables; empty, which a test ensures.
    static var defects: [String] { table.defects }
}

/// The tables, a type a paragraph.
///
/// A line at the margin names a type or, with a capital letter, a document kind and the version it came
/// with; `named` says that its documents have names, `replaced` that within a list that is merged by keys
/// it is replaced. Below it stands a field a line: name, type, properties.
///
/// Types: `string`, `bool`, `int`, `uint8` …, `duration`, `bytes`, `fileMode`, `diskSize`, `portRange`,
/// `arguments`, `any`, or a type of the tables; `[T]` is a list, `{T}` a map; `*` after a scalar is a pointer
/// to it, after a list says that an empty one is told from none. Objects are pointers to structs unless their field has the property `value`.
///
/// Properties: `always` is written if empty, `secret`, `trimmed`, `url`, `replace`, `zero=` a text, `by` keys to merge elements by,
/// `1.7+` the version it came with. `+ T` takes in all fields of another type.
enum SchemaText {}

/// Types read from tables.
struct SchemaTable: Sendable {
    /// A type as it stands in a table.
    private struct Entry: Sendable {
        var heading: [Substring]
        var fields: [[Substring]] = []
    }

    private var types: [String: ObjectType] = [:]
    private(set) var kinds: [DocumentKind] = []
    private(set) var defects: [String] = []

    init(_ texts: [String]) {
        var entries: [String: Entry] = [:]
        var names: [String] = []
        for line in texts.lazy.flatMap({ $0.utf8.split(separator: UInt8(ascii: "\n")) }) {
            let words = line.split(separator: UInt8(ascii: " ")).map { Substring($0) }
            if line.first == UInt8(ascii: " "), let name = names.last {
                entries[name]?.fields.append(words)
            } else if let name = words.first.map(String.init) {
                if entries.updateValue(Entry(heading: words), forKey: name) != nil { defects.append(name) }
                names.append(name)
            }
        }
        for name in names { resolve(name, entries) }
    }

    /// The type of that name, without any fields if there is none.
    func type(_ name: String) -> ObjectType {
        types[name] ?? ObjectType(name: name, fields: [], isReplacedWhole: false)
    }

    private mutating func resolve(_ name: String, _ entries: [String: Entry]) {
        guard types[name] == nil, let entry = entries[name] else { return }
        let words = entry.heading.dropFirst()
        let isKind = name.first?.isUppercase == true
        let isNamed = words.contains("named")
        var fields = isKind ? ["apiVersion", "kind"].map(Self.header) : []
        if isNamed { fields.append(Self.header("name")) }
        for line in entry.fields {
            if line.first == "+", let other = line.dropFirst().first {
                fields += object(String(other), entries).fields
            } else {
                fields.append(field(line, entries))
            }
        }
        let type = ObjectType(name: name, fields: fields, isReplacedWhole: words.contains("replaced"))
        types[name] = type
        guard isKind else { return }
        kinds.append(
            DocumentKind(
                kind: name, isNamed: isNamed, since: Self.version(in: words) ?? Self.oldest, type: type))
    }

    private mutating func object(_ name: String, _ entries: [String: Entry]) -> ObjectType {
        resolve(name, entries)
        if types[name] == nil { defects.append("no type \(name)") }
        return type(name)
    }

    private mutating func field(_ line: [Substring], _ entries: [String: Entry]) -> FieldDefinition {
        let words = line.dropFirst(2)
        let type = line.dropFirst().first ?? ""
        let merge: ListMerge =
            if let by = words.firstIndex(of: "by") {
                .byKeys(words[words.index(after: by)...].map(String.init))
            } else {
                words.contains("replace") ? .replace : .append
            }
        let fieldType = fieldType(type, merge, entries)
        let isObject = if case .object = fieldType { true } else { false }
        return FieldDefinition(
            name: String(line.first ?? ""), type: fieldType, isAlwaysPrinted: words.contains("always"),
            isPointer: type.last == "*" || (isObject && !words.contains("value")),
            isSecret: words.contains("secret"), replacesWhole: words.contains("replace"),
            zero: words.first { $0.hasPrefix("zero=") }.map { String($0.dropFirst(5)) },
            isURL: words.contains("url"), isTrimmed: words.contains("trimmed"),
            since: Self.version(in: words) ?? Self.oldest)
    }

    private mutating func fieldType(
        _ text: Substring, _ merge: ListMerge, _ entries: [String: Entry]
    ) -> FieldType {
        let inner = text.dropFirst().dropLast()
        switch (text.first, text.last) {
        case ("[", "]"): return .list(fieldType(inner, .append, entries), merge: merge)
        case ("{", "}"): return .map(fieldType(inner, .append, entries))
        case (_, "*"): return fieldType(text.dropLast(), merge, entries)
        default: return Self.scalars[text] ?? .object(object(String(text), entries))
        }
    }

    private static let scalars: [Substring: FieldType] = [
        "string": .string, "bool": .bool, "duration": .duration, "bytes": .bytes, "fileMode": .fileMode,
        "diskSize": .diskSize, "portRange": .portRange, "arguments": .arguments, "any": .unstructured,
        "int": .integer(.min ... .max), "uint8": .integer(0...0xFF), "uint16": .integer(0...0xFFFF),
        "uint32": .integer(0...0xFFFF_FFFF), "uint64": .integer(0 ... .max),
    ]

    private static let oldest = TalosVersion.supported.lowerBound

    private static func header(_ name: String) -> FieldDefinition {
        FieldDefinition(
            name: name, type: .string, isAlwaysPrinted: true, isPointer: false, isSecret: false,
            replacesWhole: false, zero: nil, isURL: false, isTrimmed: false, since: oldest)
    }

    private static func version(in words: ArraySlice<Substring>) -> TalosVersion? {
        words.first { $0.last == "+" }.flatMap { TalosVersion($0.dropLast()) }
    }
}
