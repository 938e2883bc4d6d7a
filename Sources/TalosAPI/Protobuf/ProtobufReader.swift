// SPDX-License-Identifier: Apache-2.0

/// Why bytes are no message in protobuf's wire format; holds none of them.
enum ProtobufError: Error, Sendable, Hashable {
    /// The bytes end within a field.
    case truncated
    /// A number is longer than 64 bits.
    case oversizedVarint
    /// A field has the number 0 or one above 2^29 - 1.
    case invalidFieldNumber
    /// A field has a type that there is none of, or a group ends that has not begun.
    case invalidWireType
    /// Groups, which proto3 has not, nest deeper than 64 levels.
    case tooDeep
    /// The message has more than 100,000 fields.
    case tooManyFields
}

extension ProtobufError: CustomStringConvertible {
    var description: String {
        switch self {
        case .truncated: "it ends within a field"
        case .oversizedVarint: "a number is longer than 64 bits"
        case .invalidFieldNumber: "a field has an impossible number"
        case .invalidWireType: "a field has an impossible type"
        case .tooDeep: "groups nest too deep"
        case .tooManyFields: "it has too many fields"
        }
    }
}

/// A message in protobuf's wire format, taken apart by field.
///
/// What is asked for by number and type is there or has its default value; all else is passed over, fields of
/// an unexpected type too. Of a field that stands several times the last one counts, and embedded messages are
/// merged, as protobuf wants it.
struct ProtobufMessage {
    /// A field's value.
    private enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    /// More fields than the largest answer has in one message; each takes some memory.
    private static let fieldLimit = 100_000

    private var fields: [(number: Int, value: Value)] = []

    /// Reads all fields; embedded messages are read when they are asked for.
    init(_ bytes: some Sequence<UInt8>) throws(ProtobufError) {
        var scanner = ProtobufScanner(ArraySlice(bytes))
        while let (number, type) = try scanner.tag() {
            guard fields.count < Self.fieldLimit else { throw .tooManyFields }
            switch type {
            case .varint: fields.append((number, .number(try scanner.varint())))
            case .lengthDelimited: fields.append((number, .bytes(try scanner.delimited())))
            case .fixed32, .fixed64, .groupStart, .groupEnd: try scanner.skip(type)
            }
        }
    }
}

extension ProtobufMessage {
    /// An `uint64`.
    func unsigned(_ field: Int) -> UInt64 {
        number(field) ?? 0
    }

    /// An `int64`.
    func signed(_ field: Int) -> Int64 {
        Int64(bitPattern: unsigned(field))
    }

    /// An `int32` or enum: of a longer number the lowest 32 bits, as protobuf wants it.
    func int32(_ field: Int) -> Int32 {
        Int32(truncatingIfNeeded: unsigned(field))
    }

    /// An `int32` of a `oneof`, where zero and absence differ.
    func optionalInt32(_ field: Int) -> Int32? {
        number(field).map { Int32(truncatingIfNeeded: $0) }
    }

    func bool(_ field: Int) -> Bool {
        unsigned(field) != 0
    }

    func string(_ field: Int) -> String {
        optionalString(field) ?? ""
    }

    /// A string of a `oneof` or `optional`, where emptiness and absence differ.
    func optionalString(_ field: Int) -> String? {
        values(field).last.map { String(decoding: $0, as: UTF8.self) }
    }

    func bytes(_ field: Int) -> [UInt8] {
        values(field).last.map(Array.init) ?? []
    }

    func strings(_ field: Int) -> [String] {
        values(field).map { String(decoding: $0, as: UTF8.self) }
    }

    /// An embedded message; nil if there is none.
    func message(_ field: Int) throws(ProtobufError) -> ProtobufMessage? {
        let parts = values(field)
        guard let first = parts.first else { return nil }
        // Messages one after the other are the message that both make when they are merged.
        return try ProtobufMessage(parts.count == 1 ? first : ArraySlice(parts.joined()))
    }

    /// A repeated embedded message.
    func messages(_ field: Int) throws(ProtobufError) -> [ProtobufMessage] {
        var messages: [ProtobufMessage] = []
        for value in values(field) { messages.append(try ProtobufMessage(value)) }
        return messages
    }

    /// A map of strings.
    func stringMap(_ field: Int) throws(ProtobufError) -> [String: String] {
        var map: [String: String] = [:]
        for entry in try messages(field) { map[entry.string(1)] = entry.string(2) }
        return map
    }

    private func number(_ field: Int) -> UInt64? {
        for case (field, .number(let number)) in fields.reversed() { return number }
        return nil
    }

    private func values(_ field: Int) -> [ArraySlice<UInt8>] {
        fields.compactMap {
            if $0.number == field, case .bytes(let bytes) = $0.value { bytes } else { nil }
        }
    }
}

/// Goes through bytes, field by field.
private struct ProtobufScanner {
    private static let depthLimit = 64
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    /// A field's number and type; nil at the end.
    mutating func tag() throws(ProtobufError) -> (Int, ProtobufWireType)? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        guard (1..<1 << 29).contains(tag >> 3) else { throw .invalidFieldNumber }
        guard let type = ProtobufWireType(rawValue: UInt8(tag & 7)) else { throw .invalidWireType }
        return (Int(tag >> 3), type)
    }

    mutating func varint() throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 70, by: 7) {
            guard let byte = rest.popFirst() else { throw .truncated }
            // Of the tenth byte one bit is left.
            guard shift < 63 || byte <= 1 else { throw .oversizedVarint }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return value }
        }
        throw .oversizedVarint
    }

    mutating func delimited() throws(ProtobufError) -> ArraySlice<UInt8> {
        try take(try varint())
    }

    /// Passes over a value of a type that no message here has; groups with all that is in them.
    mutating func skip(_ type: ProtobufWireType) throws(ProtobufError) {
        var open = 0
        var type = type
        while true {
            switch type {
            case .varint: _ = try varint()
            case .fixed64: _ = try take(8)
            case .lengthDelimited: _ = try delimited()
            case .fixed32: _ = try take(4)
            case .groupStart: open += 1
            case .groupEnd: open -= 1
            }
            guard open >= 0 else { throw .invalidWireType }
            guard open <= Self.depthLimit else { throw .tooDeep }
            if open == 0 { return }
            guard let (_, next) = try tag() else { throw .truncated }
            type = next
        }
    }

    private mutating func take(_ count: UInt64) throws(ProtobufError) -> ArraySlice<UInt8> {
        guard count <= UInt64(rest.count) else { throw .truncated }
        defer { rest = rest.dropFirst(Int(count)) }
        return rest.prefix(Int(count))
    }
}
