// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTP

@Suite("Server response")
struct ServerMessageTests {
    private func encode(
        _ response: ServerResponse, dropsBody: Bool = false, _ persistence: Persistence = .keep
    ) -> String {
        String(decoding: response.encoded(bodyIsDropped: dropsBody, persistence: persistence), as: UTF8.self)
    }

    @Test("says how long the body is even where it is left out")
    func body() {
        let response = ServerResponse(status: 200, body: Array("grüße".utf8))
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Content-Type-Options: nosniff\r\n\r\n"
        #expect(encode(response) == head + "grüße")
        #expect(encode(response, dropsBody: true) == head)
    }

    @Test(
        "announces what becomes of the connection",
        arguments: [
            (Persistence.keep, nil), (.keepByRequest, "Connection: keep-alive\r\n"),
            (.close, "Connection: close\r\n"),
        ])
    func persistence(persistence: Persistence, line: String?) {
        let text = encode(.text(200, ""), persistence)
        #expect(text.contains("Connection:") == (line != nil))
        #expect(text.contains(line ?? "HTTP/1.1"))
    }

    @Test("leaves out fields that would begin a response of their own")
    func splitting() {
        let response = ServerResponse(
            status: 200, headers: ["A": "1\r\nSet-Cookie: x", "B\n": "2", "C": "3"])
        let text = encode(response)
        #expect(!text.contains("Set-Cookie") && !text.contains("B") && text.contains("\r\nC: 3\r\n"))
    }

    @Test("names the methods that are allowed where one is refused")
    func allow() {
        #expect(encode(.refusal(405)).contains("\r\nAllow: GET, HEAD\r\n"))
        #expect(encode(.refusal(400)).hasSuffix("\r\n\r\n400 Bad Request\n"))
    }
}
