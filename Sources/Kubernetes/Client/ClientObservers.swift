// SPDX-License-Identifier: Apache-2.0

/// One request as it went, for metrics: each attempt is one.
package struct RequestObservation: Sendable, Hashable {
    /// What the request does.
    package var verb: APIRequest.Verb
    /// The HTTP method.
    package var method: String
    /// `host:port` of the server.
    package var host: String
    /// The plural name of the resource, or the path of a request about none.
    package var resource: String
    /// Nil if no response arrived.
    package var statusCode: Int?
    /// Until the whole response was there; for a watch, until its head was.
    package var duration: Duration

    package init(
        verb: APIRequest.Verb, method: String, host: String, resource: String, statusCode: Int?,
        duration: Duration
    ) {
        self.verb = verb
        self.method = method
        self.host = host
        self.resource = resource
        self.statusCode = statusCode
        self.duration = duration
    }
}

/// Something worth a log line that is not the failure of a call.
package enum ClientNotice: Sendable, Hashable {
    /// The server's own advice in a Warning header; each text is reported once.
    case warning(String)
    /// A request is sent again after `delay`.
    case retrying(
        verb: APIRequest.Verb, resource: String, attempt: Int, limit: Int, delay: Duration, error: APIError)
    /// New credentials could not be had, so the last ones stay in use.
    case keepingCredentials(reason: String)
    /// The certificates were read anew and new connections use them.
    case certificatesRotated
    /// New certificates could not be used, so the last ones stay in use.
    case keepingCertificates(reason: String)
}

/// Who is told what the client does; called on whatever thread it happens, so they must be quick.
package struct ClientObservers: Sendable {
    /// Told about each attempt.
    package var request: @Sendable (RequestObservation) -> Void
    /// Told what deserves a log line.
    package var notice: @Sendable (ClientNotice) -> Void

    package init(
        request: @escaping @Sendable (RequestObservation) -> Void = { _ in },
        notice: @escaping @Sendable (ClientNotice) -> Void = { _ in }
    ) {
        self.request = request
        self.notice = notice
    }
}
