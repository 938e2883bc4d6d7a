// SPDX-License-Identifier: Apache-2.0
import Glibc
package import Platform

/// Why a server could not be started.
package enum HTTPServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// `address` cannot be listened on: it is in use, not this machine's, or not allowed.
    case cannotListen(address: String, reason: String)
    /// A server is started once in its life.
    case alreadyStarted(address: String)

    package var description: String {
        switch self {
        case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
        case .alreadyStarted(let address): "the server on \(address) has been started before"
        }
    }
}

/// A small HTTP/1.1 server for probes and scrapes, with TLS or without: GET and HEAD, no bodies, one thread for
/// everything.
///
/// What a client may cost is bounded in time, memory and descriptors (`HTTPServerLimits`), and at the
/// limit a new connection displaces the least useful one: slow or hostile clients cannot starve a probe.
package final class HTTPServer: Sendable {
    private enum Phase {
        case new
        case running(ServerMailbox, port: UInt16)
        case stopped
    }

    /// What the thread and the server share; the thread does not keep the server alive.
    private struct State {
        var phase = Phase.new
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let configuration: HTTPServerConfiguration
    private let clock: any Clock
    private let certificate: ServerCertificate?
    private let handler: ServerHandler
    private let state = Locked(State())

    /// Prepares a server; nothing happens before `start`.
    ///
    /// With a `certificate` the server speaks TLS and nothing else.
    /// `handler` runs on the server's one thread, so while it works everybody waits: it must be quick and
    /// must not wait for anything. What takes longer is done elsewhere and answered later.
    package init(
        _ configuration: HTTPServerConfiguration, clock: any Clock = SystemClock(),
        certificate: ServerCertificate? = nil, deferring handler: @escaping ServerHandler
    ) {
        self.configuration = configuration
        self.clock = clock
        self.certificate = certificate
        self.handler = handler
    }

    /// The same with a handler that answers every request at once.
    package convenience init(
        _ configuration: HTTPServerConfiguration, clock: any Clock = SystemClock(),
        certificate: ServerCertificate? = nil,
        handler: @escaping @Sendable (ServerRequest) -> ServerResponse
    ) {
        self.init(configuration, clock: clock, certificate: certificate) { request, _ in handler(request) }
    }

    deinit {
        requestStop()
    }

    /// Binds the address and serves from then on.
    ///
    /// When this returns, clients can connect; when it throws, nothing is left open.
    package func start() throws(HTTPServerError) {
        let address = configuration.address.description
        try state.withLock { state throws(HTTPServerError) in
            guard case .new = state.phase else { throw .alreadyStarted(address: address) }
            do throws(SocketError) {
                state.phase = try run()
            } catch {
                throw .cannotListen(address: address, reason: error.reason)
            }
        }
    }

    /// The port in use, also where the configuration let the system choose; nil unless running.
    package var boundPort: UInt16? {
        state.withLock { state in
            if case .running(_, let port) = state.phase { port } else { nil }
        }
    }

    /// Stops accepting, lets clients read the responses that have begun, and closes.
    ///
    /// It returns when the thread has let go of every socket, after `HTTPServerLimits.drainTimeout` at the
    /// latest and whether or not the calling task is cancelled.
    package func stop() async {
        requestStop()
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                guard case .running = state.phase else { return true }
                state.waiting.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    private func run() throws(SocketError) -> Phase {
        let mailbox = try ServerMailbox()
        let listener = try Sockets.listen(configuration.address)
        let port = Sockets.port(of: listener)
        let (limits, clock, certificate) = (configuration.limits, clock, certificate)
        let (handler, state) = (handler, state)
        do throws(SystemThread.StartError) {
            try SystemThread.start {
                var loop = ServerLoop(
                    listener: listener, mailbox: mailbox, limits: limits, clock: clock,
                    certificate: certificate, handler: handler)
                loop.run()
                Self.finish(state)
            }.detach()
        } catch {
            close(listener)
            throw SocketError("pthread_create", code: error.code)
        }
        return .running(mailbox, port: port)
    }

    private func requestStop() {
        state.withLock { state in
            if case .running(let mailbox, _) = state.phase { mailbox.requestStop() }
        }
    }

    private static func finish(_ state: Locked<State>) {
        let waiting = state.withLock { state in
            defer { state = State(phase: .stopped) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
