// SPDX-License-Identifier: Apache-2.0

/// Cuts a gRPC body, which arrives split anywhere, into messages: each has a flag byte and a length before it.
struct GRPCFrames {
    /// The longest message that Talos sends or takes: 32 MiB.
    static let messageLimit = 32 << 20

    private static let prefixLength = 5

    private var bytes: [UInt8] = []
    /// Where the next message begins; what is before it has been taken.
    private var start = 0

    /// Whether nothing of a message is left over.
    var isEmpty: Bool { start == bytes.count }

    /// Adds what has arrived.
    mutating func add(_ chunk: [UInt8]) {
        if isEmpty {
            bytes = chunk
        } else {
            // What was taken goes at once, so that no more is kept than a message and a chunk.
            if start > 0 { bytes.removeFirst(start) }
            bytes += chunk
        }
        start = 0
    }

    /// The next message; nil if it is not there in full yet.
    ///
    /// - Throws: for a compressed message, which nobody asked for, and one over the limit.
    mutating func next() throws(TalosError) -> ArraySlice<UInt8>? {
        guard bytes.count - start >= Self.prefixLength else { return nil }
        guard bytes[start] == 0 else {
            throw .decoding(
                bytes[start] == 1
                    ? "the message is compressed, which was not asked for" : "the message has an unknown flag"
            )
        }
        let length = bytes[(start + 1)..<(start + Self.prefixLength)].reduce(0) { $0 << 8 | Int($1) }
        guard length <= Self.messageLimit else {
            throw .decoding("the message has \(length) bytes, allowed are \(Self.messageLimit)")
        }
        let begin = start + Self.prefixLength
        guard bytes.count - begin >= length else { return nil }
        start = begin + length
        return bytes[begin..<start]
    }

    /// A message with what goes before it.
    static func frame(_ message: [UInt8]) -> [UInt8] {
        let length = UInt32(truncatingIfNeeded: message.count)
        return [
            0, UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255),
        ]
            + message
    }
}
