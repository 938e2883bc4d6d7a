// SPDX-License-Identifier: Apache-2.0
package import HTTP
package import Platform

/// A transport that follows its certificates: CA and client certificate may change while the program runs.
///
/// The files are read again every five minutes (with the first request after that), and at once when a handshake
/// fails or the server answers 401 to a client certificate. When they have changed, a new transport takes over;
/// the old one stays at hand until the new one has had its first answer, and takes its place again if that turns
/// out unusable, as with a certificate whose key has not been written yet. After a change of the client
/// certificate the old connections are closed, so that watches come back under the new name.
package final class RotatingTransport: HTTPTransport {
    /// A transport, and how to end it and all its exchanges.
    package struct Connection: Sendable {
        /// What carries the requests.
        package var transport: any HTTPTransport
        /// Ends all exchanges at once.
        package var shutdown: @Sendable () -> Void

        package init(transport: any HTTPTransport, shutdown: @escaping @Sendable () -> Void) {
            self.transport = transport
            self.shutdown = shutdown
        }
    }

    /// Makes a connection for a configuration.
    package typealias Factory = @Sendable (TransportConfiguration) throws(TransportError) -> Connection

    struct State {
        var current: ConnectionGeneration?
        /// The one before, until `current` has had an answer.
        var previous: ConnectionGeneration?
        /// Certificates that turned out unusable: not to be tried again.
        var refused: TLSConfiguration?
        var nextCheck = Instant(nanoseconds: .min)
        var nextForcedCheck = Instant(nanoseconds: .min)
        var isShutDown = false
    }

    let configuration: ClusterConfiguration
    let base: TransportConfiguration
    let credentials: any CredentialSource
    let read: FileReader
    let clock: any Clock
    let interval: Duration
    let notice: @Sendable (ClientNotice) -> Void
    let make: Factory
    let flight = SingleFlight<ConnectionGeneration>()
    let state = Locked(State())

    /// A transport to the endpoint of `configuration`; it connects with the first request.
    ///
    /// Everything of `base` but the endpoint, the TLS part and the proxy is used as it is. `credentials` are those
    /// that the client sends, since a plugin may print a certificate with its token.
    package init(
        _ configuration: ClusterConfiguration, base: TransportConfiguration,
        credentials: any CredentialSource, read: FileReader, clock: any Clock,
        interval: Duration = .seconds(300), notice: @escaping @Sendable (ClientNotice) -> Void = { _ in },
        make: @escaping Factory
    ) {
        self.configuration = configuration
        self.base = base
        self.credentials = credentials
        self.read = read
        self.clock = clock
        self.interval = interval
        self.notice = notice
        self.make = make
    }

    package func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        try await run(status: { $0.head.status }) { generation throws(TransportError) in
            generation.begin()
            defer { generation.end() }
            return try await generation.transport.send(request)
        }
    }

    package func open(
        _ request: HTTPRequest
    ) async throws(TransportError) -> (HTTPResponseHead, any HTTPBody) {
        try await run(status: { $0.0.status }) { generation throws(TransportError) in
            let (head, body) = try await generation.transport.open(request)
            return (head, generation.wrap(body))
        }
    }

    /// Ends every exchange with `TransportError.cancelled`.
    package func shutdown() {
        let generations = state.withLock { state in
            state.isShutDown = true
            return [state.current, state.previous]
        }
        for generation in generations { generation?.shutdown() }
    }

    /// Runs an exchange, and once more on another connection if the certificates of this one are no good any more.
    ///
    /// After a failed handshake or a 401 the server has not acted on the request, so any request may be repeated.
    private func run<Answer>(
        status: (Answer) -> Int,
        _ exchange: (ConnectionGeneration) async throws(TransportError) -> Answer
    ) async throws(TransportError) -> Answer {
        let generation = try await active()
        let answer: Answer
        do {
            answer = try await exchange(generation)
        } catch {
            let next = try await replacement(for: generation, after: error)
            let answer = try await exchange(next)
            confirm(next, status(answer))
            return answer
        }
        confirm(generation, status(answer))
        guard status(answer) == 401, generation.tls.identity != nil,
            let next = await otherConnection(than: generation)
        else { return answer }
        let second = try await exchange(next)
        confirm(next, status(second))
        return second
    }
}
