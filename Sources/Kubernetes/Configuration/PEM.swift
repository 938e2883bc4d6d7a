// SPDX-License-Identifier: Apache-2.0
import Platform

/// PEM text (RFC 7468), looked at just closely enough to tell it from garbage.
package enum PEM {
    /// Whether there is at least one certificate, and nothing that pretends to be one.
    package static func holdsCertificates(_ bytes: [UInt8]) -> Bool {
        let blocks = blocks(of: "CERTIFICATE", in: String(decoding: bytes, as: UTF8.self))
        // Every certificate is an ASN.1 sequence.
        return !blocks.isEmpty && blocks.allSatisfy { Base64.decode($0)?.first == 0x30 }
    }

    /// The text between `BEGIN` and `END` of each block; one without an end counts as empty.
    private static func blocks(of label: String, in text: String) -> [String] {
        var blocks: [String] = []
        var open: String?
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("-----BEGIN \(label)-----") {
                if open != nil { blocks.append("") }
                open = ""
            } else if line.hasPrefix("-----END \(label)-----") {
                if let block = open { blocks.append(block) }
                open = nil
            } else if let block = open {
                open = block + line.filter { !$0.isWhitespace }
            }
        }
        return open == nil ? blocks : blocks + [""]
    }
}
