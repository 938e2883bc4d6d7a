// SPDX-License-Identifier: Apache-2.0
package import HTTP
import Platform
package import StructuredData

/// A response body whose pieces a test hands out, before or while it is read.
package final class ScriptedBody: HTTPBody {
    private typealias Reader = CheckedContinuation<Result<[UInt8]?, TransportError>, Never>

    private struct State {
        var pieces: [[UInt8]] = []
        var end: Result<[UInt8]?, TransportError>?
        var reader: Reader?
        var isDistrusted = false

        /// What can be read at once; otherwise keeps `reader` for later.
        mutating func take(or reader: Reader) -> Result<[UInt8]?, TransportError>? {
            if case .failure(.cancelled) = end { return end }
            if !pieces.isEmpty { return .success(pieces.removeFirst()) }
            if end == nil { self.reader = reader }
            return end
        }
    }

    /// The fields that follow the body.
    package let trailers: HTTPHeaders
    private let state: Locked<State>

    /// A body that waits for pieces.
    package init(trailers: HTTPHeaders = [:]) {
        self.trailers = trailers
        state = Locked(State())
    }

    /// A body of these pieces and then its end.
    package init(_ pieces: [[UInt8]], trailers: HTTPHeaders = [:]) {
        self.trailers = trailers
        state = Locked(State(pieces: pieces, end: .success(nil)))
    }

    /// Hands out a piece.
    package func yield(_ piece: [UInt8]) {
        deliver(.success(piece))
    }

    /// Hands out a watch event in one line.
    package func yield(event type: String, _ object: JSONValue) {
        let event: JSONValue = ["type": .string(type), "object": object]
        yield(event.encoded() + [UInt8(ascii: "\n")])
    }

    /// Whether the reader has told that the connection may be dead.
    package var isDistrusted: Bool { state.withLock { $0.isDistrusted } }

    package func distrustConnection() {
        state.withLock { $0.isDistrusted = true }
    }

    /// Ends the body.
    package func finish() {
        deliver(.success(nil))
    }

    /// Breaks the body off.
    package func fail(_ error: TransportError) {
        deliver(.failure(error))
    }

    package func next() async throws(TransportError) -> [UInt8]? {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (reader: Reader) in
                let ready = state.withLock { state in state.take(or: reader) }
                if let ready { reader.resume(returning: ready) }
            }
        } onCancel: {
            fail(.cancelled)
        }
        return try result.get()
    }

    private func deliver(_ result: Result<[UInt8]?, TransportError>) {
        let reader = state.withLock { state -> Reader? in
            guard state.end == nil else { return nil }
            if case .success(let piece?) = result {
                if state.reader == nil { state.pieces.append(piece) }
            } else {
                state.end = result
            }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: result)
    }
}
