// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform

/// Makes gRPC calls over HTTP/2.
///
/// A call is sent once at most. Its limit goes to the server as `grpc-timeout`; the client waits 250 ms longer, so
/// that the server's own word on it arrives.
struct GRPCChannel: Sendable {
    /// How much longer than the server the client waits.
    static let grace = Duration.milliseconds(250)

    /// How far the reader of a stream may be behind, as much as there is: 64 MiB, two messages of the largest size.
    private static let unreadLimit = 64 << 20

    let transport: any HTTPTransport

    /// A call with one message as its answer; of none or several it is an error.
    func unary(_ method: String, _ message: [UInt8], within limit: Duration) async throws(TalosError)
        -> [UInt8]
    {
        try await upload(method, [message], within: limit)
    }

    /// A call with many messages, sent in one go, and one message as its answer.
    func upload(_ method: String, _ messages: [[UInt8]], within limit: Duration) async throws(TalosError)
        -> [UInt8]
    {
        try await identifiedCall(method, messages, within: limit).message
    }

    /// The same, and the key of the server that has answered, where no authority vouches for it.
    func identifiedCall(
        _ method: String, _ messages: [[UInt8]], within limit: Duration
    ) async throws(TalosError) -> (message: [UInt8], serverKey: ServerKeyDigest?) {
        var request = Self.request(method, messages, within: limit)
        request.timeout = limit + Self.grace
        request.responseLimit = GRPCFrames.messageLimit + 5
        let response: HTTPResponse
        do throws(TransportError) {
            response = try await transport.send(request)
        } catch {
            throw .transport(error)
        }
        try Self.check(response.head)
        try Self.finish(head: response.head, trailers: response.trailers, isInOrder: true)
        var frames = GRPCFrames()
        frames.add(response.body)
        guard let message = try frames.next(), frames.isEmpty else {
            throw .decoding("not one whole message of \(response.body.count) bytes")
        }
        return (Array(message), response.head.serverKey)
    }

    /// A call with any number of messages as its answer; returns when the server has begun to answer.
    ///
    /// If the answer `isLong`, it has a connection of its own, on which a slow reader holds the server back.
    func open(
        _ method: String, _ message: [UInt8], within limit: Duration, isLong: Bool = false
    ) async throws(TalosError) -> GRPCStream {
        var request = Self.request(method, [message], within: limit)
        request.timeout = limit + Self.grace
        request.lifetime = limit + Self.grace
        request.responseLimit = Self.unreadLimit
        request.holdsBackServer = isLong
        do throws(TransportError) {
            let (head, body) = try await transport.open(request)
            return GRPCStream(head, body)
        } catch {
            throw .transport(error)
        }
    }

    private static func request(_ method: String, _ messages: [[UInt8]], within limit: Duration)
        -> HTTPRequest
    {
        var request = HTTPRequest(
            method: .post, target: method,
            headers: [
                "content-type": "application/grpc+proto", "te": "trailers", "grpc-timeout": timeout(limit),
            ], body: Array(messages.map(GRPCFrames.frame).joined()))
        request.isGRPC = true
        return request
    }

    /// The limit in milliseconds, or in seconds where those have more than the eight digits that gRPC allows.
    static func timeout(_ limit: Duration) -> String {
        let milliseconds = max(1, limit.clampedNanoseconds / 1_000_000)
        if milliseconds < 100_000_000 { return "\(milliseconds)m" }
        return "\(min(milliseconds / 1000, 99_999_999))S"
    }

    /// Refuses what is no gRPC response at all.
    fileprivate static func check(_ head: HTTPResponseHead) throws(TalosError) {
        if let status = GRPCStatus(trailers: [:], head: head.headers) {
            guard status.code == .ok else { throw .status(status) }
            return
        }
        if let status = GRPCStatus(httpStatus: head.status) { throw .status(status) }
        let type = head.headers["content-type"] ?? ""
        guard
            type == "application/grpc" || type.hasPrefix("application/grpc+")
                || type.hasPrefix("application/grpc;")
        else { throw .decoding("the response is not gRPC") }
    }

    /// Judges the end of a response by its status.
    fileprivate static func finish(
        head: HTTPResponseHead, trailers: HTTPHeaders, isInOrder: Bool
    ) throws(TalosError) {
        guard let status = GRPCStatus(trailers: trailers, head: head.headers) else {
            throw .transport(.interrupted("the answer ended without a status"))
        }
        guard status.code == .ok else { throw .status(status) }
        guard isInOrder else { throw .transport(.interrupted("the answer ended within a message")) }
    }
}

/// The messages of a streamed answer; one task reads them.
final class GRPCStream: Sendable {
    private struct State {
        var frames = GRPCFrames()
        var isChecked = false
    }

    private let head: HTTPResponseHead
    private let body: any HTTPBody
    private let state = Locked(State())

    fileprivate init(_ head: HTTPResponseHead, _ body: any HTTPBody) {
        self.head = head
        self.body = body
    }

    /// The next message; nil once the server has ended the stream with the status OK.
    func next() async throws(TalosError) -> [UInt8]? {
        if state.withLock({ !$0.isChecked }) {
            try GRPCChannel.check(head)
            state.withLock { $0.isChecked = true }
        }
        while true {
            let message = try state.withLock { (state) throws(TalosError) in
                try state.frames.next().map(Array.init)
            }
            if let message { return message }
            let chunk: [UInt8]?
            do throws(TransportError) {
                chunk = try await body.next()
            } catch {
                throw .transport(error)
            }
            guard let chunk else {
                let isInOrder = state.withLock { $0.frames.isEmpty }
                try GRPCChannel.finish(head: head, trailers: body.trailers, isInOrder: isInOrder)
                return nil
            }
            state.withLock { $0.frames.add(chunk) }
        }
    }
}
