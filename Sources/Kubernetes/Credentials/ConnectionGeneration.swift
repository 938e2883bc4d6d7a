// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform

/// A connection made with certificates that do not change, and how many requests are under way on it.
final class ConnectionGeneration: Sendable {
    private struct State {
        var requestsUnderWay = 0
        var isRetired = false
    }

    let tls: TLSConfiguration
    let transport: any HTTPTransport
    let shutdown: @Sendable () -> Void
    private let state = Locked(State())

    init(_ connection: RotatingTransport.Connection, _ tls: TLSConfiguration) {
        self.tls = tls
        transport = connection.transport
        shutdown = connection.shutdown
    }

    /// Whether the connection is, or is about to be, closed in favour of another.
    var isRetired: Bool { state.withLock { $0.isRetired } }

    func begin() {
        state.withLock { $0.requestsUnderWay += 1 }
    }

    func end() {
        let isLast = state.withLock { state in
            state.requestsUnderWay -= 1
            return state.isRetired && state.requestsUnderWay == 0
        }
        if isLast { shutdown() }
    }

    /// Closes the connection as soon as its requests have their answers; watches are cut off then.
    func retire() {
        let isIdle = state.withLock { state in
            state.isRetired = true
            return state.requestsUnderWay == 0
        }
        if isIdle { shutdown() }
    }

    /// `body`, which breaks off rather than seems cancelled when the connection is retired.
    func wrap(_ body: any HTTPBody) -> any HTTPBody {
        GenerationBody(body: body, generation: self)
    }

    private struct GenerationBody: HTTPBody {
        let body: any HTTPBody
        let generation: ConnectionGeneration

        func next() async throws(TransportError) -> [UInt8]? {
            do {
                return try await body.next()
            } catch {
                guard error == .cancelled, generation.isRetired, !Task.isCancelled else { throw error }
                throw .interrupted("the client certificate was replaced")
            }
        }

        func distrustConnection() { body.distrustConnection() }
    }
}
