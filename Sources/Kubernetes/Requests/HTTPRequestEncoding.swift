// SPDX-License-Identifier: Apache-2.0
package import HTTP
import StructuredData

extension APIRequest {
    /// The largest body that the API server reads: 3 MiB.
    package static let bodyLimit = 3 << 20

    /// The request as a transport takes it, still without credentials.
    ///
    /// `timeout` is for the whole exchange, or for the response head of a watch; the server is told too, so
    /// that it does not work on for nobody. The transport puts the endpoint's path prefix before the target.
    package func httpRequest(timeout: Duration) throws(APIError) -> HTTPRequest {
        let body = body?.encoded()
        if let body, body.count > Self.bodyLimit {
            throw .invalidRequest(
                "body: \(body.count) bytes are more than the \(Self.bodyLimit) that servers take")
        }
        var headers: HTTPHeaders = ["Accept": "application/json"]
        // Compression would hold back a watch's small events until a block is full.
        if verb == .list { headers["Accept-Encoding"] = "gzip" }
        if let contentType { headers["Content-Type"] = contentType }
        return HTTPRequest(
            method: method, target: target(timeout: timeout), headers: headers,
            body: body, timeout: timeout, responseLimit: responseLimit)
    }

    private func target(timeout: Duration) -> String {
        var items = query
        if verb != .watch {
            items.append(QueryItem("timeout", "\(max(1, timeout.components.seconds))s"))
        }
        let pairs = items.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }
        return path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }

    /// One object is 3 MiB at most, and no escape makes it five times as large.
    private var responseLimit: Int {
        verb == .list ? HTTPRequest.defaultResponseLimit : 16 << 20
    }
}
