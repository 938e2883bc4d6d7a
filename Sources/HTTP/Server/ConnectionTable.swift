// SPDX-License-Identifier: Apache-2.0
import Platform

/// The open connections by descriptor, and which of them must go.
struct ConnectionTable {
    let limits: HTTPServerLimits
    var connections: [Int32: ServerConnection] = [:]

    init(limits: HTTPServerLimits) {
        self.limits = limits
    }

    var isFull: Bool { connections.count >= limits.connections }

    /// How many response bytes wait for their readers.
    var queuedBytes: Int {
        connections.values.reduce(0) { $0 + $1.pendingOutput.count }
    }

    /// The connections whose time is up or that have come to their end.
    func expired(at now: Instant) -> [Int32] {
        connections.filter { $0.value.phase == .closed || $0.value.deadline(limits) <= now }.map(\.key)
    }

    /// When the next connection's time will be up.
    var nextDeadline: Instant? {
        connections.values.map { $0.deadline(limits) }.min()
    }

    /// Which connection makes room for a new one: the one whose loss hurts least, the oldest among equals.
    ///
    /// A client that keeps 256 connections open, in whatever way, thus loses its own oldest one to a probe.
    var victim: Int32? {
        connections.min {
            ($0.value.phase.worth, $0.value.since, $0.key) < ($1.value.phase.worth, $1.value.since, $1.key)
        }?.key
    }

    /// The slowest readers, as many as hold more response bytes than allowed, the oldest first.
    var excessReaders: [Int32] {
        var excess = queuedBytes - limits.queuedBytes
        guard excess > 0 else { return [] }
        let senders = connections.filter { $0.value.phase == .sending }
            .sorted { ($0.value.since, $0.key) < ($1.value.since, $1.key) }
        return senders.prefix { sender in
            defer { excess -= sender.value.pendingOutput.count }
            return excess > 0
        }.map(\.key)
    }

    /// Whether there is something for `stop` to wait for.
    var hasUnsentResponses: Bool {
        connections.values.contains { $0.phase == .sending }
    }
}

extension ServerConnection.Phase {
    /// How much is lost with a connection: nothing, a handshake, a request.
    ///
    /// An answer is worth no more, or clients that read none could keep a new request from being looked at.
    fileprivate var worth: Int {
        switch self {
        case .closed: 0
        case .lingering: 1
        case .idle: 2
        case .head, .waiting, .sending: 3
        }
    }
}
