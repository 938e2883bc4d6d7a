// SPDX-License-Identifier: Apache-2.0

/// Cuts the body of a watch into its JSON values.
///
/// Pieces of the body may be split anywhere, even within a character or an escape. It cuts by brackets and
/// strings, not by lines: servers write one event to a line, but only the values themselves are certain.
/// Each byte is looked at once, however many pieces an event comes in. What is left when the body ends is the
/// beginning of an event that never came whole; whoever resumes gets it again.
package struct WatchFramer: Sendable {
    /// Why a body cannot be cut any further; the stream is of no more use.
    package enum Failure: Error, Sendable, Hashable {
        /// One value is larger than allowed.
        case tooLarge(limit: Int)
        /// Something other than an object stands where one must begin.
        case notAnObject(UInt8)
    }

    /// 32 MiB: objects end at 3 MiB, and escapes make them six times as large at most.
    package static let defaultLimit = 32 << 20

    private let limit: Int
    private var buffer: [UInt8] = []
    /// Where the next value begins, or the blank before it.
    private var start = 0
    private var scanner = BoundaryScanner()

    package init(limit: Int = WatchFramer.defaultLimit) {
        self.limit = limit
    }

    /// How many bytes of an unfinished value are held.
    package var pendingByteCount: Int { buffer.count - start }

    /// Takes the next piece of the body; call when `next` has returned nil.
    package mutating func append(_ piece: [UInt8]) {
        if start == buffer.count {
            buffer = piece
        } else if start > 0 {
            // A fresh buffer, so that one giant event does not hold its memory for the life of the watch.
            buffer = Array(buffer[start...]) + piece
        } else {
            buffer += piece
        }
        scanner.position -= start
        start = 0
    }

    /// Passes the bytes of the next whole value to `read` and returns what it makes of them; nil if more is needed.
    package mutating func next<Value>(
        _ read: (UnsafeBufferPointer<UInt8>) -> Value
    ) throws(Failure) -> Value? {
        guard let range = try nextRange() else {
            guard pendingByteCount <= limit else { throw .tooLarge(limit: limit) }
            return nil
        }
        guard range.count <= limit else { throw .tooLarge(limit: limit) }
        let value = buffer.withUnsafeBufferPointer { read(UnsafeBufferPointer(rebasing: $0[range])) }
        start = range.upperBound
        if start == buffer.count {
            (buffer, start) = ([], 0)
            scanner.position = 0
        }
        return value
    }

    private mutating func nextRange() throws(Failure) -> Range<Int>? {
        var scanner = scanner
        defer { self.scanner = scanner }
        if scanner.isBetweenValues {
            scanner.position = buffer[scanner.position...].firstIndex { !Self.isBlank($0) } ?? buffer.count
            start = scanner.position
            guard start < buffer.count else { return nil }
            guard buffer[start] == UInt8(ascii: "{") else { throw .notAnObject(buffer[start]) }
        }
        return buffer.withUnsafeBufferPointer { scanner.end(in: $0) }.map { start..<$0 }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }
}

/// Finds where a JSON value ends, and can go on where its input ended.
private struct BoundaryScanner: Sendable {
    /// The first byte not yet looked at.
    var position = 0
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    var isBetweenValues: Bool { depth == 0 }

    /// The index after the value's last byte; nil if it ends beyond `bytes`.
    mutating func end(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        while position < bytes.count {
            if isInString {
                passString(in: bytes)
                continue
            }
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return position }
            default: break
            }
        }
        return nil
    }

    private mutating func passString(in bytes: UnsafeBufferPointer<UInt8>) {
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
                return
            }
        }
    }
}
