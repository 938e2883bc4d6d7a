// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTP

@Suite("ResponseHeadParser")
struct ResponseHeadParserTests {
    private func parse(_ lines: [String]) -> ResponseHeadParser {
        var parser = ResponseHeadParser()
        for line in lines { Array(line.utf8).withUnsafeBytes { _ = parser.add(line: $0) } }
        return parser
    }

    @Test("Lines become a head at the empty line", arguments: ["\r\n", "\n"])
    func head(end: String) {
        let lines = [
            "HTTP/1.1 200 OK", "Content-Type: text/plain", "X:y", "x:\t z\t ", "Empty:", ":odd", "no colon",
        ]
        #expect(parse(lines.map { $0 + end }).finished == nil)
        let head = parse((lines + [""]).map { $0 + end }).finished
        #expect(head?.status == 200)
        #expect(head?.headers["content-type"] == "text/plain")
        #expect(head?.headers.values(of: "x") == ["y", "z"])
        #expect(head?.headers["Empty"] == "")
    }

    @Test(
        "Status lines",
        arguments: [
            ("HTTP/2 404 ", 404), ("HTTP/1.0 599 Odd", 599), ("HTTP/1.1 204", 204), ("HTTP/1.1 20", nil),
            ("HTTP/1.1 2000 X", nil), ("HTTP/1.1", nil), ("HTTP/1.1 abc", nil),
            ("HTTP/1.1 100 Continue", nil),
        ] as [(String, Int?)])
    func status(line: String, status: Int?) {
        #expect(parse([line + "\r\n", "\r\n"]).finished?.status == status)
    }

    @Test("An interim head leaves nothing in the final one, and trailers change nothing in it")
    func interimAndTrailers() {
        let lines = ["HTTP/1.1 103 Hints\r\n", "A: 1\r\n", "\r\n", "HTTP/1.1 200 OK\r\n", "B: 2\r\n", "\r\n"]
        let parser = parse(lines + ["C: 3\r\n", "\r\n"])
        #expect(parser.finished == HTTPResponseHead(status: 200, headers: ["B": "2"]))
        #expect(parser.trailers == ["C": "3"])
    }

    @Test("Bytes that are no UTF-8 are replaced")
    func notUTF8() {
        var parser = ResponseHeadParser()
        for line in [Array("HTTP/1.1 200 OK\r\n".utf8), Array("X: ".utf8) + [0xff, 13, 10], [13, 10]] {
            line.withUnsafeBytes { _ = parser.add(line: $0) }
        }
        #expect(parser.finished?.headers["X"] == "\u{FFFD}")
    }

    @Test("All heads together may have 256 KiB, and not a byte more")
    func limit() {
        var parser = parse(["HTTP/1.1 100 Continue\r\n", "\r\n"])
        let rest = ResponseHeadParser.sizeLimit - parser.byteCount
        let line = [UInt8](repeating: 97, count: rest)
        #expect(line.withUnsafeBytes { parser.add(line: $0) })
        #expect(![UInt8](repeating: 97, count: 1).withUnsafeBytes { parser.add(line: $0) })
    }
}
