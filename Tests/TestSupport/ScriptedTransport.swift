// SPDX-License-Identifier: Apache-2.0
package import HTTP
import Platform
package import StructuredData

/// An API server made of prepared answers, which remembers what it was asked.
package final class ScriptedTransport: HTTPTransport {
    /// What becomes of one request.
    package enum Answer: Sendable {
        case response(HTTPResponse)
        case failure(TransportError)
        /// A head at once, and a body that the test feeds.
        case stream(HTTPResponseHead, ScriptedBody)
        /// Nothing, until the task is cancelled.
        case silence
    }

    private struct State {
        var answers: [Answer] = []
        var handler: (@Sendable (HTTPRequest) -> Answer?)?
        var requests: [HTTPRequest] = []
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Locked<State>

    /// Answers with `answers` one after the other, and refuses the connection when they have run out.
    package init(_ answers: Answer...) {
        state = Locked(State(answers: answers))
    }

    /// Answers each request as `handler` says; where it returns nil, with the next of the queued answers.
    package init(handler: @escaping @Sendable (HTTPRequest) -> Answer?) {
        state = Locked(State(handler: handler))
    }

    /// Adds answers to the queue.
    package func enqueue(_ answers: Answer...) {
        state.withLock { $0.answers += answers }
    }

    /// The requests so far, in order.
    package var requests: [HTTPRequest] { state.withLock { $0.requests } }

    /// The answers not yet given.
    package var unusedAnswerCount: Int { state.withLock { $0.answers.count } }

    /// Returns once `count` requests have come in.
    package func waitForRequests(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.requests.count >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    package func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        switch answer(request) {
        case .response(let response): return response
        case .failure(let error): throw error
        case .stream(let head, let body):
            var bytes: [UInt8] = []
            while let piece = try await body.next() { bytes += piece }
            return HTTPResponse(head: head, body: bytes)
        case .silence:
            _ = try await ScriptedBody().next()
            throw .cancelled
        }
    }

    package func open(_ request: HTTPRequest) async throws(TransportError) -> (HTTPResponseHead, any HTTPBody)
    {
        switch answer(request) {
        case .response(let response): return (response.head, ScriptedBody([response.body]))
        case .failure(let error): throw error
        case .stream(let head, let body): return (head, body)
        case .silence:
            _ = try await ScriptedBody().next()
            throw .cancelled
        }
    }

    private func answer(_ request: HTTPRequest) -> Answer {
        let (handler, ready) = state.withLock { state in
            state.requests.append(request)
            let ready = state.watchers.filter { $0.count <= state.requests.count }.map(\.continuation)
            state.watchers.removeAll { $0.count <= state.requests.count }
            return (state.handler, ready)
        }
        for continuation in ready { continuation.resume() }
        if let answer = handler?(request) { return answer }
        return state.withLock { state in
            state.answers.isEmpty
                ? .failure(
                    .connectFailed("no answer was scripted for \(request.method.rawValue) \(request.target)"))
                : state.answers.removeFirst()
        }
    }
}

extension ScriptedTransport.Answer {
    /// A JSON document with status 200.
    package static func json(_ document: JSONValue) -> Self {
        json(200, document)
    }

    /// A JSON document.
    package static func json(_ status: Int, _ document: JSONValue, headers: HTTPHeaders = [:]) -> Self {
        var headers = headers
        headers["Content-Type"] = "application/json"
        let head = HTTPResponseHead(status: status, headers: headers)
        return .response(HTTPResponse(head: head, body: document.encoded()))
    }

    /// Plain text, as load balancers send it.
    package static func text(
        _ status: Int, _ body: String, type: String = "text/plain", headers: HTTPHeaders = [:]
    ) -> Self {
        var headers = headers
        headers["Content-Type"] = type
        return .response(
            HTTPResponse(head: HTTPResponseHead(status: status, headers: headers), body: Array(body.utf8)))
    }

    /// A metav1.Status that reports a failure.
    package static func failure(_ status: Int, reason: String, message: String = "scripted") -> Self {
        .json(
            status,
            [
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": .string(reason),
                "message": .string(message), "code": .integer(Int64(status)),
            ])
    }

    /// The head of a watch with status 200.
    package static func watch(_ body: ScriptedBody) -> Self {
        .stream(HTTPResponseHead(status: 200, headers: ["Content-Type": "application/json"]), body)
    }
}

extension HTTPRequest {
    /// The target without its query.
    package var path: String {
        String(target.prefix { $0 != "?" })
    }

    /// The value of a query parameter as it stands in the target, percent-encoded.
    package func query(_ name: String) -> String? {
        guard let mark = target.firstIndex(of: "?") else { return nil }
        let pairs = target[target.index(after: mark)...].split(separator: "&")
        return pairs.first { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }
}
