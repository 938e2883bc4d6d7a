// SPDX-License-Identifier: Apache-2.0

/// How much a YAML text may ask of the reader.
package struct YAMLLimits: Sendable, Hashable {
    /// Size of the text, and of all text that aliases repeat.
    package var bytes: Int
    /// How deep lists and mappings may nest, aliases followed.
    package var depth: Int
    /// Keys and values of all documents together, each alias counted with all it stands for; this is what
    /// stops a small text that expands to billions of values.
    package var nodes: Int

    package init(bytes: Int, depth: Int, nodes: Int) {
        self.bytes = bytes
        self.depth = depth
        self.nodes = nodes
    }

    /// 16 MiB, 100 levels, a million nodes: ten times the largest object etcd stores.
    package static let `default` = YAMLLimits(bytes: 16 << 20, depth: 100, nodes: 1_000_000)
}

/// YAML text to values and back.
package enum YAML {
    /// Reads all documents of a text as kubectl does; an empty document is `null`, an empty text has none.
    ///
    /// Plain scalars follow go-yaml v2, which kubectl uses: `yes`, `no`, `on`, `off`, `y` and `n` are truth
    /// values, `017`, `0o17`, `0x1F`, `0b11` and `1_000` whole numbers, times are strings. Keys that are numbers or truth values
    /// become strings. `.inf` and `.nan` are refused, since JSON has none.
    ///
    /// Stricter than kubectl: a key that stands twice is an error, and a key of a mapping always wins over
    /// one merged into it with `<<`. JSON text is read too, with `JSONParser` where the two syntaxes differ.
    package static func documents(
        _ bytes: [UInt8], limits: YAMLLimits = .default
    ) throws(YAMLError) -> [JSONValue] {
        guard bytes.count <= limits.bytes else {
            throw YAMLError(.tooLarge(limit: limits.bytes), YAMLPosition())
        }
        do throws(YAMLError) {
            return try YAMLComposer<JSONValue>.documents(bytes, limits)
        } catch {
            // JSON allows surrogate pairs and keys of any length, which libyaml does not.
            guard case .syntax = error.problem, let value = json(bytes, limits) else { throw error }
            return [value]
        }
    }

    /// Writes a document as block YAML that ends with a line break; equal values give equal text.
    ///
    /// Readers of YAML 1.1 and 1.2 find the same values in it. Members keep their order, lists stand at the
    /// indentation of their key, as kubectl prints them. The text is the same for the same value and order.
    package static func document(_ value: JSONValue) -> String {
        var writer = YAMLWriter()
        return writer.document(value)
    }

    static func json(_ bytes: [UInt8], _ limits: YAMLLimits) -> JSONValue? {
        guard let first = bytes.first(where: { !JSONScanner.isWhitespace($0) }),
            first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        else { return nil }
        var parser = JSONParser(limits: JSONLimits(depth: limits.depth))
        switch Result(catching: { () throws(JSONError) in try parser.parse(bytes) }) {
        case .success(let value): return value
        case .failure: return nil  // The YAML reader's complaint is the one to report.
        }
    }
}
