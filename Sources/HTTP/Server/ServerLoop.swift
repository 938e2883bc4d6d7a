// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// The server's thread: waits for sockets and moves bytes; what to do with them `ServerConnection` knows.
struct ServerLoop {
    private let clock: any Clock
    private let certificate: ServerCertificate?
    private let handler: ServerHandler
    private let mailbox: ServerMailbox
    /// Nil once stopping.
    private var listener: Int32?
    private var table: ConnectionTable
    /// The TLS sessions of the connections that have one, by descriptor.
    private var sessions: [Int32: TLSSession] = [:]
    private var requests: [pollfd] = []
    private var buffer = [UInt8](repeating: 0, count: RequestParser.headLimit)
    private var drainDeadline = Instant.distantFuture
    private var ticketCount: UInt64 = 0
    /// When to accept again after the process had run out of descriptors.
    private var acceptsAgain: Instant?

    /// Long enough not to spin, short enough not to fail a probe.
    private static let acceptPause = Duration.milliseconds(100)
    /// So that a flood of connections cannot keep those that are open from being served, nor drop a new one before it
    /// has been looked at once.
    private var acceptsPerTurn: Int { min(64, max(1, table.limits.connections / 2)) }

    /// Takes the listening socket over and closes it in the end.
    init(
        listener: Int32, mailbox: ServerMailbox, limits: HTTPServerLimits, clock: any Clock,
        certificate: ServerCertificate?, handler: @escaping ServerHandler
    ) {
        self.listener = listener
        self.mailbox = mailbox
        self.clock = clock
        self.certificate = certificate
        self.handler = handler
        table = ConnectionTable(limits: limits)
    }

    /// Serves until asked to stop, then until the last response is read or the drain timeout is over.
    mutating func run() {
        while true {
            for descriptor in table.expired(at: clock.now) { drop(descriptor) }
            if listener == nil && (!table.hasUnsentResponses || clock.now >= drainDeadline) { break }
            waitForSockets()
            serveConnections()
            if requests.first?.revents != 0 { readMail() }
            acceptConnections()
        }
        for descriptor in table.connections.keys { drop(descriptor) }
    }

    // MARK: - Waiting

    private mutating func waitForSockets() {
        requests.removeAll(keepingCapacity: true)
        requests.append(pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0))
        if let acceptsAgain, acceptsAgain <= clock.now { self.acceptsAgain = nil }
        let accepts = listener != nil && acceptsAgain == nil
        requests.append(pollfd(fd: accepts ? listener ?? -1 : -1, events: Int16(POLLIN), revents: 0))
        var isBusy = false
        for (descriptor, connection) in table.connections {
            let stream = stream(descriptor)
            let events = Self.events(connection, stream)
            isBusy = isBusy || connection.canServe || connection.wantsInput && stream.hasPending
            requests.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
        }
        let count = poll(&requests, nfds_t(requests.count), isBusy ? 0 : timeout)
        guard count < 0 else { return }
        // EINTR, or ENOMEM: what `revents` holds then means nothing.
        for index in requests.indices { requests[index].revents = 0 }
    }

    /// What the connection waits for.
    private static func events(_ connection: ServerConnection, _ stream: ServerStream) -> Int32 {
        if connection.phase == .sending || isFinishing(connection, stream) { return stream.writeInterest }
        return connection.wantsInput ? stream.readInterest : 0
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
                closeStream(request.fd)
            }
        }
    }

    /// Reads, answers one request and sends, as far as each goes; false if the connection is done for.
    private mutating func step(_ connection: inout ServerConnection, _ request: pollfd) -> Bool {
        let stream = stream(request.fd)
        if Self.isFinishing(connection, stream) {
            finishSending(stream)
            return true
        }
        let isReadable = Int32(request.revents) & (stream.readInterest | POLLHUP) != 0
        if connection.wantsInput && (isReadable || stream.hasPending) {
            guard receive(&connection, stream) else { return false }
        }
        if connection.canServe {
            for reader in table.excessReaders { drop(reader) }
            serve(&connection, request.fd)
        }
        guard connection.phase == .sending else { return connection.phase != .closed }
        return send(&connection, self.stream(request.fd))
    }

    private mutating func serve(_ connection: inout ServerConnection, _ descriptor: Int32) {
        ticketCount += 1
        let ticket = ServerMailbox.Ticket(descriptor: descriptor, number: ticketCount)
        connection.serve(now: clock.now) { handler($0, PendingResponse(mailbox: mailbox, ticket: ticket)) }
        if connection.phase == .waiting { connection.ticket = ticket }
    }

    private mutating func receive(_ connection: inout ServerConnection, _ stream: ServerStream) -> Bool {
        switch stream.receive(into: &buffer) {
        case .done(let count): connection.receive(buffer[..<count], now: clock.now)
        case .end: connection.receiveEnd(now: clock.now)
        case .wouldBlock: break
        case .failed: return false
        case .plainHTTP:
            sessions[stream.descriptor] = nil
            connection.refuse(.notTLS, now: clock.now)
        case .handshakeFailed:
            // Closing at once might overtake the alert that says why.
            connection.end(now: clock.now)
            finishSending(stream)
        }
        return true
    }

    private mutating func send(_ connection: inout ServerConnection, _ stream: ServerStream) -> Bool {
        switch stream.send(connection.pendingOutput) {
        case .done(let count): connection.didSend(count, now: clock.now)
        case .wouldBlock: break
        case .end, .failed, .plainHTTP, .handshakeFailed: return false
        }
        if connection.phase == .lingering { finishSending(stream) }
        return connection.phase != .closed
    }

    private func stream(_ descriptor: Int32) -> ServerStream {
        ServerStream(descriptor: descriptor, session: sessions[descriptor])
    }

    /// Whether our side is to be closed and TLS has not said so yet.
    private static func isFinishing(_ connection: ServerConnection, _ stream: ServerStream) -> Bool {
        connection.phase == .lingering && stream.session != nil
    }

    /// Closes our side, if there is room for TLS to say so; what comes now is thrown away undeciphered.
    private mutating func finishSending(_ stream: ServerStream) {
        if let session = stream.session, session.finish() == .wouldBlock { return }
        sessions[stream.descriptor] = nil
        shutdown(stream.descriptor, Int32(SHUT_WR))
    }

    private mutating func drop(_ descriptor: Int32) {
        table.connections[descriptor] = nil
        closeStream(descriptor)
    }

    private mutating func closeStream(_ descriptor: Int32) {
        _ = sessions.removeValue(forKey: descriptor)?.finish()
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
                admit(descriptor)
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

    /// Begins a conversation, with TLS if there is a certificate, and never without in its place.
    private mutating func admit(_ descriptor: Int32) {
        if let certificate {
            guard let session = certificate.session(on: descriptor) else {
                close(descriptor)
                return
            }
            sessions[descriptor] = session
        }
        table.connections[descriptor] = ServerConnection(now: clock.now)
    }

    // MARK: - Mail

    private mutating func readMail() {
        let (mail, now) = (mailbox.empty(), clock.now)
        for (ticket, response) in mail.answers {
            // Whoever asked may have gone, and another have the same socket.
            guard table.connections[ticket.descriptor]?.ticket == ticket else { continue }
            for reader in table.excessReaders { drop(reader) }
            table.connections[ticket.descriptor]?.answer(response, now: now)
        }
        if mail.wantsStop && listener != nil { beginStop() }
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
