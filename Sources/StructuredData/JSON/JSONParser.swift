// SPDX-License-Identifier: Apache-2.0

/// How much a document may ask of the reader.
package struct JSONLimits: Sendable, Hashable {
    /// How deep arrays and objects may nest; each level takes some stack.
    package var depth: Int

    package init(depth: Int) {
        self.depth = depth
    }

    /// 256 levels: ten times what any API object uses, and safe on a 512 KiB stack.
    package static let `default` = JSONLimits(depth: 256)
}

/// A member that is passed over wherever it stands in an object of the given name.
package struct JSONDroppedMember: Sendable, Hashable {
    /// The key whose value is the object that holds the member.
    package var parent: String
    package var key: String

    package init(parent: String, key: String) {
        self.parent = parent
        self.key = key
    }

    /// `metadata.managedFields`: often half of an API object, and nothing a controller reads.
    package static let managedFields = JSONDroppedMember(parent: "metadata", key: "managedFields")
}

/// Reads JSON text (RFC 8259) into values.
///
/// It is strict where the RFC is: no comments, no trailing commas, valid UTF-8, one document. Where the RFC
/// leaves a choice it does what Kubernetes does: of equal keys the last counts, whole numbers beyond `Int64`
/// become the nearest `Double`, and half of a surrogate pair becomes U+FFFD instead of failing the document.
///
/// A parser remembers strings from one document to the next, so that the label keys, API versions and so on
/// of all objects of one stream share their storage. One owner uses it; a copy has a memory of its own.
package struct JSONParser: Sendable {
    private let limits: JSONLimits
    private let dropped: [JSONDroppedMember]
    private var strings = JSONStringTable()

    /// A parser that never makes values of `dropped` members; these need only have matching quotes and brackets.
    package init(limits: JSONLimits = .default, dropping dropped: [JSONDroppedMember] = []) {
        self.limits = limits
        self.dropped = dropped
    }

    /// Reads one document that takes all of `bytes`; nothing of the buffer is kept.
    package mutating func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> JSONValue {
        var table = JSONStringTable.empty
        swap(&table, &strings)
        var scanner = JSONScanner(bytes, limits: limits, dropped: dropped, strings: table)
        table = .empty
        defer { strings = scanner.strings }
        do throws(JSONFault) {
            return try scanner.document()
        } catch {
            throw JSONError(error, in: bytes)
        }
    }

    /// Reads one document that takes all of `bytes`.
    package mutating func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        let result = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(JSONError) in try parse(buffer) }
        }
        return try result.get()
    }
}

extension JSONValue {
    /// Reads one document that takes all of `bytes`; see `JSONParser` for the rules.
    package init(json bytes: [UInt8], limits: JSONLimits = .default) throws(JSONError) {
        var parser = JSONParser(limits: limits)
        self = try parser.parse(bytes)
    }
}
