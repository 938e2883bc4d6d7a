// SPDX-License-Identifier: Apache-2.0
package import Platform

/// How log lines look.
package enum LogFormat: String, Sendable, CaseIterable {
    /// One JSON object a line, for machines.
    case json
    /// `12:00:00.123 INFO  message key=value`, for a person at a terminal.
    case text
}

/// One event to log.
package struct LogRecord: Sendable, Hashable {
    package var level: LogLevel
    package var timestamp: Timestamp
    package var message: String
    package var fields: LogFields

    package init(level: LogLevel, timestamp: Timestamp, message: String, fields: LogFields = [:]) {
        self.level = level
        self.timestamp = timestamp
        self.message = message
        self.fields = fields
    }

    /// The record as exactly one line, line feed included, whatever the texts hold.
    package func line(_ format: LogFormat) -> [UInt8] {
        var line = LogLine()
        switch format {
        case .json: writeJSON(to: &line)
        case .text: writeText(to: &line)
        }
        return line.bytes + [UInt8(ascii: "\n")]
    }

    /// The fields that stand before the message, in this order, so that lines read alike.
    private static let leadingKeys = ["controller", "cluster", "namespace"]
    private static let reservedKeys = ["level", "timestamp", "message"]

    private func writeJSON(to line: inout LogLine) {
        line.append("{")
        line.appendMember("level", .string(level.name), isFirst: true)
        line.appendMember("timestamp", .string(timestamp.rfc3339(.milliseconds)))
        for key in Self.leadingKeys {
            if let field = fields.fields.first(where: { $0.key == key }) {
                line.appendMember(key, field.value)
            }
        }
        line.appendMember("message", .string(message))
        for field in fields.fields where !Self.leadingKeys.contains(field.key) {
            // A field must not become a second `message`: readers differ in which of two they take.
            let isReserved = Self.reservedKeys.contains(field.key)
            line.appendMember(isReserved ? field.key + "_" : field.key, field.value)
        }
        line.append("}")
    }

    private func writeText(to line: inout LogLine) {
        let timeOfDay = timestamp.rfc3339(.milliseconds).utf8.dropFirst(11).dropLast()
        line.bytes.append(contentsOf: timeOfDay)
        line.append(" \(level.paddedName) ")
        line.appendEscaped(message)
        for field in fields.fields {
            line.append(" ")
            line.appendWord(field.key)
            line.append("=")
            line.appendWord(field.value.text)
        }
    }
}

extension LogLevel {
    fileprivate var paddedName: String {
        switch self {
        case .debug: "DEBUG"
        case .info: "INFO "
        case .warn: "WARN "
        case .error: "ERROR"
        }
    }
}

extension LogValue {
    fileprivate var text: String {
        switch self {
        case .string(let text): text
        case .integer(let number): String(number)
        case .double(let number): String(number)
        case .bool(let value): String(value)
        case .list(let elements): elements.joined(separator: ",")
        }
    }
}

/// The bytes of a line in the making.
private struct LogLine {
    var bytes: [UInt8] = []

    init() {
        bytes.reserveCapacity(256)
    }

    mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    mutating func appendMember(_ key: String, _ value: LogValue, isFirst: Bool = false) {
        if !isFirst { append(",") }
        appendQuoted(key)
        append(":")
        switch value {
        case .string(let text): appendQuoted(text)
        case .integer(let number): append(String(number))
        // JSON has no word for infinity and NaN.
        case .double(let number): number.isFinite ? append(String(number)) : appendQuoted(String(number))
        case .bool(let value): append(String(value))
        case .list(let elements): appendList(elements)
        }
    }

    mutating func appendList(_ elements: [String]) {
        append("[")
        for (index, element) in elements.enumerated() {
            if index > 0 { append(",") }
            appendQuoted(element)
        }
        append("]")
    }

    mutating func appendQuoted(_ text: String) {
        append("\"")
        appendEscaped(text)
        append("\"")
    }

    /// Quotes only what would not read as one word.
    mutating func appendWord(_ text: String) {
        let needsQuotes = text.unicodeScalars.contains {
            $0 == " " || $0 == "\"" || $0 == "=" || $0 == "\\" || $0.properties.generalCategory == .control
        }
        if text.isEmpty || needsQuotes { appendQuoted(text) } else { append(text) }
    }

    /// Escapes as JSON does, and control characters above ASCII too: a terminal obeys those.
    ///
    /// What stands between two of them is copied whole.
    mutating func appendEscaped(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            var start = 0
            for index in utf8.indices {
                let next = index + 1 < utf8.count ? utf8[index + 1] : 0
                guard let (scalar, length) = Self.scalarToEscape(utf8[index], next) else { continue }
                bytes.append(contentsOf: utf8[start..<index])
                appendEscape(of: scalar)
                start = index + length
            }
            bytes.append(contentsOf: utf8[start...])
        }
    }

    /// The character that begins with `byte`, and how many bytes it has, if it must not stand as it is.
    private static func scalarToEscape(_ byte: UInt8, _ next: UInt8) -> (scalar: UInt8, length: Int)? {
        switch byte {
        case 0..<0x20, 0x22, 0x5c, 0x7f: (byte, 1)
        // U+0080 to U+009F.
        case 0xc2 where next < 0xa0: (next, 2)
        default: nil
        }
    }

    private mutating func appendEscape(of scalar: UInt8) {
        switch scalar {
        case 0x22: append("\\\"")
        case 0x5c: append("\\\\")
        case 0x0a: append("\\n")
        case 0x0d: append("\\r")
        case 0x09: append("\\t")
        default: appendUnicodeEscape(UInt32(scalar))
        }
    }

    mutating func appendUnicodeEscape(_ value: UInt32) {
        let digits = String(value, radix: 16)
        append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
    }
}
