// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform

@testable import HTTP

extension FuzzTarget {
    private static let requestWords = [
        "GET / HTTP/1.1\r\n", "HEAD ", "Host: a\r\n", "\r\n", "\n", "\r", "HTTP/1.0", "Content-Length: ",
        "Transfer-Encoding: chunked\r\n", "Connection: keep-alive\r\n", "%", "%2e%2e", "%00", "http://a/",
        "?a=b&c",
    ]
    private static let headWords = [
        "HTTP/2 200\r\n", "HTTP/1.1 503 x\r\n", "Retry-After: ", "Sun, 06 Nov 1994 08:49:37 GMT", "0001",
        "1700",
        "9999", "Warning: 299 - \"x\"\r\n", "\\\"", "\r\n",
    ]

    static let http = [
        FuzzTarget("http-request", words: requestWords, request),
        FuzzTarget("http-response-head", words: headWords, responseHead),
        FuzzTarget("retry-after", words: headWords, retryAfter),
        FuzzTarget("warning-header", words: headWords) { bytes in
            for text in WarningHeader.texts(in: bytes.parts.map(\.text)) {
                let controls = text.unicodeScalars.filter { $0.properties.generalCategory == .control }
                try require(controls.isEmpty, "no control characters: \(text.debugDescription)")
            }
        },
        FuzzTarget(
            "endpoint-url", words: ["https://", "http://", "[::1]", ":6443", "/prefix", "@", "%"], endpoint),
        FuzzTarget("bind-address", words: ["[::]", ":0", "65536", "localhost", "0.0.0.0"]) { bytes in
            guard let address = BindAddress(parsing: bytes.text) else { return }
            try require(
                address.description.hasSuffix(":\(address.port)") || bytes.text.contains(":0"), "port")
        },
    ]

    /// The requests that a connection carries do not depend on where its bytes are cut.
    private static func request(_ bytes: [UInt8]) throws {
        let whole = requests([bytes])
        try require(whole == requests(bytes.pieces), "as cut: \(requests(bytes.pieces)), whole: \(whole)")
        for case .request(let request, _) in whole {
            try require(request.path.utf8.first == UInt8(ascii: "/"), "the path is absolute: \(request.path)")
            try require(!request.path.utf8.contains(0), "the path has no NUL")
            try require(request.method == .get || request.method == .head, "the method is allowed")
        }
    }

    private static func requests(_ pieces: [[UInt8]]) -> [RequestParser.Outcome] {
        var parser = RequestParser()
        var outcomes: [RequestParser.Outcome] = []
        for piece in pieces {
            parser.append(piece)
            while true {
                let outcome = parser.next()
                if outcome == .needsMore { break }
                if case .refusal = outcome { return outcomes + [.refusal(status: 0)] }
                outcomes.append(outcome)
            }
        }
        return outcomes
    }

    private static func responseHead(_ bytes: [UInt8]) throws {
        var parser = ResponseHeadParser()
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
            guard Array(line + [10]).withUnsafeBytes({ parser.add(line: $0) }) else { break }
        }
        guard let head = parser.finished else { return }
        try require((200...999).contains(head.status), "the status is final: \(head.status)")
        try status(of: head, body: bytes)
    }

    /// Waits are neither negative nor unbounded, whatever the server says and whatever time it is here.
    private static func retryAfter(_ bytes: [UInt8]) throws {
        for nanoseconds in [Int64.min, -1, 0, 1_700_000_000_000_000_000, .max] {
            let now = Timestamp(nanosecondsSince1970: nanoseconds)
            guard let wait = RetryAfter.parse(bytes.text, now: now) else { continue }
            try require(wait >= .zero, "\(wait) is not negative")
        }
        let head = HTTPResponseHead(status: 429, headers: ["Retry-After": bytes.text])
        try status(of: head, body: [])
    }

    /// A refusal of the server leads to a decision with a bounded wait.
    private static func status(of head: HTTPResponseHead, body: [UInt8]) throws {
        let now = Timestamp(nanosecondsSince1970: 1_700_000_000_000_000_000)
        let status = APIStatus(HTTPResponse(head: head, body: body), method: .get, now: now)
        try require(status.retryAfter ?? .zero <= .seconds(300), "\(status.retryAfter ?? .zero) is bearable")
        _ = status.description
        for attempt in [1, 9, Int.max] {
            let decision = RetryPolicy.standard.decide(
                attempt: attempt, .idempotent, after: .status(status), elapsed: .seconds(1), jitter: 0.9)
            guard case .retry(let delay) = decision else { continue }
            try require(delay >= .zero && delay < .seconds(60), "\(delay) is within the budget")
        }
    }

    /// A server's URL is printed and reads back as the same; libcurl gets none that means something else to it.
    private static func endpoint(_ bytes: [UInt8]) throws {
        guard let endpoint = Endpoint(url: bytes.text) else { return }
        try require(Endpoint(url: endpoint.description) == endpoint, "reads back: \(endpoint)")
        let configuration = TransportConfiguration(endpoint: endpoint, userAgent: "fuzz")
        guard case .success(let options) = Result(catching: { try CurlOptions(configuration) }) else {
            return
        }
        try require(
            options.baseURL.utf8.allSatisfy { (33...126).contains($0) }, "plain ASCII: \(options.baseURL)")
    }
}
