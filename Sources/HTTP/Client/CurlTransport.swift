// SPDX-License-Identifier: Apache-2.0
import Platform

/// HTTP/2, or 1.1 where the server has nothing newer, to one server over libcurl on a thread of its own.
///
/// - Many requests share a connection; at most `TransportConfiguration.maximumConnections` are open, and up
///   to 32 if the server turns out to speak HTTP/1.1 only, where each request needs one for itself. Each open
///   stream allows one more, as it may hold a connection that takes no other request: after GOAWAY, for one.
/// - Redirects are not followed, and no cookie, `.netrc` or cache is kept. Without a configured proxy libcurl
///   itself reads `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`; loopback addresses are always reached directly.
/// - A request whose kept-alive connection turns out dead before any response byte is sent again by libcurl
///   on a new connection, up to five times. A POST is not, once a byte of its body has left: it ends as
///   `TransportError.interrupted`, and the caller finds out what became of it.
/// - A body is decompressed if the request itself carries `Accept-Encoding: gzip`; the response head still
///   tells the encoding and the compressed length.
///
/// New credentials mean a new transport. Letting go of the old one lets its exchanges come to their end, then
/// its thread and its connections are gone; `shutdown()` ends them at once.
package final class CurlTransport: HTTPTransport {
    private let engine: CurlEngine
    /// Nil once someone has joined the thread.
    private let thread: Locked<SystemThread?>

    /// Starts the thread; connections are opened when they are needed.
    ///
    /// - Throws: `TransportError.invalidConfiguration`. Certificates and keys are read at the first handshake
    ///   only; a bad one fails the requests with the same error.
    package init(_ configuration: TransportConfiguration) throws(TransportError) {
        engine = try CurlEngine(CurlOptions(configuration))
        thread = Locked(try engine.startThread())
    }

    deinit {
        engine.post(.retire)
        thread.withLock { $0 }?.detach()
    }

    package func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        let exchange = CurlExchange(request, isStream: false)
        return try await engine.run(exchange)
    }

    package func open(_ request: HTTPRequest) async throws(TransportError) -> (HTTPResponseHead, any HTTPBody)
    {
        let exchange = CurlExchange(request, isStream: true)
        let body = CurlBody(exchange, engine)
        return (try await engine.run(exchange).head, body)
    }

    /// Ends every exchange with `TransportError.cancelled` and returns when the thread and the connections
    /// are gone, which takes milliseconds; requests made later end the same way.
    ///
    /// Only the first of several calls waits.
    package func shutdown() {
        engine.post(.stop)
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }
}

/// The body of a streamed response; the exchange ends with it.
private final class CurlBody: HTTPBody {
    private let exchange: CurlExchange
    private let engine: CurlEngine

    init(_ exchange: CurlExchange, _ engine: CurlEngine) {
        self.exchange = exchange
        self.engine = engine
    }

    deinit {
        engine.cancel(exchange)
    }

    func next() async throws(TransportError) -> [UInt8]? {
        let chunk = await withTaskCancellationHandler {
            await withCheckedContinuation { exchange.awaitChunk($0) }
        } onCancel: {
            engine.cancel(exchange)
        }
        return try chunk.get()
    }

    func distrustConnection() {
        engine.post(.distrust(exchange))
    }
}
