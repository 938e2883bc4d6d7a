// SPDX-License-Identifier: Apache-2.0
import Platform

/// One client's conversation as a state machine: bytes and times in, bytes and deadlines out, no socket.
///
/// It holds one response at most: the next request is looked at when the last one's answer is gone, and
/// nothing is read meanwhile, so a client that does not read cannot make the server collect answers.
struct ServerConnection {
    enum Phase: Hashable {
        /// A request head is due: the connection is new, or the first byte has come.
        case head
        /// Between two requests.
        case idle
        /// The answer is made elsewhere; see `PendingResponse`.
        case waiting
        /// A response is on its way.
        case sending
        /// Our side is closed; what the client still sends is thrown away until it closes too.
        ///
        /// Closing at once, with bytes unread, would reset the connection and with it the response.
        case lingering
        case closed
    }

    private(set) var phase = Phase.head
    /// When the phase began.
    private(set) var since: Instant
    /// Which answer is waited for.
    var ticket: ServerMailbox.Ticket?

    private var parser = RequestParser()
    /// Whether the parser may hold a whole request.
    private var isUnparsed = false
    private var output: [UInt8] = []
    private var sentCount = 0
    /// What the request at hand says about its answer.
    private var bodyIsDropped = false
    private var persistence = Persistence.keep
    private var hasPeerClosed = false

    init(now: Instant) {
        since = now
    }

    /// Whether to read from the client.
    var wantsInput: Bool {
        switch phase {
        case .head, .idle: !hasPeerClosed && !isUnparsed
        case .lingering: true
        case .waiting, .sending, .closed: false
        }
    }

    /// Whether `serve` has something to do.
    var canServe: Bool {
        (phase == .head || phase == .idle) && (isUnparsed || hasPeerClosed)
    }

    /// What is still to be sent.
    var pendingOutput: ArraySlice<UInt8> { output[sentCount...] }

    /// When the connection is to be dropped.
    func deadline(_ limits: HTTPServerLimits) -> Instant {
        switch phase {
        case .head: since + limits.headTimeout
        case .idle: since + limits.idleTimeout
        case .waiting: since + limits.answerTimeout
        case .sending: since + limits.sendTimeout
        case .lingering: since + limits.lingerTimeout
        case .closed: since
        }
    }

    /// Takes up bytes that the client sent.
    mutating func receive(_ bytes: some Collection<UInt8>, now: Instant) {
        guard phase != .lingering else { return }
        parser.append(bytes)
        isUnparsed = true
        // The deadline runs from the first byte, so that bytes in drops do not move it.
        if phase == .idle { enter(.head, now) }
    }

    /// Notes that the client will send no more; it may still wait for an answer.
    mutating func receiveEnd(now: Instant) {
        hasPeerClosed = true
        if phase == .lingering { enter(.closed, now) }
    }

    /// Answers the next request, if it is there in whole; without an answer yet the connection waits for one.
    mutating func serve(now: Instant, _ handler: (ServerRequest) -> ServerResponse?) {
        isUnparsed = false
        switch parser.next() {
        case .needsMore where hasPeerClosed: enter(.closed, now)
        case .needsMore: break
        case .request(let request, let persistence):
            (bodyIsDropped, self.persistence) = (request.method == .head, persistence)
            if let response = handler(request) {
                answer(response, now: now)
            } else {
                enter(.waiting, now)
            }
        case .refusal(let status): refuse(.refusal(status), now: now)
        }
    }

    /// Sends a last response, whatever the client has asked for.
    mutating func refuse(_ response: ServerResponse, now: Instant) {
        (bodyIsDropped, persistence) = (false, .close)
        answer(response, now: now)
    }

    /// Sends the answer to the request at hand.
    mutating func answer(_ response: ServerResponse, now: Instant) {
        ticket = nil
        output = response.encoded(bodyIsDropped: bodyIsDropped, persistence: persistence)
        enter(.sending, now)
    }

    /// Ends the conversation without a response.
    mutating func end(now: Instant) {
        enter(hasPeerClosed ? .closed : .lingering, now)
    }

    /// Notes that `count` bytes of `pendingOutput` have been sent.
    mutating func didSend(_ count: Int, now: Instant) {
        sentCount += count
        guard sentCount >= output.count else { return }
        output = []
        sentCount = 0
        if persistence == .close {
            end(now: now)
        } else {
            isUnparsed = parser.hasInput
            enter(parser.hasInput ? .head : .idle, now)
        }
    }

    private mutating func enter(_ phase: Phase, _ now: Instant) {
        self.phase = phase
        since = now
    }
}
