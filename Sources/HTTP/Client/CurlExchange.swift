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

    private struct State {
        var isCancelled = false
        var start: Start?
        var chunk: Chunk?
        var unread: [UInt8] = []
        var end: Result<[UInt8]?, TransportError>?
        var trailers: HTTPHeaders = [:]
    }

    let request: HTTPRequest
    let destination: CurlDestination
    let isStream: Bool
    /// How many unread bytes of a stream are kept before it is given up.
    ///
    /// libcurl is never paused, since its pausing of HTTP/2 streams has a history of stalls.
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

    /// Hands over what is unread, or the end, or keeps who waits for them.
    func awaitChunk(_ waiter: Chunk) {
        let ready: Result<[UInt8]?, TransportError>? = state.withLock { state in
            if state.isCancelled { return .failure(.cancelled) }
            if state.chunk != nil { return .failure(.invalidConfiguration("two tasks read one body")) }
            if !state.unread.isEmpty { return .success(Self.take(&state.unread)) }
            if state.end == nil { state.chunk = waiter }
            return state.end
        }
        if let ready { waiter.resume(returning: ready) }
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

    /// Passes the bytes on, all in one piece; false if the reader is too far behind.
    func deliver(_ bytes: [UInt8]) -> Bool {
        let (waiter, ready, isWithinLimit) = state.withLock { state in
            if state.isCancelled { return (nil as Chunk?, [UInt8](), true) }
            if state.unread.isEmpty {
                state.unread = bytes
            } else {
                state.unread.append(contentsOf: bytes)
            }
            guard state.unread.count <= unreadLimit else {
                state.unread = []
                return (nil, [], false)
            }
            guard let waiter = Self.take(&state.chunk) else { return (nil, [], true) }
            return (waiter, Self.take(&state.unread), true)
        }
        waiter?.resume(returning: .success(ready))
        return isWithinLimit
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
