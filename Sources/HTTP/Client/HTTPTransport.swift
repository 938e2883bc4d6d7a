// SPDX-License-Identifier: Apache-2.0

/// Carries requests to one server: libcurl in production, scripted answers in unit tests.
///
/// A response of any status is a success here; only what keeps a response from arriving is an error.
/// Cancelling the task ends the exchange at once with `TransportError.cancelled`.
package protocol HTTPTransport: Sendable {
    /// Sends `request` and returns the response with its whole body.
    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse

    /// Sends `request` and returns as soon as the response head is there, with the body still to come.
    ///
    /// Letting go of the body ends the exchange.
    func open(_ request: HTTPRequest) async throws(TransportError) -> (HTTPResponseHead, any HTTPBody)
}

/// A response body that arrives piece by piece; one task reads it.
package protocol HTTPBody: Sendable {
    /// The next bytes, split anywhere; nil at the end of the body.
    ///
    /// - Throws: `TransportError`; after the first error or the end every further call does the same.
    func next() async throws(TransportError) -> [UInt8]?

    /// The fields that followed the body; complete once `next` has returned nil.
    var trailers: HTTPHeaders { get }

    /// Tells that nothing has come for too long, before the body is let go: unless the connection has carried
    /// other answers meanwhile, it is taken for dead, and what else waits on it ends as
    /// `TransportError.interrupted`.
    func distrustConnection()
}

extension HTTPBody {
    /// None, as nearly always.
    package var trailers: HTTPHeaders { [:] }

    /// Does nothing: there is no connection that others could share.
    package func distrustConnection() {}
}

/// What kept a response from arriving.
package enum TransportError: Error, Sendable, Hashable {
    /// No connection: name look-up, refusal, unreachable, proxy. The server has seen nothing.
    case connectFailed(String)
    /// The TLS handshake failed: certificate not trusted, wrong name, client certificate refused.
    case tlsFailed(String)
    /// `HTTPRequest.timeout` passed; the server may have acted.
    case timedOut
    /// The connection broke after the request was, or may have been, sent; the server may have acted.
    case interrupted(String)
    /// `HTTPRequest.notAfter` came before a connection was ready; the server has seen nothing, unless an earlier
    /// connection broke while it carried the request.
    case tooLate
    /// The body outgrew `HTTPRequest.responseLimit`, or the reader fell too far behind a stream.
    case responseTooLarge(limit: Int)
    /// The task was cancelled or the transport shut down.
    case cancelled
    /// The request or the configuration cannot be used: a bad URL, a certificate that does not parse.
    case invalidConfiguration(String)
}

extension TransportError {
    /// Whether the server may have carried the request out although no response arrived.
    package var mayHaveBeenProcessed: Bool {
        switch self {
        case .timedOut, .interrupted, .tooLate, .responseTooLarge, .cancelled: true
        case .connectFailed, .tlsFailed, .invalidConfiguration: false
        }
    }
}

extension TransportError {
    /// Whether a connection broke as soon as its handshake was over: the server may have refused the client's
    /// certificate, or missed one, which it judges last in TLS 1.3; but it may just have gone away.
    package var mayBeRefusedCertificate: Bool {
        if case .interrupted(let reason) = self { reason.hasSuffix(CurlFailure.refusalHint) } else { false }
    }
}

extension TransportError: CustomStringConvertible {
    /// The kind of failure and what the library says about it, fit for a log line.
    package var description: String {
        switch self {
        case .connectFailed(let reason): "cannot connect: \(reason)"
        case .tlsFailed(let reason): "TLS handshake failed: \(reason)"
        case .timedOut: "no response in time"
        case .interrupted(let reason): "connection broken: \(reason)"
        case .tooLate: "not sent in time"
        case .responseTooLarge(let limit): "response larger than \(limit) bytes"
        case .cancelled: "cancelled"
        case .invalidConfiguration(let reason): "unusable configuration: \(reason)"
        }
    }
}
