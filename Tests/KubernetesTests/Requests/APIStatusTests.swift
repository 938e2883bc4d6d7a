// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import Testing

@Suite("APIStatus")
struct APIStatusTests {
    private let now = Timestamp(nanosecondsSince1970: 1_704_110_400 * 1_000_000_000)

    private func status(
        _ code: Int, _ body: String, _ headers: HTTPHeaders = [:], method: HTTPMethod = .get
    ) -> APIStatus {
        APIStatus(
            HTTPResponse(head: HTTPResponseHead(status: code, headers: headers), body: Array(body.utf8)),
            method: method, now: now)
    }

    @Test("reads a Status with its causes")
    func full() {
        let status = status(
            422,
            """
            {"kind":"Status","status":"Failure","message":"spec is wrong","reason":"Invalid","code":422,
             "details":{"causes":[{"reason":"FieldValueInvalid","message":"bad","field":"spec.size"}],
             "retryAfterSeconds":4}}
            """)
        #expect(
            status
                == APIStatus(
                    code: 422, reason: "Invalid", message: "spec is wrong",
                    causes: [.init(reason: "FieldValueInvalid", message: "bad", field: "spec.size")],
                    retryAfter: .seconds(4)))
        #expect(APIError.status(status).isInvalid)
    }

    @Test("the header's Retry-After goes before that of the body")
    func retryAfterHeader() {
        let body = #"{"kind":"Status","code":429,"details":{"retryAfterSeconds":4}}"#
        #expect(status(429, body, ["Retry-After": "7"]).retryAfter == .seconds(7))
        #expect(status(429, body, ["Retry-After": "soon"]).retryAfter == .seconds(4))
        #expect(status(429, body).retryAfter == .seconds(4))
        let absurd = #"{"kind":"Status","code":429,"details":{"retryAfterSeconds":9223372036854775807}}"#
        #expect(status(429, absurd).retryAfter == .seconds(300))
    }

    @Test(
        "a body that is no Status still becomes a typed error",
        arguments: [
            (502, "<html>Bad Gateway</html>", "InternalError"), (500, "", "InternalError"),
            (429, "Too many requests, please try again later.\n", "TooManyRequests"),
            (401, "", "Unauthorized"),
            (403, "{}", "Forbidden"), (404, "404 page not found", "PathNotFound"),
            (405, "[]", "MethodNotAllowed"),
            (406, "", "NotAcceptable"), (410, "", "Gone"), (413, "", "RequestEntityTooLarge"),
            (415, "{\"kind\":\"Other\"}", "UnsupportedMediaType"), (422, "", "Invalid"),
            (400, "", "BadRequest"),
            (503, "", "ServiceUnavailable"), (504, "", "Timeout"), (302, "", "Unknown"), (418, "", "Unknown"),
        ])
    func foreignBodies(code: Int, body: String, reason: String) {
        let status = status(code, body)
        #expect(status.code == code)
        #expect(status.reason == reason)
    }

    @Test("409 means something else for a create")
    func conflict() {
        #expect(status(409, "", method: .post).reason == "AlreadyExists")
        #expect(status(409, "", method: .put).reason == "Conflict")
    }

    @Test("a Status without a reason takes it from the code")
    func noReason() {
        let status = status(500, #"{"kind":"Status","message":"strconv.ParseUint: invalid syntax"}"#)
        #expect(status.reason == "InternalError")
        #expect(status.code == 500)
    }

    @Test("quotes at most two kilobytes, without control characters")
    func excerpt() {
        let message = status(500, "a\u{1B}[31m\n" + String(repeating: "x", count: 10_000)).message
        #expect(message.hasPrefix("the server answered: a [31m xxx"))
        #expect(message.utf8.count < 2100)
        #expect(message.hasSuffix("…"))
        #expect(status(500, "").message == "the server sent no explanation")
    }

    @Test("tells errors apart by reason first and code second")
    func predicates() {
        func error(_ code: Int, _ reason: String = "") -> APIError {
            .status(APIStatus(code: code, reason: reason, message: ""))
        }
        #expect(error(404, "NotFound").isNotFound && error(0, "NotFound").isNotFound)
        #expect(!error(404, "PathNotFound").isNotFound && error(404, "PathNotFound").isUnserved)
        #expect(!error(404, "NotFound").isUnserved)
        #expect(error(409, "AlreadyExists").isAlreadyExists && !error(409, "Conflict").isAlreadyExists)
        #expect(error(409, "Conflict").isConflict && !error(409, "AlreadyExists").isConflict)
        #expect(error(410).isExpired && error(0, "Expired").isExpired && error(0, "Gone").isExpired)
        #expect(error(403).isForbidden)
        #expect(APIError.transport(.cancelled).isCancelled)
    }

    @Test("knows a version in the server's future by its cause, and on old servers by its message")
    func tooLargeVersion() {
        let cause = APIStatus.Cause(reason: "ResourceVersionTooLarge", message: "", field: "")
        #expect(
            APIStatus(code: 504, reason: "Timeout", message: "", causes: [cause]).isTooLargeResourceVersion)
        #expect(
            APIStatus(code: 504, reason: "Timeout", message: "Too large resource version: 9, current: 1")
                .isTooLargeResourceVersion)
        #expect(!APIStatus(code: 504, reason: "Timeout", message: "slow").isTooLargeResourceVersion)
    }

    @Test("knows a namespace that goes away by its cause")
    func namespaceTerminating() {
        let cause = APIStatus.Cause(reason: "NamespaceTerminating", message: "", field: "")
        #expect(
            APIStatus(code: 403, reason: "Forbidden", message: "", causes: [cause]).isNamespaceTerminating)
        #expect(!APIStatus(code: 403, reason: "Forbidden", message: "").isNamespaceTerminating)
    }
}

@Suite("RetryAfter")
struct RetryAfterTests {
    @Test(
        "reads seconds and dates, and nothing else",
        arguments: [
            ("0", .zero), ("120", .seconds(120)), (" 5", .seconds(5)),
            ("99999999999999999999", .seconds(300)), ("9223372036854775807", .seconds(300)),
            ("Mon, 01 Jan 2024 12:00:10 GMT", .seconds(10)), ("Mon, 01 Jan 2024 11:00:00 GMT", .zero),
            ("Tue, 31 Dec 2024 12:00:00 GMT", .seconds(300)),
            ("Fri, 01 Jan 1700 00:00:00 GMT", .zero), ("Mon, 01 Jan 2262 00:00:00 GMT", .seconds(300)),
            ("", nil), ("-1", nil), ("1.5", nil),
            ("Mon, 01 Foo 2024 12:00:10 GMT", nil), ("Mon, 01 Jan 2024 12:00:10 CET", nil), ("soon", nil),
        ] as [(String, Duration?)])
    func parse(value: String, expected: Duration?) {
        let now = Timestamp(nanosecondsSince1970: 1_704_110_400 * 1_000_000_000)
        #expect(RetryAfter.parse(value, now: now) == expected)
    }

    @Test("reads dates whatever time it is here", arguments: [Int64.min, 0, .max])
    func anyTime(nanoseconds: Int64) {
        let now = Timestamp(nanosecondsSince1970: nanoseconds)
        for year in ["1700", "1970", "2262"] {
            let wait = RetryAfter.parse("Fri, 01 Jan \(year) 00:00:00 GMT", now: now)
            #expect(wait == .zero || wait == RetryAfter.longest)
        }
    }
}
