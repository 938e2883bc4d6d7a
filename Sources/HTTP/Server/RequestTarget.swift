// SPDX-License-Identifier: Apache-2.0

/// The path and query of a request line, decoded.
struct RequestTarget: Hashable {
    var path: String
    var query: [ServerRequest.QueryItem]

    /// 64: a probe names each check it excludes, and nobody has more than a few dozen.
    static let queryItemLimit = 64

    /// Reads `/path?name=value` or, as RFC 9112 §3.2.2 demands, `http://host/path`; nil if it is malformed.
    ///
    /// Malformed is: a space, a control character or `#`, a `%` without two hexadecimal digits, decoded
    /// text that is not UTF-8 or holds NUL, or more than `queryItemLimit` query items.
    init?(_ text: ArraySlice<UInt8>) {
        guard text.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") }),
            let origin = Self.originForm(text)
        else { return nil }
        let mark = origin.firstIndex(of: UInt8(ascii: "?"))
        guard let path = Self.decode(origin[..<(mark ?? origin.endIndex)], plusIsSpace: false) else {
            return nil
        }
        self.path = path
        query = []
        guard let mark else { return }
        let items = origin[origin.index(after: mark)...].split(separator: UInt8(ascii: "&"))
        guard items.count <= Self.queryItemLimit else { return nil }
        for item in items {
            let pair = item.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decode(pair[0], plusIsSpace: true),
                let value = pair.count > 1 ? Self.decode(pair[1], plusIsSpace: true) : ""
            else { return nil }
            query.append(ServerRequest.QueryItem(name: name, value: value))
        }
    }

    /// The part from the path on.
    private static func originForm(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        if text.first == UInt8(ascii: "/") { return text }
        let scheme = Array("http://".utf8)
        guard text.prefix(scheme.count).elementsEqual(scheme, by: { $0 | 0x20 == $1 | 0x20 }) else {
            return nil
        }
        let authority = text.dropFirst(scheme.count)
        guard let slash = authority.firstIndex(of: UInt8(ascii: "/")) else { return [UInt8(ascii: "/")] }
        return authority[slash...]
    }

    private static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexadecimal),
                    let low = rest.popFirst().flatMap(hexadecimal),
                    high | low != 0
                else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
