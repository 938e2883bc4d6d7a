// SPDX-License-Identifier: Apache-2.0

extension HTTPRequest {
    /// Refuses what would say something else on the wire than it says here.
    ///
    /// - Throws: `TransportError.invalidConfiguration`, which names the field but never a header's value.
    func checkIsSendable() throws(TransportError) {
        guard target.utf8.first == UInt8(ascii: "/"), target.utf8.allSatisfy(Self.isTargetByte) else {
            throw .invalidConfiguration(
                "request target: allowed is a path, from '/' on, with an optional query, percent-encoded")
        }
        for field in headers.fields {
            guard !field.name.isEmpty, field.name.utf8.allSatisfy(Self.isTokenByte) else {
                throw .invalidConfiguration(
                    "request header name: allowed are letters, digits and !#$%&'*+-.^_`|~")
            }
            guard field.value.utf8.allSatisfy(Self.isValueByte) else {
                throw .invalidConfiguration(
                    "request header \(field.name): control characters are not allowed")
            }
            guard !Self.ownHeaders.contains(field.name.lowercased()) else {
                throw .invalidConfiguration("request header \(field.name): set by the transport alone")
            }
        }
    }

    /// Those that frame the message or name the server; a second one could contradict the first.
    private static let ownHeaders: Set<String> = [
        "connection", "content-length", "expect", "host", "transfer-encoding", "user-agent",
    ]

    /// Visible ASCII but `#`, which would begin a fragment that never leaves the client.
    private static func isTargetByte(_ byte: UInt8) -> Bool {
        (33...126).contains(byte) && byte != UInt8(ascii: "#")
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func isValueByte(_ byte: UInt8) -> Bool {
        byte == 9 || (byte >= 32 && byte != 127)
    }
}
