// SPDX-License-Identifier: Apache-2.0
package import Platform

/// A request method.
package enum HTTPMethod: String, Sendable, Hashable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
}

/// Header fields in the order sent; names compare without regard to case.
package struct HTTPHeaders: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// A name and its value.
    package struct Field: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The fields in the order sent.
    package private(set) var fields: [Field]

    package init(_ fields: [Field] = []) {
        self.fields = fields
    }

    package init(dictionaryLiteral fields: (String, String)...) {
        self.fields = fields.map { Field(name: $0.0, value: $0.1) }
    }

    /// The first value of a name; setting replaces every field of that name, nil removes them.
    package subscript(name: String) -> String? {
        get { fields.first { $0.isNamed(name) }?.value }
        set {
            fields.removeAll { $0.isNamed(name) }
            if let newValue { fields.append(Field(name: name, value: newValue)) }
        }
    }

    /// Adds a field and keeps those that have the same name.
    package mutating func append(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    /// Every value of a name, in order.
    package func values(of name: String) -> [String] {
        fields.filter { $0.isNamed(name) }.map(\.value)
    }

}

extension HTTPHeaders.Field {
    /// Whether that is the field's name, be it in upper or lower case.
    package func isNamed(_ other: String) -> Bool {
        name.utf8.count == other.utf8.count
            && zip(name.utf8, other.utf8).allSatisfy { Self.lower($0) == Self.lower($1) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (65...90).contains(byte) ? byte + 32 : byte
    }
}

/// Credentials stay out of whatever prints a request or a response.
extension HTTPHeaders.Field: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private static let secretNames = ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"]

    private var printableValue: String {
        Self.secretNames.contains(where: isNamed) ? "[redacted]" : value
    }

    /// `name: value`, or `name: [redacted]` for a credential.
    package var description: String { "\(name): \(printableValue)" }
    /// The same as `description`.
    package var debugDescription: String { description }
    /// Shows a credential to no reflection either.
    package var customMirror: Mirror {
        Mirror(self, children: ["name": name, "value": printableValue], displayStyle: .struct)
    }
}

/// A request as a value: everything but the server and the credentials.
package struct HTTPRequest: Sendable, Hashable {
    package var method: HTTPMethod
    /// The path and query as they go on the wire: absolute, percent-encoded, `/` at least.
    package var target: String
    package var headers: HTTPHeaders
    /// The body, whole, so that it can be sent again; nil for none.
    package var body: [UInt8]?
    /// The longest the whole exchange may take, connecting included; nil sets no limit.
    ///
    /// For a stream it limits the wait for the response head only.
    package var timeout: Duration?
    /// From when on the request must not be sent, nor sent again on another connection; nil for never.
    ///
    /// Looked at when a connection is ready to take the request; later than that is `TransportError.tooLate`.
    package var notAfter: Instant?
    /// The most body bytes accepted after decompression; more is `TransportError.responseTooLarge`.
    ///
    /// For a stream it limits what has arrived and is not yet read, which is never allowed to exceed 64 MiB.
    package var responseLimit: Int
    /// How long a stream may last altogether, after which it ends as `TransportError.timedOut`; nil sets no limit.
    package var lifetime: Duration?
    /// Whether this is a gRPC call, which HTTP/2 alone can carry: a server that does not offer it gets nothing of the
    /// request, and trailers count for more than a Content-Length that would end the response before them.
    package var isGRPC = false
    /// Whether a stream's server is held back while its reader is 4 MiB behind, instead of the stream being given up.
    ///
    /// Such a stream has a connection of its own, over TLS, so that nobody else is held back; it closes with the stream.
    package var holdsBackServer = false

    /// 256 MiB: a page of 500 objects of half the largest size that etcd takes.
    package static let defaultResponseLimit = 256 << 20

    package init(
        method: HTTPMethod, target: String, headers: HTTPHeaders = [:], body: [UInt8]? = nil,
        timeout: Duration? = nil, responseLimit: Int = HTTPRequest.defaultResponseLimit
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.responseLimit = responseLimit
    }
}

/// The status line and header fields of a response.
package struct HTTPResponseHead: Sendable, Hashable {
    /// The status code, 100 to 599.
    package var status: Int
    package var headers: HTTPHeaders
    /// The server's key, told only where no authority vouches for the server: `TLSConfiguration.Trust.insecure` and
    /// `.pinned`.
    package var serverKey: ServerKeyDigest?

    package init(status: Int, headers: HTTPHeaders = [:], serverKey: ServerKeyDigest? = nil) {
        self.status = status
        self.headers = headers
        self.serverKey = serverKey
    }
}

/// A response with its whole body.
package struct HTTPResponse: Sendable, Hashable {
    package var head: HTTPResponseHead
    package var body: [UInt8]
    /// The fields that followed the body, as in gRPC.
    package var trailers: HTTPHeaders

    package init(head: HTTPResponseHead, body: [UInt8] = [], trailers: HTTPHeaders = [:]) {
        self.head = head
        self.body = body
        self.trailers = trailers
    }
}
