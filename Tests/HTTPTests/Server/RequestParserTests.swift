// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTP

@Suite("Request parser")
struct RequestParserTests {
    private func outcome(_ text: String) -> RequestParser.Outcome {
        var parser = RequestParser()
        parser.append(text.utf8)
        return parser.next()
    }

    private static let plain = "GET /a%20b?x=1&y HTTP/1.1\r\nHost: h:80\r\nAccept:  text/plain \r\n\r\n"
    private static let plainRequest = ServerRequest(
        path: "/a b", query: [.init(name: "x", value: "1"), .init(name: "y", value: "")],
        headers: ["Host": "h:80", "Accept": "text/plain"])

    @Test("reads method, path, query and fields")
    func plain() {
        #expect(outcome(Self.plain) == .request(Self.plainRequest, .keep))
    }

    @Test("reads a request alike wherever its bytes are split")
    func everySplit() {
        let bytes = Array(Self.plain.utf8)
        for split in 1..<bytes.count {
            var parser = RequestParser()
            parser.append(bytes[..<split])
            #expect(parser.next() == .needsMore, "after \(split) bytes")
            parser.append(bytes[split...])
            #expect(parser.next() == .request(Self.plainRequest, .keep), "split at \(split)")
            #expect(!parser.hasInput)
        }
    }

    @Test("reads a request byte by byte")
    func byteByByte() {
        var parser = RequestParser()
        for byte in Self.plain.utf8.dropLast() {
            parser.append([byte])
            #expect(parser.next() == .needsMore)
        }
        parser.append([10])
        #expect(parser.next() == .request(Self.plainRequest, .keep))
    }

    @Test("takes pipelined requests one by one and forgives empty lines before them")
    func pipelining() {
        var parser = RequestParser()
        parser.append(("\r\n\r\n" + Self.plain + "\r\n" + Self.plain + "GET").utf8)
        #expect(parser.next() == .request(Self.plainRequest, .keep))
        #expect(parser.next() == .request(Self.plainRequest, .keep))
        #expect(parser.next() == .needsMore)
        #expect(parser.hasInput)
    }

    @Test("takes empty lines for nothing, however they arrive")
    func emptyLines() {
        var parser = RequestParser()
        for byte in "\r\n\r\n\r\n\r\n".utf8 {
            parser.append([byte])
            #expect(parser.next() == .needsMore)
        }
        #expect(!parser.hasInput)
    }

    @Test(
        "decides whether the connection stays",
        arguments: [
            ("HTTP/1.1\r\nHost: h", Persistence.keep), ("HTTP/1.1\r\nHost: h\r\nConnection: close", .close),
            ("HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, CLOSE", .close),
            ("HTTP/1.1\r\nHost: h\r\nConnection: upgrade", .keep), ("HTTP/1.0", .close),
            ("HTTP/1.0\r\nConnection: Keep-Alive", .keepByRequest),
            ("HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close", .close),
        ])
    func persistence(rest: String, expected: Persistence) {
        guard case .request(_, let persistence) = outcome("GET / \(rest)\r\n\r\n") else {
            Issue.record("refused")
            return
        }
        #expect(persistence == expected)
    }

    @Test(
        "accepts what is unusual but allowed",
        arguments: [
            "HEAD / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nhOST: h\r\nContent-Length: 0\r\n\r\n",
            "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX: a\tb\u{e9}\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
        ])
    func unusual(text: String) {
        guard case .request(let request, _) = outcome(text) else {
            Issue.record("refused")
            return
        }
        #expect(request.path == "/")
    }

    @Test(
        "refuses what is malformed, unsupported or ambiguous",
        arguments: [
            // Request line.
            ("GET /\r\n\r\n", 400), ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("/ HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1 x\r\n\r\n", 400), ("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET / HTTX/1.1\r\nHost: h\r\n\r\n", 400), ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
            ("GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505), ("GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            // Method.
            ("POST / HTTP/1.1\r\nHost: h\r\n\r\n", 405), ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 405),
            ("get / HTTP/1.1\r\nHost: h\r\n\r\n", 405), ("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 405),
            // Host.
            ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            // Fields.
            ("GET / HTTP/1.1\r\nHost: h\r\nX : 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\n: 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: \u{7f}\r\n\r\n", 400),
            // Line ends.
            ("GET / HTTP/1.1\nHost: h\n\n", 400), ("GET / HTTP/1.1\r\nHost: h\nX: 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400), ("\n", 400), ("\rG", 400),
            // Bodies.
            ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", 413),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
            ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0, 5\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", 413),
            ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            // Not HTTP at all: a TLS greeting.
            ("\u{16}\u{3}\u{1}\u{2}\0", 400),
        ])
    func refusal(text: String, status: Int) {
        #expect(outcome(text) == .refusal(status: status))
    }

    @Test("refuses a head that is too long, as soon as it is")
    func headLimit() {
        let start = "GET / HTTP/1.1\r\nHost: h\r\nX: "
        let room = RequestParser.headLimit - start.utf8.count - 4
        let fits = start + String(repeating: "a", count: room)
        guard case .request = outcome(fits + "\r\n\r\n") else {
            Issue.record("a head of exactly the limit is refused")
            return
        }
        #expect(outcome(fits + "a\r\n\r\n") == .refusal(status: 431))
        #expect(outcome(fits + "aaa") == .needsMore)
        #expect(outcome(fits + "aaaaa") == .refusal(status: 431))
    }

    @Test("refuses too many fields and too long a target")
    func otherLimits() {
        func head(fields count: Int) -> String {
            "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "a: b\r\n", count: count - 1) + "\r\n"
        }
        #expect(outcome(head(fields: RequestParser.fieldLimit + 1)) == .refusal(status: 431))
        #expect(outcome(head(fields: RequestParser.fieldLimit)) != .refusal(status: 431))
        let target = "/" + String(repeating: "a", count: RequestParser.targetLimit)
        #expect(outcome("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n") == .refusal(status: 414))
    }

    @Test("neither traps nor hangs on any bytes")
    func randomBytes() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("GET / HTTP/1.1\r\nHost: h\r\n\r\n%?&=:\0".utf8) + [0xff, 0xc3]
        for _ in 0..<20_000 {
            var parser = RequestParser()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let count = Int.random(in: 0...40, using: &random)
                parser.append((0..<count).compactMap { _ in alphabet.randomElement(using: &random) })
                _ = parser.next()
            }
        }
    }
}
