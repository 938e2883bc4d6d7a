// SPDX-License-Identifier: Apache-2.0
import CCurl

/// A transfer that libcurl gave up, and what decides whether the server may have acted on the request.
struct CurlFailure {
    var code: CURLcode
    /// libcurl's own words; it puts neither header fields nor a URL's user part into them.
    var text: String
    /// Some attempt got as far as sending the request.
    var wasSent = false
    /// The connection was opened for this request, over TLS.
    var isFirstOnTLSConnection = false

    /// The error the caller gets.
    ///
    /// The code alone does not tell: libcurl sends a request again when a kept-alive connection turns out
    /// dead, so even "could not connect" may follow an attempt that reached the server.
    var error: TransportError {
        switch code {
        case _ where Self.unusable.contains(code.rawValue): .invalidConfiguration(message)
        case CURLE_OPERATION_TIMEDOUT: wasSent ? .timedOut : .connectFailed(message)
        case _ where wasSent: .interrupted(message + hint)
        case _ where Self.handshake.contains(code.rawValue): .tlsFailed(message)
        // The very first bytes are sent before libcurl notes that it sends.
        case CURLE_SEND_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM: .interrupted(message + hint)
        default: .connectFailed(message)
        }
    }

    private var message: String { "\(Self.withoutTime(text)) (curl \(code.rawValue))" }

    /// libcurl's words without how long it took: the same failure has the same text each time, so that it counts as one
    /// where texts are compared, in a status or an Event.
    static func withoutTime(_ text: String) -> String {
        text.replacing(/\ after \d+ (ms|milliseconds)/, with: "")
    }

    /// In TLS 1.3 a server judges the client's certificate after the client has finished the handshake.
    private var hint: String {
        guard isFirstOnTLSConnection, Self.lateRefusal.contains(code.rawValue) else { return "" }
        return Self.refusalHint
    }

    static let refusalHint = "; perhaps the server refuses the client certificate"

    private static let lateRefusal = codes(CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE)

    /// The request or the credentials as given cannot work, whatever the server does.
    private static let unusable = codes(
        CURLE_URL_MALFORMAT, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER,
        CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED,
        CURLE_BAD_FUNCTION_ARGUMENT, CURLE_NOT_BUILT_IN, CURLE_FAILED_INIT)

    private static let handshake = codes(
        CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR,
        CURLE_SSL_CRL_BADFILE,
        CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT,
        CURLE_USE_SSL_FAILED)

    private static func codes(_ codes: CURLcode...) -> Set<UInt32> { Set(codes.map(\.rawValue)) }
}
