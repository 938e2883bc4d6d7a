// SPDX-License-Identifier: Apache-2.0

/// Collects the lines of a response head, each given whole, and keeps the final head.
///
/// Interim (1xx) heads are dropped. Fields that follow a final head are trailers.
struct ResponseHeadParser {
    /// The most bytes that all heads of a response may have together: 256 KiB.
    static let sizeLimit = 256 << 10

    /// The head, once the empty line after it has come.
    private(set) var finished: HTTPResponseHead?
    /// The fields that came after the head.
    private(set) var trailers = HTTPHeaders()
    /// How many bytes came so far.
    private(set) var byteCount = 0
    private var status = 0
    private var fields: [HTTPHeaders.Field] = []

    /// Takes the next line, its line end included; false if there are too many bytes.
    mutating func add(line: UnsafeRawBufferPointer) -> Bool {
        byteCount += line.count
        guard byteCount <= Self.sizeLimit else { return false }
        let line = Self.trimmed(line[...])
        guard finished == nil else {
            if let field = Self.field(line) { trailers.append(field.name, field.value) }
            return true
        }
        if line.starts(with: "HTTP/".utf8) {
            status = Self.status(of: line)
            fields.removeAll(keepingCapacity: true)
        } else if line.isEmpty {
            if status >= 200 { finished = HTTPResponseHead(status: status, headers: HTTPHeaders(fields)) }
        } else if let field = Self.field(line) {
            fields.append(field)
        }
        return true
    }

    private static func field(_ line: Slice<UnsafeRawBufferPointer>) -> HTTPHeaders.Field? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return HTTPHeaders.Field(name: text(line[..<colon]), value: text(trimmed(line[(colon + 1)...])))
    }

    /// The three digits after the version; 0, which is no status, if they are not there.
    private static func status(of line: Slice<UnsafeRawBufferPointer>) -> Int {
        guard let space = line.firstIndex(of: UInt8(ascii: " ")) else { return 0 }
        let digits = line[(space + 1)...].prefix { (48...57).contains($0) }
        return digits.count == 3 ? digits.reduce(0) { $0 * 10 + Int($1) - 48 } : 0
    }

    private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: bytes), as: UTF8.self)
    }

    /// Without spaces, tabs and line ends at either end.
    private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        var bytes = bytes
        while let first = bytes.first, isBlank(first) { bytes = bytes.dropFirst() }
        while let last = bytes.last, isBlank(last) { bytes = bytes.dropLast() }
        return bytes
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 32 || (9...13).contains(byte)
    }
}
