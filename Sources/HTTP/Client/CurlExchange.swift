// SPDX-License-Identifier: Apache-2.0
import Platform

/// One request and what has arrived of its response: what the engine's thread and the caller's task share.
///
/// The task waits for the start (the whole response, or the head of a stream), then for each chunk. The engine
/// alone wakes it; only what is known beforehand (unread bytes, the end, a stopped engine) needs no waiting.
final class CurlExchange: Sendable {
    typealias Start = CheckedContinuation<Result<HTTPResponse, TransportError>, Never>
    typealias Chunk = CheckedContinuation<Result<[UInt8]?, TransportError>, Never>

    /// The most that `unreadLimit` can be: 64 MiB.
    private static let largestUnreadLimit = 64 << 20
    /// How many unread bytes are enough to hold a server back that may be: 4 MiB.
    private static let readAhead = 4 << 20

    /// How far a stream's reader is.
    enum Delivery {
        case inTime
        /// So far behind that the server is to wait until the reader has taken what there is.
        case behind
        /// So far behind that the stream is lost.
        case tooLate
    }

    private struct State {
        var isCancelled = false
        var start: Start?
        var chunk: Chunk?
        var unread: [UInt8] = []
        /// The engine waits for the reader.
        var isBehind = false
        var end: Result<[UInt8]?, TransportError>?
        var trailers: HTTPHeaders = [:]
    }

    let request: HTTPRequest
    let destination: CurlDestination
    let isStream: Bool
    /// How many unread bytes of a stream are kept before it is given up.
    ///
    /// libcurl is paused only where a stream is alone on its connection: others there would stall with it.
    var unreadLimit: Int { min(request.responseLimit, Self.largestUnreadLimit) }
    private let state = Locked(State())

    init(_ request: HTTPRequest, to destination: CurlDestination, isStream: Bool) {
        self.request = request
        self.destination = destination
        self.isStream = isStream
    }
}

// What the caller's task does.
extension CurlExchange {
    /// Keeps who waits for the start; comes before the engine hears of the exchange.
    func awaitStart(_ waiter: Start) {
        state.withLock { $0.start = waiter }
    }

    /// Hands over what is unread, or the end, or keeps who waits for them; true if the engine waits for that.
    func awaitChunk(_ waiter: Chunk) -> Bool {
        let (ready, isAwaited): (Result<[UInt8]?, TransportError>?, Bool) = state.withLock { state in
            if state.isCancelled { return (.failure(.cancelled), false) }
            if state.chunk != nil {
                return (.failure(.invalidConfiguration("two tasks read one body")), false)
            }
            if !state.unread.isEmpty {
                defer { state.isBehind = false }
                return (.success(Self.take(&state.unread)), state.isBehind)
            }
            if state.end == nil { state.chunk = waiter }
            return (state.end, false)
        }
        if let ready { waiter.resume(returning: ready) }
        return isAwaited
    }

    /// What followed the body of a stream; empty before its end.
    var trailers: HTTPHeaders { state.withLock { $0.trailers } }

    /// Marks that nobody wants the rest, for the engine to end the exchange; false if it was over already.
    func markCancelled() -> Bool {
        state.withLock { state in
            guard state.end == nil, !state.isCancelled else { return false }
            state.isCancelled = true
            state.unread = []
            return true
        }
    }
}

// What the engine's thread does.
extension CurlExchange {
    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Wakes who waits for the start.
    func begin(_ response: HTTPResponse) {
        let waiter = state.withLock { state in
            if !isStream { state.end = .success(nil) }
            return Self.take(&state.start)
        }
        waiter?.resume(returning: .success(response))
    }

    /// Passes the bytes on, all in one piece.
    func deliver(_ bytes: [UInt8]) -> Delivery {
        let (waiter, ready, delivery) = state.withLock { state in
            if state.isCancelled { return (nil as Chunk?, [UInt8](), Delivery.inTime) }
            if state.unread.isEmpty {
                state.unread = bytes
            } else {
                state.unread.append(contentsOf: bytes)
            }
            guard state.unread.count <= unreadLimit else {
                state.unread = []
                return (nil, [], .tooLate)
            }
            guard let waiter = Self.take(&state.chunk) else {
                state.isBehind = request.holdsBackServer && state.unread.count >= Self.readAhead
                return (nil, [], state.isBehind ? .behind : .inTime)
            }
            return (waiter, Self.take(&state.unread), .inTime)
        }
        waiter?.resume(returning: .success(ready))
        return delivery
    }

    /// Ends the exchange and wakes whoever waits; nil is the regular end of a stream.
    func end(_ error: TransportError?, trailers: HTTPHeaders = [:]) {
        let (start, chunk) = state.withLock { state in
            if state.end == nil {
                state.end = error.map { .failure($0) } ?? .success(nil)
                state.trailers = trailers
            }
            return (Self.take(&state.start), Self.take(&state.chunk))
        }
        start?.resume(returning: .failure(error ?? .interrupted("the server sent no response")))
        chunk?.resume(returning: error.map { .failure($0) } ?? .success(nil))
    }

    private static func take<Value>(_ place: inout Value?) -> Value? {
        defer { place = nil }
        return place
    }

    private static func take(_ bytes: inout [UInt8]) -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }
}
