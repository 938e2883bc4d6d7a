// SPDX-License-Identifier: Apache-2.0

/// One pass over the bytes of one document.
struct JSONScanner: ~Copyable {
    let bytes: UnsafeBufferPointer<UInt8>
    let limits: JSONLimits
    let dropped: [JSONDroppedMember]
    var strings: JSONStringTable
    var position = 0
    private var depth = 0
    private var elements = ScratchStack<JSONValue>(capacity: 32)
    private var members = ScratchStack<JSONObject.Member>(capacity: 32)

    init(
        _ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits, dropped: [JSONDroppedMember],
        strings: JSONStringTable
    ) {
        self.bytes = bytes
        self.limits = limits
        self.dropped = dropped
        self.strings = strings
    }

    /// Reads the one value that takes all of the text.
    mutating func document() throws(JSONFault) -> JSONValue {
        skipWhitespace()
        let value = try value(of: "")
        skipWhitespace()
        guard position == bytes.count else { throw fault(.trailingBytes) }
        return value
    }

    /// Reads the value that begins here and belongs to `key`.
    private mutating func value(of key: String) throws(JSONFault) -> JSONValue {
        guard position < bytes.count else { throw fault(.unexpectedEnd(expected: "a value")) }
        switch bytes[position] {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(of: key))
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case let byte: throw fault(.unexpected(byte: byte, expected: "a value"))
        }
    }

    private mutating func array() throws(JSONFault) -> [JSONValue] {
        try descend()
        let start = elements.count
        skipWhitespace()
        if !skip("]") {
            repeat {
                skipWhitespace()
                elements.push(try value(of: ""))
                skipWhitespace()
            } while skip(",")
            try expect("]", orComma: "',' or ']'")
        }
        depth -= 1
        return elements.pop(from: start)
    }

    private mutating func object(of name: String) throws(JSONFault) -> JSONObject {
        try descend()
        let start = members.count
        let drops = dropped.contains { $0.parent == name }
        var filter = KeyFilter()
        skipWhitespace()
        if !skip("}") {
            repeat {
                skipWhitespace()
                let key = try key(&filter)
                if drops, dropped.contains(where: { $0.key == key && $0.parent == name }) {
                    try dropValue()
                } else {
                    let value = try value(of: key)
                    members.push(JSONObject.Member(key: key, value: value))
                }
                skipWhitespace()
            } while skip(",")
            try expect("}", orComma: "',' or '}'")
        }
        depth -= 1
        let found = members.pop(from: start)
        return filter.mayHaveDuplicates ? JSONObject(found) : JSONObject(uniqueMembers: found)
    }

    private mutating func dropValue() throws(JSONFault) {
        guard position < bytes.count,
            bytes[position] == UInt8(ascii: "{") || bytes[position] == UInt8(ascii: "[")
        else {
            _ = try value(of: "")
            return
        }
        try skipContainer()
    }

    /// Reads a key and its colon, up to the value.
    private mutating func key(_ filter: inout KeyFilter) throws(JSONFault) -> String {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
            throw unexpected("a key in quotes")
        }
        let key = try string()
        filter.insert(key)
        skipWhitespace()
        guard skip(":") else { throw unexpected("':'") }
        skipWhitespace()
        return key
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONFault) -> JSONValue {
        for index in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == word.utf8Start[index] else {
                throw unexpected("'\(word)'")
            }
            position += 1
        }
        return value
    }

    private mutating func descend() throws(JSONFault) {
        guard depth < limits.depth else { throw fault(.tooDeep(limit: limits.depth)) }
        depth += 1
        position += 1
    }

    private mutating func expect(_ byte: Unicode.Scalar, orComma expected: String) throws(JSONFault) {
        guard skip(byte) else { throw unexpected(expected) }
    }
}

extension JSONScanner {
    mutating func skipWhitespace() {
        while position < bytes.count, Self.isWhitespace(bytes[position]) { position += 1 }
    }

    /// Passes over `byte` if it comes next.
    mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: byte) else { return false }
        position += 1
        return true
    }

    func fault(_ problem: JSONError.Problem) -> JSONFault {
        JSONFault(problem: problem, offset: position)
    }

    func unexpected(_ expected: String) -> JSONFault {
        guard position < bytes.count else { return fault(.unexpectedEnd(expected: expected)) }
        return fault(.unexpected(byte: bytes[position], expected: expected))
    }

    static func isWhitespace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }
}

/// Tells quickly that the keys of one object all differ: a set of 64 bits that errs only to the safe side.
private struct KeyFilter {
    private var seen: UInt64 = 0
    private(set) var mayHaveDuplicates = false

    mutating func insert(_ key: String) {
        let utf8 = key.utf8
        let mixed = (utf8.first ?? 0) &* 31 &+ (utf8.last ?? 0) &* 7 &+ UInt8(truncatingIfNeeded: utf8.count)
        let bit: UInt64 = 1 << UInt64(mixed & 63)
        if seen & bit != 0 { mayHaveDuplicates = true }
        seen |= bit
    }
}
