// SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    /// The value as compact JSON text, members in their order.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        encode(into: &bytes)
        return bytes
    }

    /// Appends the value to `bytes` as compact JSON text, members in their order.
    ///
    /// A double is written with as few digits as read back to it, a whole one without a fraction, as the API
    /// server does. JSON has no NaN and no infinity: these become `null`.
    package func encode(into bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(literal: "null")
        case .bool(let value): bytes.append(literal: value ? "true" : "false")
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .double(let number): Self.encode(number, into: &bytes)
        case .string(let text): Self.encode(text, into: &bytes)
        case .array(let elements): Self.encode(elements, into: &bytes)
        case .object(let object): Self.encode(object, into: &bytes)
        }
    }

    private static func encode(_ elements: [JSONValue], into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "["))
        var isFirst = true
        for element in elements {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            element.encode(into: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private static func encode(_ object: JSONObject, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in object.members {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            encode(member.key, into: &bytes)
            bytes.append(UInt8(ascii: ":"))
            member.value.encode(into: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static func encode(_ number: Double, into bytes: inout [UInt8]) {
        if let whole = Int64(exactly: number) {
            bytes.append(contentsOf: String(whole).utf8)
        } else if number.isFinite {
            bytes.append(contentsOf: number.description.utf8)
        } else {
            bytes.append(literal: "null")
        }
    }

    private static func encode(_ text: String, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        let done: Void? = text.utf8.withContiguousStorageIfAvailable { appendEscaped($0, to: &bytes) }
        if done == nil { Array(text.utf8).withUnsafeBufferPointer { appendEscaped($0, to: &bytes) } }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends runs of plain bytes whole and escapes what must be.
    private static func appendEscaped(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        var start = 0
        for index in text.indices where mayNeedEscape(text[index]) {
            if text[index] >= 0x7F {
                guard let (scalar, length) = scalarUnfitForYAML(in: text, at: index) else { continue }
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
                appendHexadecimal(scalar, to: &bytes)
                start = index + length
            } else {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
                appendEscape(of: text[index], to: &bytes)
                start = index + 1
            }
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
    }

    private static func mayNeedEscape(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x7F, 0xC2, 0xE2, 0xEF: true
        default: false
        }
    }

    /// The character at `index` and how many bytes it has, if readers of YAML do not take it as it is.
    ///
    /// JSON allows these, but the API server reads server-side apply as YAML: it refuses DEL, the controls from
    /// U+0080, U+FEFF, U+FFFE and U+FFFF, and makes a blank of U+0085, U+2028 and U+2029, which YAML 1.1 calls
    /// line breaks.
    private static func scalarUnfitForYAML(
        in text: UnsafeBufferPointer<UInt8>, at index: Int
    ) -> (scalar: UInt16, length: Int)? {
        func byte(_ offset: Int) -> UInt8 { index + offset < text.count ? text[index + offset] : 0 }
        switch (text[index], byte(1), byte(2)) {
        case (0x7F, _, _): return (0x7F, 1)
        case (0xC2, 0x80...0x9F, _): return (UInt16(byte(1)), 2)
        case (0xE2, 0x80, 0xA8...0xA9): return (0x2000 | UInt16(byte(2) & 0x3F), 3)
        case (0xEF, 0xBB, 0xBF): return (0xFEFF, 3)
        case (0xEF, 0xBF, 0xBE...0xBF): return (0xFFC0 | UInt16(byte(2) & 0x3F), 3)
        default: return nil
        }
    }

    private static func appendEscape(of byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): bytes.append(literal: "\\\"")
        case UInt8(ascii: "\\"): bytes.append(literal: "\\\\")
        case 0x08: bytes.append(literal: "\\b")
        case 0x09: bytes.append(literal: "\\t")
        case 0x0A: bytes.append(literal: "\\n")
        case 0x0C: bytes.append(literal: "\\f")
        case 0x0D: bytes.append(literal: "\\r")
        default: appendHexadecimal(UInt16(byte), to: &bytes)
        }
    }

    private static func appendHexadecimal(_ scalar: UInt16, to bytes: inout [UInt8]) {
        let digits = String(scalar, radix: 16)
        bytes.append(literal: "\\u")
        for _ in digits.utf8.count..<4 { bytes.append(UInt8(ascii: "0")) }
        bytes.append(contentsOf: digits.utf8)
    }
}

extension [UInt8] {
    fileprivate mutating func append(literal text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
