// SPDX-License-Identifier: Apache-2.0
package import HTTP
import Platform

/// The way to a server, which a test can look at and cut.
package final class NetworkLink: HTTPTransport {
    /// A request that was sent and the status it was answered with; nil if it never was.
    package struct Exchange: Sendable {
        package var request: HTTPRequest
        package var status: Int?
    }

    /// Runs before a request is sent; what it throws is what becomes of the request.
    package typealias Interceptor = @Sendable (HTTPRequest) async throws(TransportError) -> Void

    private struct State {
        var isCut = false
        var interceptor: Interceptor?
        var readers: [Int: Task<[UInt8]?, any Error>] = [:]
        var nextReader = 0
    }

    /// Every exchange whose response head has arrived, or never will, in that order.
    package let exchanges = Journal<Exchange>()
    private let base: any HTTPTransport
    private let state = Locked(State())

    package init(_ base: any HTTPTransport) {
        self.base = base
    }

    /// Breaks every open stream and lets no request through.
    package func cut() {
        let readers = state.withLock { state in
            state.isCut = true
            return state.readers.values
        }
        for reader in readers { reader.cancel() }
    }

    /// Lets requests through again.
    package func mend() {
        state.withLock { $0.isCut = false }
    }

    /// Lets `interceptor` see each request before it is sent; nil for none.
    package func intercept(_ interceptor: Interceptor?) {
        state.withLock { $0.interceptor = interceptor }
    }

    /// Lets requests that match wait for ever, as a network does that swallows packets.
    package func swallow(_ matches: @escaping @Sendable (HTTPRequest) -> Bool) {
        intercept { request throws(TransportError) in
            guard matches(request) else { return }
            do {
                try await SystemClock().sleep(for: request.timeout ?? .seconds(3600))
            } catch {
                throw .cancelled
            }
            throw .timedOut
        }
    }

    package func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        try await admit(request)
        do {
            let response = try await base.send(request)
            exchanges.append(Exchange(request: request, status: response.head.status))
            return response
        } catch {
            exchanges.append(Exchange(request: request))
            throw error
        }
    }

    package func open(
        _ request: HTTPRequest
    ) async throws(TransportError) -> (HTTPResponseHead, any HTTPBody) {
        try await admit(request)
        let (head, body) = try await base.open(request)
        exchanges.append(Exchange(request: request, status: head.status))
        return (head, LinkedBody(link: self, base: body))
    }

    private func admit(_ request: HTTPRequest) async throws(TransportError) {
        try await state.withLock { $0.interceptor }?(request)
        let isCut = state.withLock { $0.isCut }
        if isCut { throw .connectFailed("the test has cut the link") }
    }

    /// Reads a piece in a task that `cut` can end.
    fileprivate func read(_ body: any HTTPBody) async throws(TransportError) -> [UInt8]? {
        let reader = Task { try await body.next() }
        let (id, wasCut) = state.withLock { state in
            state.nextReader += 1
            state.readers[state.nextReader] = reader
            return (state.nextReader, state.isCut)
        }
        if wasCut { reader.cancel() }
        defer { state.withLock { $0.readers[id] = nil } }
        let result = await withTaskCancellationHandler {
            await reader.result
        } onCancel: {
            reader.cancel()
        }
        switch result {
        case .success(let piece): return piece
        case .failure(let error as TransportError):
            let isCut = state.withLock { $0.isCut }
            throw isCut && !Task.isCancelled ? .interrupted("the test has cut the link") : error
        case .failure: throw .cancelled
        }
    }
}

private struct LinkedBody: HTTPBody {
    let link: NetworkLink
    let base: any HTTPBody

    func next() async throws(TransportError) -> [UInt8]? {
        try await link.read(base)
    }

    func distrustConnection() { base.distrustConnection() }
}

extension NetworkLink.Exchange {
    /// The parameter of this name in the query, as it was sent.
    package func query(_ name: String) -> String? {
        let parts = request.target.split(separator: "?", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let pair = parts[1].split(separator: "&").first { $0.hasPrefix("\(name)=") }
        return pair.map { String($0.dropFirst(name.count + 1)) }
    }

    package var isWatch: Bool { query("watch") == "true" }
    package var authorization: String? { request.headers["Authorization"] }
}
