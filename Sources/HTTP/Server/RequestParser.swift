// SPDX-License-Identifier: Apache-2.0

/// Takes request heads out of a byte stream; pure, so that every split and every malice is a table row.
///
/// It is strict where leniency has let requests be smuggled: lines end in CR LF, field names touch their
/// colon, no folded lines, one Host. Requests have no body here, so the next head follows at once.
struct RequestParser {
    /// What the bytes so far amount to.
    enum Outcome: Hashable {
        /// The head is not complete.
        case needsMore
        case request(ServerRequest, Persistence)
        /// Answer with this status and close: where the next request begins is unknown.
        case refusal(status: Int)
    }

    /// The longest request head, line and fields together.
    static let headLimit = 8 << 10
    /// The longest path and query.
    static let targetLimit = 4 << 10
    /// The most header fields.
    static let fieldLimit = 100

    private var buffer: [UInt8] = []
    /// Where the search for the end of the head goes on.
    private var searched = 0

    /// Whether a request has begun to arrive.
    var hasInput: Bool { !buffer.isEmpty }

    /// Takes up what has arrived.
    mutating func append(_ bytes: some Collection<UInt8>) {
        buffer.append(contentsOf: bytes)
    }

    /// Takes the next request out of what has arrived.
    mutating func next() -> Outcome {
        dropEmptyLines()
        guard let end = endOfHead() else {
            if buffer.count > Self.headLimit { return .refusal(status: 431) }
            return Self.isHopeless(buffer) ? .refusal(status: 400) : .needsMore
        }
        guard end <= Self.headLimit else { return .refusal(status: 431) }
        let outcome = Self.parse(buffer[..<end])
        buffer.removeFirst(end)
        searched = 0
        return outcome
    }

    /// RFC 9112 §2.2: an empty line before a request is to be forgiven.
    private mutating func dropEmptyLines() {
        var end = 0
        while end + 1 < buffer.count, buffer[end] == 13, buffer[end + 1] == 10 { end += 2 }
        guard end > 0 else { return }
        buffer.removeFirst(end)
        searched = 0
    }

    /// The index after the empty line.
    private mutating func endOfHead() -> Int? {
        var index = max(searched, 3)
        while index < buffer.count {
            if buffer[index] == 10, buffer[index - 1] == 13, buffer[index - 2] == 10, buffer[index - 3] == 13
            {
                return index + 1
            }
            index += 1
        }
        searched = buffer.count
        return nil
    }

    /// A head that ends in bare line feeds would never end for us, and a TLS greeting is no head at all:
    /// better refused now than after the deadline.
    private static func isHopeless(_ buffer: [UInt8]) -> Bool {
        guard let first = buffer.first else { return false }
        if !isTokenByte(first) && !(first == 13 && buffer.count == 1) { return true }
        guard let feed = buffer.firstIndex(of: 10) else { return false }
        return feed == 0 || buffer[feed - 1] != 13
    }
}

// MARK: - One head

extension RequestParser {
    private struct Refusal: Error {
        var status: Int
    }

    private static func parse(_ head: ArraySlice<UInt8>) -> Outcome {
        do throws(Refusal) {
            var lines = try lines(of: head)
            let (method, target, version) = try requestLine(lines.removeFirst())
            let headers = try fields(lines)
            try checkFraming(headers)
            try checkHost(headers, version)
            // Only now, so that a bad request is called bad whatever its method.
            guard let method = HTTPMethod(rawValue: method), method == .get || method == .head else {
                throw Refusal(status: 405)
            }
            guard let target = RequestTarget(target) else { throw Refusal(status: 400) }
            let request = ServerRequest(
                method: method, path: target.path, query: target.query, headers: headers)
            return .request(request, persistence(headers, version))
        } catch {
            return .refusal(status: error.status)
        }
    }

    /// The lines without their ends; at least one.
    private static func lines(of head: ArraySlice<UInt8>) throws(Refusal) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        for line in head.dropLast(4).split(separator: 10, omittingEmptySubsequences: false) {
            lines.append(line)
        }
        for index in lines.indices.dropLast() {
            guard lines[index].last == 13 else { throw Refusal(status: 400) }
            lines[index] = lines[index].dropLast()
        }
        guard !lines.contains(where: { $0.contains(13) }) else { throw Refusal(status: 400) }
        guard lines.count <= fieldLimit + 1 else { throw Refusal(status: 431) }
        return lines
    }

    private enum Version { case http10, http11 }

    private static func requestLine(
        _ line: ArraySlice<UInt8>
    ) throws(Refusal) -> (method: String, target: ArraySlice<UInt8>, version: Version) {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(isTokenByte), !parts[1].isEmpty else {
            throw Refusal(status: 400)
        }
        guard parts[1].count <= targetLimit else { throw Refusal(status: 414) }
        switch String(decoding: parts[2], as: UTF8.self) {
        case "HTTP/1.1": return (String(decoding: parts[0], as: UTF8.self), parts[1], .http11)
        case "HTTP/1.0": return (String(decoding: parts[0], as: UTF8.self), parts[1], .http10)
        case let other: throw Refusal(status: other.hasPrefix("HTTP/") ? 505 : 400)
        }
    }

    private static func fields(_ lines: [ArraySlice<UInt8>]) throws(Refusal) -> HTTPHeaders {
        var headers = HTTPHeaders()
        for line in lines {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw Refusal(status: 400) }
            let name = line[..<colon]
            let value = trimmed(line[line.index(after: colon)...])
            guard !name.isEmpty, name.allSatisfy(isTokenByte), value.allSatisfy(isValueByte) else {
                throw Refusal(status: 400)
            }
            headers.append(String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
        return headers
    }

    /// A request with a body is refused, so that its bytes are never taken for the next request.
    private static func checkFraming(_ headers: HTTPHeaders) throws(Refusal) {
        guard headers["Transfer-Encoding"] == nil else { throw Refusal(status: 400) }
        for length in headers.values(of: "Content-Length") {
            guard !length.isEmpty, length.utf8.allSatisfy({ (48...57).contains($0) }) else {
                throw Refusal(status: 400)
            }
            guard length.utf8.allSatisfy({ $0 == 48 }) else { throw Refusal(status: 413) }
        }
    }

    private static func checkHost(_ headers: HTTPHeaders, _ version: Version) throws(Refusal) {
        let count = headers.values(of: "Host").count
        guard count == 1 || count == 0 && version == .http10 else { throw Refusal(status: 400) }
    }

    private static func persistence(_ headers: HTTPHeaders, _ version: Version) -> Persistence {
        let options = headers.values(of: "Connection")
            .flatMap { $0.lowercased().split { $0 == "," || $0 == " " || $0 == "\t" } }
        if options.contains("close") { return .close }
        if version == .http11 { return .keep }
        return options.contains("keep-alive") ? .keepByRequest : .close
    }

    private static func trimmed(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var value = value.drop { $0 == 32 || $0 == 9 }
        while value.last == 32 || value.last == 9 { value = value.dropLast() }
        return value
    }

    /// RFC 9110 §5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "^")...UInt8(ascii: "z"), UInt8(ascii: "#")...UInt8(ascii: "'"): true
        case UInt8(ascii: "!"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"): true
        case UInt8(ascii: "."), UInt8(ascii: "|"), UInt8(ascii: "~"): true
        default: false
        }
    }

    /// RFC 9110 §5.5: visible characters, blanks, and the bytes above ASCII that old clients send.
    private static func isValueByte(_ byte: UInt8) -> Bool {
        byte == 9 || (byte >= 32 && byte != 127)
    }
}
