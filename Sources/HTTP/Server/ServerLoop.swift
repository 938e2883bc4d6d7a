// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// The server's thread: waits for sockets and moves bytes; what to do with them `ServerConnection` knows.
struct ServerLoop {
    private let clock: any Clock
    private let handler: @Sendable (ServerRequest) -> ServerResponse
    private let stopSignal: StopSignal
    /// Nil once stopping.
    private var listener: Int32?
    private var table: ConnectionTable
    private var requests: [pollfd] = []
    private var buffer = [UInt8](repeating: 0, count: RequestParser.headLimit)
    private var drainDeadline = Instant.distantFuture
    /// When to accept again after the process had run out of descriptors.
    private var acceptsAgain: Instant?

    /// Long enough not to spin, short enough not to fail a probe.
    private static let acceptPause = Duration.milliseconds(100)
    /// So that a flood of connections cannot keep those that are open from being served, nor drop a new one before it
    /// has been looked at once.
    private var acceptsPerTurn: Int { min(64, max(1, table.limits.connections / 2)) }

    /// Takes the listening socket over and closes it in the end.
    init(
        listener: Int32, stopSignal: StopSignal, limits: HTTPServerLimits, clock: any Clock,
        handler: @escaping @Sendable (ServerRequest) -> ServerResponse
    ) {
        self.listener = listener
        self.stopSignal = stopSignal
        self.clock = clock
        self.handler = handler
        table = ConnectionTable(limits: limits)
    }

    /// Serves until the stop signal, then until the last response is read or the drain timeout is over.
    mutating func run() {
        while true {
            for descriptor in table.expired(at: clock.now) { drop(descriptor) }
            if listener == nil && (!table.hasUnsentResponses || clock.now >= drainDeadline) { break }
            waitForSockets()
            serveConnections()
            if requests.first?.revents != 0 { beginStop() }
            acceptConnections()
        }
        for descriptor in table.connections.keys { drop(descriptor) }
    }

    // MARK: - Waiting

    private mutating func waitForSockets() {
        requests.removeAll(keepingCapacity: true)
        requests.append(
            pollfd(fd: listener == nil ? -1 : stopSignal.descriptor, events: Int16(POLLIN), revents: 0))
        if let acceptsAgain, acceptsAgain <= clock.now { self.acceptsAgain = nil }
        let accepts = listener != nil && acceptsAgain == nil
        requests.append(pollfd(fd: accepts ? listener ?? -1 : -1, events: Int16(POLLIN), revents: 0))
        var isBusy = false
        for (descriptor, connection) in table.connections {
            var events: Int32 = 0
            if connection.wantsInput { events |= POLLIN }
            if connection.phase == .sending { events |= POLLOUT }
            isBusy = isBusy || connection.canServe
            requests.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
        }
        let count = poll(&requests, nfds_t(requests.count), isBusy ? 0 : timeout)
        guard count < 0 else { return }
        // EINTR, or ENOMEM: what `revents` holds then means nothing.
        for index in requests.indices { requests[index].revents = 0 }
    }

    /// Milliseconds until something is due, rounded up so that it is due then; -1 for never.
    private var timeout: Int32 {
        let deadlines = [table.nextDeadline, acceptsAgain, listener == nil ? drainDeadline : nil]
        guard let next = deadlines.compactMap(\.self).min() else { return -1 }
        let milliseconds = ((next - clock.now).clampedNanoseconds / 1_000_000).advanced(by: 1)
        return Int32(clamping: max(0, milliseconds))
    }

    // MARK: - Connections

    private mutating func serveConnections() {
        for request in requests.dropFirst(2) {
            // Taken out while it changes, so that its buffers are not copied.
            guard var connection = table.connections.removeValue(forKey: request.fd) else { continue }
            let isGone = Int32(request.revents) & (POLLERR | POLLNVAL) != 0
            if !isGone && step(&connection, request) {
                table.connections[request.fd] = connection
            } else {
                close(request.fd)
            }
        }
    }

    /// Reads, answers one request and sends, as far as each goes; false if the connection is done for.
    private mutating func step(_ connection: inout ServerConnection, _ request: pollfd) -> Bool {
        if connection.wantsInput && Int32(request.revents) & (POLLIN | POLLHUP) != 0 {
            switch Sockets.receive(request.fd, into: &buffer) {
            case .done(let count): connection.receive(buffer[..<count], now: clock.now)
            case .end: connection.receiveEnd(now: clock.now)
            case .wouldBlock: break
            case .failed: return false
            }
        }
        if connection.canServe {
            for reader in table.excessReaders { drop(reader) }
            connection.serve(now: clock.now, handler)
        }
        guard connection.phase == .sending else { return connection.phase != .closed }
        return send(&connection, request.fd)
    }

    private func send(_ connection: inout ServerConnection, _ descriptor: Int32) -> Bool {
        switch Sockets.send(descriptor, connection.pendingOutput) {
        case .done(let count): connection.didSend(count, now: clock.now)
        case .wouldBlock: break
        case .end, .failed: return false
        }
        if connection.phase == .lingering { shutdown(descriptor, Int32(SHUT_WR)) }
        return connection.phase != .closed
    }

    private mutating func drop(_ descriptor: Int32) {
        table.connections[descriptor] = nil
        close(descriptor)
    }

    // MARK: - Listening

    private mutating func acceptConnections() {
        guard let listener, requests.count > 1, requests[1].revents != 0 else { return }
        var mayDrop = true
        for _ in 0..<acceptsPerTurn {
            do throws(SocketError) {
                guard let descriptor = try Sockets.accept(listener) else { return }
                if table.isFull, let victim = table.victim { drop(victim) }
                table.connections[descriptor] = ServerConnection(now: clock.now)
            } catch {
                // Out of descriptors: the least useful connection gives up its own.
                guard mayDrop, error.code == EMFILE || error.code == ENFILE, let victim = table.victim else {
                    acceptsAgain = clock.now + Self.acceptPause
                    return
                }
                mayDrop = false
                drop(victim)
            }
        }
    }

    private mutating func beginStop() {
        if let listener { close(listener) }
        listener = nil
        drainDeadline = clock.now + table.limits.drainTimeout
        for (descriptor, connection) in table.connections where connection.phase != .sending {
            drop(descriptor)
        }
    }
}
