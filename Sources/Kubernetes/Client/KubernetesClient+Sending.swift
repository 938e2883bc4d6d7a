// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform

extension KubernetesClient {
    /// Sends a request until it succeeds or `RetryPolicy` gives up; the error is that of the last attempt.
    func send(_ request: APIRequest) async throws(APIError) -> HTTPResponse {
        let wire = try request.httpRequest(timeout: timeout)
        let start = clock.now
        var attempt = 1
        while true {
            do {
                return try await authorized { credential throws(APIError) in
                    try await exchange(request, wire, credential)
                }
            } catch {
                try await backOff(request, attempt, after: error, elapsed: clock.now - start)
                attempt += 1
            }
        }
    }

    /// Opens a stream; one attempt, because whoever reads it knows best when to come back.
    func open(_ request: APIRequest) async throws(APIError) -> any HTTPBody {
        let wire = try request.httpRequest(timeout: timeout)
        return try await authorized { credential throws(APIError) in
            try await openStream(request, wire, credential)
        }
    }

    /// Runs `exchange` with the credential of the moment, and once more if that was refused and there is another.
    ///
    /// The server refuses a credential before it does anything, so every request may be repeated.
    private func authorized<Answer>(
        _ exchange: (Credential) async throws(APIError) -> Answer
    ) async throws(APIError) -> Answer {
        let credential = try await currentCredential()
        do {
            return try await exchange(credential)
        } catch {
            guard error.status?.code == 401 else { throw error }
            credentials.invalidate(credential)
            let fresh = try await currentCredential()
            guard fresh != credential else { throw error }
            return try await exchange(fresh)
        }
    }

    /// A credential must not travel in the clear.
    private func currentCredential() async throws(APIError) -> Credential {
        endpoint.scheme == .https ? try await credentials.credential() : .none
    }

    private func exchange(
        _ request: APIRequest, _ wire: HTTPRequest, _ credential: Credential
    ) async throws(APIError) -> HTTPResponse {
        var wire = wire.authorized(by: credential)
        wire.notAfter = try checkFence(request)
        let start = clock.now
        let response: HTTPResponse
        do {
            response = try await transport.send(wire)
        } catch {
            observe(request, nil, since: start)
            throw error == .tooLate ? .fenced : .transport(error)
        }
        observe(request, response.head, since: start)
        guard (200..<300).contains(response.head.status) else {
            throw .status(APIStatus(response, method: wire.method, now: clock.timestamp))
        }
        return response
    }

    private func openStream(
        _ request: APIRequest, _ wire: HTTPRequest, _ credential: Credential
    ) async throws(APIError) -> any HTTPBody {
        let start = clock.now
        let (head, body): (HTTPResponseHead, any HTTPBody)
        do {
            (head, body) = try await transport.open(wire.authorized(by: credential))
        } catch {
            observe(request, nil, since: start)
            throw .transport(error)
        }
        observe(request, head, since: start)
        guard head.status == 200 else {
            let response = HTTPResponse(head: head, body: await explanation(in: body))
            throw .status(APIStatus(response, method: wire.method, now: clock.timestamp))
        }
        if let type = head.headers["Content-Type"], !type.hasPrefix("application/json") {
            throw .undecodable("the server answered a watch with \(type) instead of application/json")
        }
        return body
    }

    /// What a refusal says, as far as it arrives within five seconds: a stream's timeout ends with its head.
    private func explanation(in body: any HTTPBody) async -> [UInt8] {
        await withTaskGroup(of: [UInt8]?.self) { group in
            group.addTask { await body.beginning(limit: 64 << 10) }
            group.addTask {
                // Cancelled or not: time is up.
                do { try await clock.sleep(for: .seconds(5)) } catch {}
                return nil
            }
            for await bytes in group {
                group.cancelAll()
                if let bytes { return bytes }
            }
            return []
        }
    }

    /// Until when the request may be sent; nil for ever.
    private func checkFence(_ request: APIRequest) throws(APIError) -> Instant? {
        guard request.isMutating, let fence else { return nil }
        guard fence.allowsWrites else { throw .fenced }
        return fence.end
    }

    /// Waits for the next attempt, or throws `error` if there is to be none.
    private func backOff(
        _ request: APIRequest, _ attempt: Int, after error: APIError, elapsed: Duration
    ) async throws(APIError) {
        let decision = retry.decide(
            attempt: attempt, request.repeatability, after: error, elapsed: elapsed, jitter: jitter())
        guard case .retry(let delay) = decision else { throw error }
        observers.notice(
            .retrying(
                verb: request.verb, resource: request.resource, attempt: attempt,
                limit: retry.limit(after: error), delay: delay, error: error))
        do {
            try await clock.sleep(for: delay)
        } catch {
            throw .transport(.cancelled)
        }
    }

    private func observe(_ request: APIRequest, _ head: HTTPResponseHead?, since start: Instant) {
        observers.request(
            RequestObservation(
                verb: request.verb, method: request.method.rawValue, host: endpoint.authority,
                resource: request.resource, statusCode: head?.status, duration: clock.now - start))
        guard let head else { return }
        for text in WarningHeader.texts(in: head.headers.values(of: "Warning")) where warnings.admits(text) {
            observers.notice(.warning(text))
        }
    }
}

extension HTTPRequest {
    fileprivate func authorized(by credential: Credential) -> HTTPRequest {
        var request = self
        request.headers["Authorization"] = credential.authorization
        return request
    }
}

extension HTTPBody {
    /// The body up to `limit` bytes, or as much of it as came before it broke off or the task was cancelled.
    fileprivate func beginning(limit: Int) async -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            while bytes.count < limit, let piece = try await next() { bytes += piece }
        } catch {
            // The status line alone says what happened; a torn body must not hide it.
            return bytes
        }
        return bytes
    }
}
