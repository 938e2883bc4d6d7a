// SPDX-License-Identifier: Apache-2.0
import Platform

/// HTTP/2, or 1.1 where the server has nothing newer, to one server over libcurl.
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
/// its connections close in time; `shutdown()` ends them at once. Many transports may share an `HTTPEngine`, so
/// that hundreds of servers need one thread.
package final class CurlTransport: HTTPTransport {
    private let engine: HTTPEngine
    private let destination: CurlDestination
    private let ownsEngine: Bool

    /// Starts a thread of its own; connections are opened when they are needed.
    ///
    /// - Throws: `TransportError.invalidConfiguration`. Certificates and keys are read at the first handshake
    ///   only; a bad one fails the requests with the same error.
    package init(_ configuration: TransportConfiguration) throws(TransportError) {
        destination = try Self.destination(configuration)
        engine = try HTTPEngine(idleConnections: configuration.maximumConnections)
        ownsEngine = true
    }

    /// Uses the thread and the connections of an engine that others use too.
    ///
    /// - Throws: as without an engine.
    package init(_ configuration: TransportConfiguration, engine: HTTPEngine) throws(TransportError) {
        destination = try Self.destination(configuration)
        self.engine = engine
        ownsEngine = false
    }

    /// One handle is made now, so that an option libcurl refuses is an error of the configuration.
    private static func destination(
        _ configuration: TransportConfiguration
    ) throws(TransportError) -> CurlDestination {
        let options = try CurlOptions(configuration)
        _ = try CurlHandle(options)
        return CurlDestination(options)
    }

    deinit {
        engine.engine.post(.release(destination))
    }

    package func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        let exchange = CurlExchange(request, to: destination, isStream: false)
        return try await engine.engine.run(exchange)
    }

    package func open(_ request: HTTPRequest) async throws(TransportError) -> (HTTPResponseHead, any HTTPBody)
    {
        let exchange = CurlExchange(request, to: destination, isStream: true)
        let body = CurlBody(exchange, engine.engine)
        return (try await engine.engine.run(exchange).head, body)
    }

    /// Ends every exchange of this transport with `TransportError.cancelled`; requests made later end the same
    /// way.
    ///
    /// With a thread of its own it returns when that and the connections are gone, which takes milliseconds.
    package func shutdown() {
        destination.close()
        if ownsEngine {
            engine.shutdown()
        } else {
            engine.engine.post(.end(destination))
        }
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

    var trailers: HTTPHeaders { exchange.trailers }

    func next() async throws(TransportError) -> [UInt8]? {
        let chunk = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                if exchange.awaitChunk(waiter) { engine.post(.resume(exchange)) }
            }
        } onCancel: {
            engine.cancel(exchange)
        }
        return try chunk.get()
    }

    func distrustConnection() {
        engine.post(.distrust(exchange))
    }
}
