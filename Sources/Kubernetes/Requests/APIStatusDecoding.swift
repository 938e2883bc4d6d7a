// SPDX-License-Identifier: Apache-2.0
package import HTTP
package import Platform
package import StructuredData

extension APIStatus {
    /// Reads a metav1.Status; nil if `json` is something else.
    ///
    /// - `code`: stands in for a code that the document does not give.
    package init?(_ json: JSONValue, code: Int = 0) {
        guard let object = json.object, object["kind"]?.string == "Status" else { return nil }
        let details = object["details"]
        let code = object["code"]?.integer.flatMap { Int(exactly: $0) } ?? code
        let reason = object["reason"]?.string ?? ""
        self.init(
            code: code,
            reason: reason.isEmpty ? Self.reason(forCode: code, method: .get) : reason,
            message: object["message"]?.string ?? "",
            causes: (details?["causes"]?.array ?? []).map(Cause.init(_:)),
            retryAfter: details?["retryAfterSeconds"]?.integer.flatMap {
                $0 > 0 ? RetryAfter.bounded(.seconds($0)) : nil
            })
    }

    /// The status of a response that reports a failure, whatever its body is.
    ///
    /// A body that is no Status (a load balancer's page, plain text, nothing) is quoted in the message, cut to
    /// 2048 bytes, and the reason follows from the code.
    package init(_ response: HTTPResponse, method: HTTPMethod, now: Timestamp) {
        let code = response.head.status
        let header = response.head.headers["Retry-After"].flatMap { RetryAfter.parse($0, now: now) }
        if let status = Self.document(response.body).flatMap({ APIStatus($0, code: code) }) {
            self = status
            retryAfter = header ?? retryAfter
        } else {
            self.init(
                code: code, reason: Self.reason(forCode: code, method: method),
                message: Self.excerpt(of: response.body), retryAfter: header)
        }
    }

    /// Nil if the body is not JSON; then it is quoted as it is, so nothing is lost with the error.
    private static func document(_ body: [UInt8]) -> JSONValue? {
        do { return try JSONValue(json: body) } catch { return nil }
    }

    /// The reason of a 404 without one: the API says `NotFound` of objects, so this came from something before it.
    static let unservedReason = "PathNotFound"

    /// The reason that goes with a code where the server gave none.
    package static func reason(forCode code: Int, method: HTTPMethod) -> String {
        switch code {
        case 400: "BadRequest"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: unservedReason
        case 405: "MethodNotAllowed"
        case 406: "NotAcceptable"
        case 409: method == .post ? "AlreadyExists" : "Conflict"
        case 410: "Gone"
        case 413: "RequestEntityTooLarge"
        case 415: "UnsupportedMediaType"
        case 422: "Invalid"
        case 429: "TooManyRequests"
        case 503: "ServiceUnavailable"
        case 504: "Timeout"
        case 500...: "InternalError"
        default: "Unknown"
        }
    }

    /// At most 2048 bytes of a body as text for an error message, control characters replaced.
    package static func excerpt(of body: [UInt8]) -> String {
        let cut = body.prefix(2048)
        guard !cut.isEmpty else { return "the server sent no explanation" }
        let printable = cut.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 }
        let text = String(decoding: printable, as: UTF8.self)
        return "the server answered: \(text)\(body.count > cut.count ? "…" : "")"
    }
}

extension APIStatus.Cause {
    fileprivate init(_ json: JSONValue) {
        self.init(
            reason: json["reason"]?.string ?? "", message: json["message"]?.string ?? "",
            field: json["field"]?.string ?? "")
    }
}
