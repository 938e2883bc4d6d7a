// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Testing

@Suite("RetryPolicy")
struct RetryPolicyTests {
    private let policy = RetryPolicy()

    private func status(_ code: Int, retryAfter: Duration? = nil, cause: String? = nil) -> APIError {
        .status(
            APIStatus(
                code: code, reason: "", message: "",
                causes: cause.map { [.init(reason: $0, message: "", field: "")] } ?? [],
                retryAfter: retryAfter))
    }

    private func retries(_ error: APIError) -> [Bool] {
        [APIRequest.Repeatability.idempotent, .detectable, .onlyIfUnprocessed].map {
            policy.decide(attempt: 1, $0, after: error, elapsed: .zero, jitter: 0) != .fail
        }
    }

    @Test("429 is repeated whatever the request, since the server has done nothing")
    func tooManyRequests() {
        #expect(retries(status(429)) == [true, true, true])
        #expect(retries(status(429, retryAfter: .seconds(1))) == [true, true, true])
    }

    @Test("503 with Retry-After is repeated unless a second object could come of it")
    func unavailable() {
        #expect(retries(status(503, retryAfter: .seconds(1))) == [true, true, false])
        #expect(retries(status(503)) == [true, false, false])
    }

    @Test("other server errors are repeated where that changes nothing", arguments: [500, 502, 504])
    func serverErrors(code: Int) {
        #expect(retries(status(code)) == [true, false, false])
        #expect(retries(status(code, retryAfter: .seconds(1))) == [true, false, false])
    }

    @Test("refusals are final", arguments: [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 501])
    func refusals(code: Int) {
        #expect(retries(status(code, retryAfter: .seconds(1))) == [false, false, false])
    }

    @Test("a version in the server's future only means waiting again")
    func tooLargeResourceVersion() {
        let error = status(504, retryAfter: .seconds(1), cause: "ResourceVersionTooLarge")
        #expect(retries(error) == [false, false, false])
    }

    @Test("a broken connection lets a named create be repeated too, a timeout does not")
    func transport() {
        #expect(retries(.transport(.interrupted("reset"))) == [true, true, false])
        #expect(retries(.transport(.timedOut)) == [true, false, false])
    }

    @Test(
        "what another attempt cannot help is final",
        arguments: [
            APIError.transport(.connectFailed("refused")), .transport(.tlsFailed("")), .transport(.cancelled),
            .transport(.responseTooLarge(limit: 1)), .transport(.invalidConfiguration("")), .fenced,
            .undecodable(""), .invalidRequest(""), .credentials(""),
        ])
    func finalErrors(error: APIError) {
        #expect(retries(error) == [false, false, false])
    }

    @Test(
        "waits double from a tenth of a second up to five",
        arguments: [(1, 50), (2, 100), (3, 200), (6, 1600), (7, 2500), (9, 2500)])
    func backOff(attempt: Int, milliseconds: Int) {
        let patient = RetryPolicy(attemptsUnasked: 10)
        let decision = patient.decide(
            attempt: attempt, .idempotent, after: status(500), elapsed: .zero, jitter: 0)
        #expect(decision == .retry(after: .milliseconds(milliseconds)))
    }

    @Test("jitter spreads a wait over its upper half, and never shortens what the server asks for")
    func jitter() {
        #expect(
            policy.decide(attempt: 2, .idempotent, after: status(500), elapsed: .zero, jitter: 0.5)
                == .retry(after: .milliseconds(150)))
        let asked = status(429, retryAfter: .seconds(10))
        #expect(
            policy.decide(attempt: 2, .idempotent, after: asked, elapsed: .zero, jitter: 0.5)
                == .retry(after: .seconds(11)))
    }

    @Test("gives up after the last attempt")
    func attempts() {
        let error = status(429, retryAfter: .seconds(1))
        #expect(policy.decide(attempt: 9, .idempotent, after: error, elapsed: .zero, jitter: 0) != .fail)
        #expect(policy.decide(attempt: 10, .idempotent, after: error, elapsed: .zero, jitter: 0) == .fail)
        #expect(
            RetryPolicy.never.decide(attempt: 1, .idempotent, after: error, elapsed: .zero, jitter: 0)
                == .fail)
    }

    @Test("gives up sooner where the server does not ask for patience, since some failures do not pass")
    func attemptsUnasked() {
        for error in [status(500), status(503), APIError.transport(.interrupted(""))] {
            #expect(policy.decide(attempt: 3, .idempotent, after: error, elapsed: .zero, jitter: 0) != .fail)
            #expect(policy.decide(attempt: 4, .idempotent, after: error, elapsed: .zero, jitter: 0) == .fail)
        }
        #expect(policy.limit(after: status(429)) == 10)
        #expect(policy.limit(after: status(500, retryAfter: .seconds(1))) == 10)
        #expect(RetryPolicy.never.limit(after: status(500)) == 1)
    }

    @Test("fails at once instead of waiting beyond the budget")
    func budget() {
        let short = status(429, retryAfter: .seconds(5))
        #expect(
            policy.decide(attempt: 1, .idempotent, after: short, elapsed: .seconds(54), jitter: 0) != .fail)
        #expect(
            policy.decide(attempt: 1, .idempotent, after: short, elapsed: .seconds(55), jitter: 0) == .fail)
        let absurd = status(429, retryAfter: .seconds(100_000))
        #expect(policy.decide(attempt: 1, .idempotent, after: absurd, elapsed: .zero, jitter: 0) == .fail)
    }

    @Test("believes a server no more than five minutes")
    func serverDelayCap() {
        let patient = RetryPolicy(budget: .seconds(3600))
        let absurd = status(429, retryAfter: .seconds(100_000))
        #expect(
            patient.decide(attempt: 1, .idempotent, after: absurd, elapsed: .zero, jitter: 0)
                == .retry(after: .seconds(300)))
    }
}
