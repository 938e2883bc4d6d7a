// SPDX-License-Identifier: Apache-2.0
import Platform

/// A block of PEM text (RFC 7468), with whatever label: OpenSSL itself knows none of Talos' own.
package struct PEMBlock: Sendable, Hashable {
    /// What stands after `BEGIN`, such as `CERTIFICATE`.
    package var label: String
    /// What the block holds, in DER.
    package var bytes: [UInt8]

    package init(label: String, bytes: [UInt8]) {
        self.label = label
        self.bytes = bytes
    }

    /// The block as Go writes it: 64 characters a line, with a line break at its end.
    package var text: [UInt8] {
        let digits = Array(Base64.encode(bytes).utf8)
        var text = Array("-----BEGIN \(label)-----\n".utf8)
        for start in stride(from: 0, to: digits.count, by: 64) {
            text += digits[start..<min(start + 64, digits.count)]
            text.append(0x0A)
        }
        return text + Array("-----END \(label)-----\n".utf8)
    }

    /// The blocks of a text; what stands between them is for people and passed over.
    ///
    /// - Throws: a block that is encrypted, does not end, or is no Base64; `what` is what the error calls the text.
    package static func blocks(in text: [UInt8], what: String) throws(PKIError) -> [PEMBlock] {
        var blocks: [PEMBlock] = []
        var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)[...]
        while let line = lines.popFirst() {
            guard let label = label(of: line, "BEGIN") else { continue }
            blocks.append(try body(of: label, &lines, what))
        }
        return blocks
    }

    /// The first block of a text, which must have one of `labels`: Talos does not look at the others.
    static func first(
        in text: [UInt8], labels: [String], what: String
    ) throws(PKIError) -> PEMBlock {
        let first = try blocks(in: text, what: what).first
        if let first, labels.contains(first.label) { return first }
        let wanted = labels.map { "\"\($0)\"" }.joined(separator: " or ")
        // Labels are for people and short, but what was written is not ours to repeat.
        let reason = first == nil ? "it has no PEM block" : "its first PEM block is no"
        throw .unreadable(what: what, reason: "\(reason) \(wanted)")
    }

    private static func body(
        of label: String, _ lines: inout ArraySlice<ArraySlice<UInt8>>, _ what: String
    ) throws(PKIError) -> PEMBlock {
        var digits: [UInt8] = []
        while let line = lines.popFirst() {
            if Self.label(of: line, "END") == label {
                guard let bytes = Base64.decode(String(decoding: digits, as: UTF8.self)) else {
                    throw .unreadable(what: what, reason: "its PEM block is not Base64")
                }
                return PEMBlock(label: label, bytes: bytes)
            }
            // A header: nothing but encryption ever has one.
            guard !line.contains(UInt8(ascii: ":")) else {
                throw .unreadable(
                    what: what, reason: "it is encrypted or has headers, which Talos does not read")
            }
            digits += line.filter { !isBlank($0) }
        }
        throw .unreadable(what: what, reason: "its PEM block has no END line")
    }

    private static func label(of line: ArraySlice<UInt8>, _ word: String) -> String? {
        var line = line
        while let last = line.last, isBlank(last) { line.removeLast() }
        let start = Array("-----\(word) ".utf8)
        guard line.starts(with: start), line.count > start.count + 5,
            line.suffix(5) == Array("-----".utf8)[...]
        else { return nil }
        return String(decoding: line.dropFirst(start.count).dropLast(5), as: UTF8.self)
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0D
    }
}

// What a block holds may be a key.
extension PEMBlock: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "PEMBlock(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
