// SPDX-License-Identifier: Apache-2.0

extension JSONScanner {
    /// Reads the number that begins here: exact if it is whole and fits `Int64`, else the nearest `Double`.
    mutating func number() throws(JSONFault) -> JSONValue {
        let start = position
        let isNegative = skip("-")
        let whole = try wholePart(isNegative: isNegative)
        var isWhole = true
        if skip(".") {
            isWhole = false
            try digits()
        }
        if skip("e") || skip("E") {
            isWhole = false
            if !skip("+") { _ = skip("-") }
            try digits()
        }
        if isWhole, let whole { return .integer(whole) }
        return .double(try double(from: start))
    }

    /// Reads `0` or digits that do not begin with one; nil if the value does not fit.
    private mutating func wholePart(isNegative: Bool) throws(JSONFault) -> Int64? {
        guard !skip("0") else {
            if position < bytes.count, Self.isDigit(bytes[position]) { throw fault(.invalidNumber) }
            return 0
        }
        let start = position
        var value: Int64 = 0
        var fits = true
        while position < bytes.count, Self.isDigit(bytes[position]) {
            let digit = Int64(bytes[position] - UInt8(ascii: "0"))
            let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) =
                isNegative
                ? scaled.subtractingReportingOverflow(digit) : scaled.addingReportingOverflow(digit)
            if tooLarge || overflow { fits = false }
            value = sum
            position += 1
        }
        guard position > start else { throw unexpected("a digit") }
        return fits ? value : nil
    }

    private mutating func digits() throws(JSONFault) {
        let start = position
        while position < bytes.count, Self.isDigit(bytes[position]) { position += 1 }
        guard position > start else { throw unexpected("a digit") }
    }

    private func double(from start: Int) throws(JSONFault) -> Double {
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let number = Double(text), number.isFinite else {
            throw JSONFault(problem: .numberOutOfRange, offset: start)
        }
        return number
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
