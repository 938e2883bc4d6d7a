// SPDX-License-Identifier: Apache-2.0

/// Why a text is not a JSON document, and where.
package struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong; quotes at most one character of the text, so no secret ends up in a message.
    package enum Problem: Sendable, Hashable {
        case unexpectedEnd(expected: String)
        case unexpected(byte: UInt8, expected: String)
        case trailingBytes
        case tooDeep(limit: Int)
        case controlCharacter(UInt8)
        case invalidUTF8
        case invalidEscape
        case invalidNumber
        case numberOutOfRange
    }

    package var problem: Problem
    /// Bytes before the fault.
    package var offset: Int
    /// The line of the fault, from 1.
    package var line: Int
    /// The byte of the line at which the fault is, from 1.
    package var column: Int

    package var description: String {
        "line \(line), column \(column): \(problem)"
    }

    init(_ fault: JSONFault, in bytes: UnsafeBufferPointer<UInt8>) {
        problem = fault.problem
        offset = fault.offset
        let before = bytes.prefix(fault.offset)
        line = 1 + before.count { $0 == UInt8(ascii: "\n") }
        column = fault.offset - (before.lastIndex(of: UInt8(ascii: "\n")) ?? -1)
    }
}

extension JSONError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unexpectedEnd(let expected): "the text ends where \(expected) is expected"
        case .unexpected(let byte, let expected):
            "\(Self.name(of: byte)) stands where \(expected) is expected"
        case .trailingBytes: "more text follows the document"
        case .tooDeep(let limit): "nested more than \(limit) levels deep"
        case .controlCharacter(let byte): "\(Self.name(of: byte)) must be escaped within a string"
        case .invalidUTF8: "the string is not valid UTF-8"
        case .invalidEscape: "no such escape sequence"
        case .invalidNumber: "malformed number"
        case .numberOutOfRange: "the number is too large"
        }
    }

    private static func name(of byte: UInt8) -> String {
        (0x21...0x7E).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x" + String(byte, radix: 16, uppercase: true)
    }
}

/// A fault as the scanner meets it; line and column are counted only when it becomes a `JSONError`.
struct JSONFault: Error {
    var problem: JSONError.Problem
    var offset: Int
}
