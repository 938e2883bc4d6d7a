// SPDX-License-Identifier: Apache-2.0
import CCurl
import Platform

/// The thread that owns libcurl's multi handle, its connections and every transfer.
///
/// Other threads put commands into the inbox and wake it; nothing else of it is theirs to touch. It keeps no
/// reference to the transport, so the transport's end is always seen from outside the thread.
final class CurlEngine: @unchecked Sendable {  // All but `inbox` belongs to the thread that runs `run()`.
    enum Command: Sendable {
        case start(CurlExchange)
        case cancel(CurlExchange)
        /// The reader of a stream has taken what it was held back for.
        case resume(CurlExchange)
        /// The exchange has been silent for so long that its connection may be dead.
        case distrust(CurlExchange)
        /// A transport is gone: what is under way comes to its end.
        case release(CurlDestination)
        /// A transport was shut down: what is under way ends now.
        case end(CurlDestination)
        /// Finish what is under way, then end the thread.
        case retire
        /// End everything now.
        case stop
    }

    private struct Inbox {
        var commands: [Command] = []
        /// The thread sits in, or goes into, `curl_multi_poll` and has to be woken.
        var isWaiting = false
        /// False once the thread takes no more commands; the multi handle may be gone.
        var isOpen = true
    }

    /// How many connections one host may have, besides those of streams, once it is known to speak HTTP/1.1 only:
    /// as many requests run at a time.
    static let connectionsOverHTTP1 = 32
    /// A request with less time than this proves nothing about its connection.
    private static let shortestSilence: Duration = .seconds(2)
    /// How long a stream that was paused may be silent before libcurl is asked to look again.
    private static let nudgeInterval: Duration = .milliseconds(100)
    /// With nothing to do the thread still looks up once an hour.
    private static let longestWait: Duration = .seconds(3600)

    private let inbox = Locked(Inbox())
    private let multi: UnsafeMutableRawPointer
    private let clock = SystemClock()
    private let idleConnections: Int
    private var lanes = CurlLanes()
    private var transfers: [ObjectIdentifier: CurlTransfer] = [:]
    /// When a request is given up, or a stream whose head is not there yet.
    ///
    /// libcurl's own limit does not hold for a transfer that still waits for a connection.
    private var deadlines: [ObjectIdentifier: Instant] = [:]
    private var streams: [ObjectIdentifier: CurlTransfer] = [:]
    private var isRetired = false
    private var isStopped = false
    /// How many connections there may be to a host besides those that streams may hold.
    private var connectionLimit = 1
    /// When requests that have ended heard from the server, by the connection, while others are on it.
    private var lastHeard: [CurlConnection: Instant] = [:]

    init(idleConnections: Int) throws(TransportError) {
        guard curlIsReady else { throw .invalidConfiguration("libcurl does not start") }
        guard let multi = curl_multi_init() else { throw .invalidConfiguration("libcurl is out of memory") }
        self.multi = multi
        self.idleConnections = idleConnections
        ccurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
        limitConnections()
    }

    /// Allows one connection more for each open stream.
    ///
    /// A stream may hold a connection for as long as it lasts that takes no other request: one over HTTP/1.1, or
    /// one that the server has asked to leave (GOAWAY).
    private func limitConnections() {
        let count = connectionLimit + streams.count
        ccurl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, count)
        ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, max(count, idleConnections))
    }
}

// What other threads do.
extension CurlEngine {
    /// Starts the thread, which keeps the engine alive until it ends.
    func startThread() throws(TransportError) -> SystemThread {
        do throws(SystemThread.StartError) {
            // libcurl and OpenSSL need far less; pages that are never touched cost nothing.
            return try SystemThread.start(stackSize: 512 << 10) { [self] in run() }
        } catch {
            close()
            throw .invalidConfiguration("no thread for the HTTP client: \(error)")
        }
    }

    /// Runs the exchange up to its start: the whole response, or the head of a stream.
    func run(_ exchange: CurlExchange) async throws(TransportError) -> HTTPResponse {
        try exchange.request.checkIsSendable()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                exchange.awaitStart(waiter)
                if !post(.start(exchange)) { exchange.end(.cancelled) }
            }
        } onCancel: {
            cancel(exchange)
        }
        return try result.get()
    }

    /// Ends the exchange soon; does nothing if it has ended.
    func cancel(_ exchange: CurlExchange) {
        if exchange.markCancelled() { post(.cancel(exchange)) }
    }

    /// Leaves a command for the thread; false if it takes no more.
    @discardableResult
    func post(_ command: Command) -> Bool {
        inbox.withLock { inbox in
            guard inbox.isOpen else { return false }
            inbox.commands.append(command)
            if inbox.isWaiting {
                inbox.isWaiting = false
                // Under the lock, so that the multi handle cannot go away meanwhile; it only writes to a pipe.
                curl_multi_wakeup(multi)
            }
            return true
        }
    }
}

