// SPDX-License-Identifier: Apache-2.0

/// The first message of a TLS 1.2 client or an older one, byte by byte (RFC 5246 §7.4.1.2).
struct ClientHello {
    /// `[3, 3]` for TLS 1.2, `[3, 2]` for 1.1.
    var version: [UInt8] = [3, 3]
    /// The names for ALPN; empty leaves it out.
    var protocols: [String] = []

    /// The message in a record.
    var bytes: [UInt8] {
        let random = (0..<32).map { UInt8($0) }
        // ECDHE with AES-GCM and with CBC, so that an old version does not fail for the lack of a cipher.
        let ciphers: [UInt8] = [0xC0, 0x2B, 0xC0, 0x2F, 0xC0, 0x09, 0xC0, 0x13]
        let body = version + random + [0] + sized(ciphers) + [1, 0] + sized(extensions)
        let message: [UInt8] = [1, 0] + sized(body)
        return [22] + version + sized(message)
    }

    private var extensions: [UInt8] {
        let groups: [UInt8] = [0, 10] + sized(sized([0, 23, 0, 29]))
        let formats: [UInt8] = [0, 11] + sized([1, 0])
        let signatures: [UInt8] = [0, 13] + sized(sized([4, 3, 8, 4, 4, 1, 2, 3, 2, 1]))
        guard !protocols.isEmpty else { return groups + formats + signatures }
        let names = protocols.flatMap { [UInt8(clamping: $0.utf8.count)] + Array($0.utf8) }
        return groups + formats + signatures + [0, 16] + sized(sized(names))
    }

    /// `bytes` after their number in two bytes.
    private func sized(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
    }
}

/// The alerts that a server sends instead of a handshake (RFC 8446 §6).
enum Alert: UInt8 {
    case protocolVersion = 70
    case noApplicationProtocol = 120

    /// The fatal alert in a whole answer; nil if that is something else.
    init?(_ answer: [UInt8]?) {
        guard let answer, answer.count >= 7, answer[0] == 21, answer[5] == 2 else { return nil }
        self.init(rawValue: answer[6])
    }
}
