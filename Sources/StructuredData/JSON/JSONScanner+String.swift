// SPDX-License-Identifier: Apache-2.0

extension JSONScanner {
    /// Reads the string whose opening quote is here.
    mutating func string() throws(JSONFault) -> String {
        position += 1
        let start = position
        let isASCII = try skipPlain()
        guard bytes[position] == UInt8(ascii: "\"") else { return try escapedString(from: start) }
        let content = UnsafeBufferPointer(rebasing: bytes[start..<position])
        position += 1
        guard let text = strings.string(content, isASCII: isASCII) else { throw invalidUTF8(from: start) }
        return text
    }

    /// Stops at the next quote or backslash and tells whether all before it is ASCII; takes eight bytes at a
    /// time as long as there are eight.
    @discardableResult
    private mutating func skipPlain() throws(JSONFault) -> Bool {
        let raw = UnsafeRawBufferPointer(bytes)
        var seen: UInt64 = 0
        while position + 8 <= bytes.count {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let stops = Self.stops(in: word)
            let plain = stops.trailingZeroBitCount / 8
            guard plain < 8 else {
                seen |= word
                position += 8
                continue
            }
            seen |= word & ((1 << UInt64(plain * 8)) - 1)
            position += plain
            break
        }
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): return seen & Self.topBits == 0
            case let byte where byte < 0x20: throw fault(.controlCharacter(byte))
            case let byte:
                seen |= UInt64(byte)
                position += 1
            }
        }
        throw fault(.unexpectedEnd(expected: "the closing quote"))
    }

    private static var topBits: UInt64 { 0x8080_8080_8080_8080 }

    /// The top bit of each byte of `word` that is a quote, a backslash or a control character; of these only
    /// the lowest is certain, since a borrow may mark bytes above it.
    private static func stops(in word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let below = (word &- (ones &* 0x20)) & ~word
        return (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | below) & topBits
    }

    /// Reads on from the first backslash of a string that began at `start`.
    private mutating func escapedString(from start: Int) throws(JSONFault) -> String {
        var content = [UInt8](bytes[start..<position])
        while bytes[position] != UInt8(ascii: "\"") {
            try escape(into: &content)
            let plain = position
            try skipPlain()
            content.append(contentsOf: bytes[plain..<position])
        }
        position += 1
        guard let text = String(validating: content, as: UTF8.self) else { throw invalidUTF8(from: start) }
        return text
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONFault) {
        guard position + 1 < bytes.count else {
            position = bytes.count
            throw fault(.unexpectedEnd(expected: "an escape sequence"))
        }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(bytes[position + 1])
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): return try unicodeEscape(into: &content)
        default: throw fault(.invalidEscape)
        }
        position += 2
    }

    /// Reads `\uXXXX`, with the second half of a surrogate pair if it follows.
    private mutating func unicodeEscape(into content: inout [UInt8]) throws(JSONFault) {
        guard let unit = codeUnit(at: position) else { throw fault(.invalidEscape) }
        position += 6
        var code = UInt32(unit)
        if (0xD800..<0xDC00).contains(unit), let low = codeUnit(at: position), (0xDC00..<0xE000).contains(low)
        {
            position += 6
            code = 0x10000 + (UInt32(unit - 0xD800) << 10) + UInt32(low - 0xDC00)
        }
        let scalar = Unicode.Scalar(code) ?? "\u{FFFD}"
        content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    /// The UTF-16 code unit of a complete `\uXXXX` at `start`.
    private func codeUnit(at start: Int) -> UInt16? {
        guard start + 6 <= bytes.count, bytes[start] == UInt8(ascii: "\\"),
            bytes[start + 1] == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt16 = 0
        for byte in bytes[(start + 2)..<(start + 6)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    /// The fault at the first byte after `start` that no valid sequence has.
    private func invalidUTF8(from start: Int) -> JSONFault {
        var offset = start
        var decoder = UTF8()
        var rest = bytes[start...].makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&rest) { offset += UTF8.width(scalar) }
        return JSONFault(problem: .invalidUTF8, offset: min(offset, bytes.count))
    }
}

extension String {
    /// The string of `bytes`; nil if they are not valid UTF-8.
    ///
    /// The standard library's validating initializer takes a third of the parser's time, so plain ASCII, which
    /// nearly all strings are, goes without it.
    init?(_ bytes: UnsafeBufferPointer<UInt8>, isASCII: Bool) {
        if isASCII {
            self.init(decoding: bytes, as: UTF8.self)
        } else {
            self.init(validating: bytes, as: UTF8.self)
        }
    }
}