// What the thread does.
extension CurlEngine {
    private func run() {
        while true {
            obeyCommands()
            nudge()
            if isStopped || (isRetired && transfers.isEmpty) { break }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            finishTransfers()
            passOnNews()
            expire()
            waitForWork()
        }
        close()
    }

    private func obeyCommands() {
        let commands = inbox.withLock { inbox in
            defer { inbox.commands.removeAll(keepingCapacity: inbox.commands.count <= 64) }
            return inbox.commands
        }
        for command in commands {
            switch command {
            case .start(let exchange): start(exchange)
            case .cancel(let exchange): end(transfers[ObjectIdentifier(exchange)], with: .cancelled)
            case .resume(let exchange): transfers[ObjectIdentifier(exchange)]?.resume()
            case .distrust(let exchange): distrust(transfers[ObjectIdentifier(exchange)])
            case .release(let destination): lanes.release(destination)
            case .end(let destination): endAll(to: destination)
            case .retire: isRetired = true
            case .stop: isStopped = true
            }
        }
    }

    private func waitForWork() {
        let mayWait = inbox.withLock { inbox in
            inbox.isWaiting = inbox.commands.isEmpty
            return inbox.isWaiting
        }
        guard mayWait, !(isRetired && transfers.isEmpty) else { return }
        var wait = Self.longestWait
        if streams.values.contains(where: { $0.wasAhead && !$0.isAhead }) { wait = Self.nudgeInterval }
        if let deadline = deadlines.values.min() {
            wait = min(wait, max(.zero, deadline - clock.now))
        }
        curl_multi_poll(multi, nil, 0, Int32(wait.roundedUpMilliseconds), nil)
        inbox.withLock { $0.isWaiting = false }
    }

    private func start(_ exchange: CurlExchange) {
        if exchange.isCancelled || exchange.destination.isClosed { return exchange.end(.cancelled) }
        do throws(TransportError) {
            let destination = exchange.destination
            allowConnections(to: destination.options)
            let handle = try lanes.enter(destination)
            let transfer = CurlTransfer(exchange, handle, clock)
            do throws(TransportError) {
                try handle.prepare(
                    transfer, youngerThan: lanes[lastSilenceOf: destination].map { clock.now - $0 })
                guard curl_multi_add_handle(multi, handle.raw) == CURLM_OK else {
                    throw .invalidConfiguration("libcurl does not take the request")
                }
            } catch {
                lanes.leave(destination, handle)
                throw error
            }
            keep(transfer)
        } catch {
            exchange.end(error)
        }
    }

    private func keep(_ transfer: CurlTransfer) {
        let id = ObjectIdentifier(transfer.exchange)
        transfers[id] = transfer
        if let timeout = transfer.exchange.request.timeout { deadlines[id] = clock.now + timeout }
        guard transfer.exchange.isStream else { return }
        streams[id] = transfer
        limitConnections()
    }

    private func finishTransfers() {
        var (easy, code): (UnsafeMutableRawPointer?, CURLcode) = (nil, CURLE_OK)
        while ccurl_multi_next_done(multi, &easy, &code) {
            guard let transfer = CurlTransfer.of(handle: easy) else { continue }
            if code == CURLE_OPERATION_TIMEDOUT { endSilentConnection(of: transfer, since: transfer.started) }
            noteProtocol(transfer)
            if code == CURLE_OK, transfer.failure == nil {
                complete(transfer)
            } else {
                end(transfer, with: transfer.failure ?? error(of: transfer, for: code))
            }
        }
    }

    private func complete(_ transfer: CurlTransfer) {
        release(transfer)
        if transfer.exchange.isStream {
            transfer.passOn()
            transfer.exchange.end(transfer.failure, trailers: transfer.head.trailers)
        } else if let head = transfer.responseHead {
            transfer.exchange.begin(
                HTTPResponse(head: head, body: transfer.takeBody(), trailers: transfer.head.trailers))
        } else {
            transfer.exchange.end(nil)
        }
    }

    /// Takes the transfer out of libcurl, then tells who waits.
    private func end(_ transfer: CurlTransfer?, with error: TransportError) {
        guard let transfer else { return }
        release(transfer)
        if error != .cancelled { transfer.passOn() }
        transfer.exchange.end(error)
    }

    private func release(_ transfer: CurlTransfer) {
        let id = ObjectIdentifier(transfer.exchange)
        transfers[id] = nil
        noteArrivals(of: transfer)
        deadlines[id] = nil
        if transfer.exchange.isStream {
            streams[id] = nil
            limitConnections()
        }
        curl_multi_remove_handle(multi, transfer.handle.raw)
        transfer.handle.clear()
        lanes.leave(transfer.exchange.destination, transfer.handle)
    }

