// SPDX-License-Identifier: Apache-2.0

/// A request as a server's handler sees it: GET or HEAD, without a body.
package struct ServerRequest: Sendable, Hashable {
    /// A name and value of the query; a name without `=` has an empty value.
    package struct QueryItem: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// `.get` or `.head`; the server drops the body of a response to HEAD by itself.
    package var method: HTTPMethod
    /// Begins with `/`; percent-decoded.
    package var path: String
    /// Percent-decoded, in the order sent.
    package var query: [QueryItem]
    package var headers: HTTPHeaders

    package init(
        method: HTTPMethod = .get, path: String, query: [QueryItem] = [], headers: HTTPHeaders = [:]
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
    }
}

/// What a handler answers with.
package struct ServerResponse: Sendable, Hashable {
    package var status: Int
    /// Besides those that the server sets: length, connection and `X-Content-Type-Options: nosniff`.
    package var headers: HTTPHeaders
    package var body: [UInt8]

    package init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A response of plain text.
    package static func text(_ status: Int, _ text: String) -> ServerResponse {
        ServerResponse(
            status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }

    /// The response as it goes on the wire.
    ///
    /// Where the body is dropped its length is announced all the same, as HEAD wants it.
    func encoded(bodyIsDropped: Bool, persistence: Persistence) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(Self.reason(status))\r\n"
        for field in headers.fields where Self.isSafe(field) {
            head += "\(field.name): \(field.value)\r\n"
        }
        head += "Content-Length: \(body.count)\r\nX-Content-Type-Options: nosniff\r\n"
        if let announcement = persistence.header { head += "Connection: \(announcement)\r\n" }
        head += "\r\n"
        return bodyIsDropped ? Array(head.utf8) : Array(head.utf8) + body
    }

    /// A line end in a field would let its value begin a response of its own.
    private static func isSafe(_ field: HTTPHeaders.Field) -> Bool {
        let isLineEnd: (UInt8) -> Bool = { $0 == 13 || $0 == 10 || $0 == 0 }
        return !field.name.utf8.contains(where: isLineEnd) && !field.value.utf8.contains(where: isLineEnd)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

/// Where the answer to a request goes whose handler could not give it at once.
package struct PendingResponse: Sendable {
    let mailbox: ServerMailbox
    let ticket: ServerMailbox.Ticket

    /// Hands the answer in, from any thread; the first one counts, and none if the connection is gone by now.
    package func resume(returning response: ServerResponse) {
        mailbox.post(response, to: ticket)
    }
}

/// Answers a request, or returns nil and answers later by the `PendingResponse`.
package typealias ServerHandler = @Sendable (ServerRequest, PendingResponse) -> ServerResponse?

extension ServerResponse {
    /// The answer to a request that the server does not hand to its handler.
    static func refusal(_ status: Int) -> ServerResponse {
        var response = ServerResponse.text(status, "\(status) \(reason(status))\n")
        if status == 405 { response.headers["Allow"] = "GET, HEAD" }
        return response
    }

    /// The answer to HTTP where TLS is spoken.
    static let notTLS = ServerResponse.text(400, "400 Bad Request: this port speaks HTTPS\n")
}

/// Whether a connection outlives a response, and how the client is told.
enum Persistence: Sendable, Hashable {
    /// HTTP/1.1: it stays open, which needs no word.
    case keep
    /// HTTP/1.0: it stays open because the client asked.
    case keepByRequest
    case close

    fileprivate var header: String? {
        switch self {
        case .keep: nil
        case .keepByRequest: "keep-alive"
        case .close: "close"
        }
    }
}