    /// Gives streams what this round brought, in one piece.
    private func passOnNews() {
        for transfer in streams.values where transfer.hasNews {
            noteProtocol(transfer)
            if transfer.head.finished != nil {
                let lifetime = transfer.exchange.request.lifetime
                deadlines[ObjectIdentifier(transfer.exchange)] = lifetime.map { transfer.started + $0 }
            }
            transfer.passOn()
            if transfer.isAhead { transfer.handle.pause(true) }
            if let failure = transfer.failure { end(transfer, with: failure) }
        }
    }

    private func nudge() {
        for transfer in streams.values where transfer.wasAhead && !transfer.isAhead {
            if clock.now - (transfer.lastArrival ?? transfer.started) >= Self.nudgeInterval {
                transfer.nudge()
            }
        }
    }

    private func expire() {
        guard !deadlines.isEmpty else { return }
        let now = clock.now
        for (id, deadline) in deadlines where deadline <= now {
            guard let transfer = transfers[id] else { continue }
            // A stream that has begun and is not to last longer says nothing about its connection.
            if !transfer.exchange.isStream || transfer.head.finished == nil {
                endSilentConnection(of: transfer, since: transfer.started)
            }
            end(transfer, with: error(of: transfer, for: CURLE_OPERATION_TIMEDOUT))
        }
    }

    /// HTTP/1.1 carries one exchange a connection, so a few would not do.
    private func noteProtocol(_ transfer: CurlTransfer) {
        guard transfer.handle.usesHTTP1, lanes.noteHTTP1(transfer.exchange.destination) else { return }
        allowConnections(Self.connectionsOverHTTP1)
    }

    private func error(of transfer: CurlTransfer, for code: CURLcode) -> TransportError {
        transfer.handle.error(for: code, transfer.exchange.destination.options)
    }

    /// Ends what is left and frees everything.
    private func close() {
        let commands = inbox.withLock { inbox in
            inbox.isOpen = false
            defer { inbox.commands = [] }
            return inbox.commands
        }
        for transfer in Array(transfers.values) { end(transfer, with: .cancelled) }
        for case .start(let exchange) in commands { exchange.end(.cancelled) }
        lanes = CurlLanes()
        curl_multi_cleanup(multi)
    }
}

// Limits and ends.
extension CurlEngine {
    private func endAll(to destination: CurlDestination) {
        for transfer in Array(transfers.values) where transfer.exchange.destination === destination {
            end(transfer, with: .cancelled)
        }
        lanes.release(destination)
    }

    private func allowConnections(to options: CurlOptions) {
        allowConnections(options.isPlainHTTP ? Self.connectionsOverHTTP1 : options.maximumConnections)
    }

    /// Raises the number of connections to a host, which libcurl has one of for all.
    private func allowConnections(_ count: Int) {
        guard count > connectionLimit else { return }
        connectionLimit = count
        limitConnections()
    }
}

// Connections that stay open and carry nothing more.
extension CurlEngine {
    private func distrust(_ transfer: CurlTransfer?) {
        guard let transfer else { return }
        transfer.handle.forbidReuse()
        endSilentConnection(of: transfer, since: transfer.lastArrival ?? transfer.started)
    }

    /// Ends what else waits on the connection of a transfer that has waited in vain, if all of it is silent.
    ///
    /// libcurl puts new requests on an old connection as long as any other is on it, and each of them would
    /// wait for its own time limit.
    private func endSilentConnection(of transfer: CurlTransfer, since start: Instant) {
        let now = clock.now
        lanes[lastSilenceOf: transfer.exchange.destination] = now
        guard let connection = transfer.connection else { return }
        let fellow = transfers.values.filter { $0.uses(connection) }
        let arrivals = fellow.compactMap(\.lastArrival)
        let heard = arrivals.reduce(lastHeard[connection] ?? start) { max($0, $1) }
        guard Self.isSilent(waitingSince: start, heard: heard, now: now) else { return }
        for other in fellow where other !== transfer {
            other.handle.forbidReuse()
            end(other, with: .interrupted("the server fell silent on the connection"))
        }
    }

    /// Whether a connection on which one has waited since `start`, and which brought something last at `heard`,
    /// is taken for dead.
    ///
    /// Nothing came in the latter half of the wait, nor for 2 s at least. A connection that carries other
    /// answers serves a slow request, and stays.
    static func isSilent(waitingSince start: Instant, heard: Instant, now: Instant) -> Bool {
        let silence = now - max(start, heard)
        return silence >= shortestSilence && silence * 2 >= now - start
    }

    /// Keeps what the ended transfer heard for as long as others are on its connection.
    private func noteArrivals(of transfer: CurlTransfer) {
        guard let connection = transfer.connection else { return }
        guard lanes[transferCountOf: transfer.exchange.destination] > 1,
            transfers.values.contains(where: { $0.uses(connection) })
        else {
            lastHeard[connection] = nil
            return
        }
        if let arrival = transfer.lastArrival {
            lastHeard[connection] = max(arrival, lastHeard[connection] ?? arrival)
        }
    }
}

/// Whether libcurl's process-wide set-up, done once and thread-safe, succeeded.
private let curlIsReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
