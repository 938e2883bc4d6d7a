// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Token authorizer", .timeLimit(.minutes(15)))
struct TokenAuthorizerTests {
    private let clock = ManualClock()
    private let sink = RecordingLogSink()

    /// An API server that answers reviews as a test says, one answer at a time.
    private final class Reviewer: Sendable {
        private struct State {
            var decisions: [String: AccessDecision] = [:]
            var asked: [String] = []
            var running = 0
            var mostRunning = 0
        }

        private let state = Locked(State())
        /// Nobody is answered before it is open.
        let gate = Latch()

        var asked: [String] { state.withLock { $0.asked } }
        var mostRunning: Int { state.withLock { $0.mostRunning } }

        func set(_ token: String, _ decision: AccessDecision) {
            state.withLock { $0.decisions[token] = decision }
        }

        func review(_ token: String) async -> AccessDecision {
            state.withLock { state in
                state.asked.append(token)
                state.running += 1
                state.mostRunning = max(state.mostRunning, state.running)
            }
            await gate.wait()
            return state.withLock { state in
                state.running -= 1
                return state.decisions[token] ?? .unauthenticated
            }
        }
    }

    /// Runs `body` beside an authorizer that is at work.
    private func withAuthorizer(
        _ reviewer: Reviewer, isOpen: Bool = true, limits: AuthorizerLimits = AuthorizerLimits(),
        _ body: (TokenAuthorizer) async throws -> Void
    ) async throws {
        let logger = Logger(sink: sink, level: .debug, format: .json, clock: clock)
        let authorizer = TokenAuthorizer(limits: limits, clock: clock, logger: logger) {
            await reviewer.review($0)
        }
        if isOpen { reviewer.gate.open() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await authorizer.run() }
            defer {
                reviewer.gate.open()
                group.cancelAll()
            }
            try await body(authorizer)
        }
    }

    /// The decision, whenever it comes.
    private func decision(_ authorizer: TokenAuthorizer, _ token: String) async -> AccessDecision {
        await withCheckedContinuation { continuation in
            let known = authorizer.decide(token) { continuation.resume(returning: $0) }
            if let known { continuation.resume(returning: known) }
        }
    }

    @Test(
        "passes on what the review says",
        arguments: [
            .allowed, .unauthenticated, .forbidden(user: "u"), .unavailable("down"), .failed("403"),
        ] as [AccessDecision])
    func outcomes(expected: AccessDecision) async throws {
        let reviewer = Reviewer()
        reviewer.set("t", expected)
        try await withAuthorizer(reviewer) { authorizer in
            #expect(await decision(authorizer, "t") == expected)
            #expect(await decision(authorizer, "t") == expected)
        }
        #expect(reviewer.asked.count == (expected.holds ? 1 : 2))
    }

    @Test("a revocation takes effect within a minute, a new role within ten seconds")
    func expiry() async throws {
        let reviewer = Reviewer()
        reviewer.set("t", .allowed)
        try await withAuthorizer(reviewer) { authorizer in
            #expect(await decision(authorizer, "t") == .allowed)
            reviewer.set("t", .unauthenticated)
            clock.advance(by: .seconds(60) - .nanoseconds(1))
            #expect(await decision(authorizer, "t") == .allowed)
            clock.advance(by: .nanoseconds(1))
            #expect(await decision(authorizer, "t") == .unauthenticated)
            reviewer.set("t", .allowed)
            clock.advance(by: .seconds(10) - .nanoseconds(1))
            #expect(await decision(authorizer, "t") == .unauthenticated)
            clock.advance(by: .nanoseconds(1))
            #expect(await decision(authorizer, "t") == .allowed)
        }
        #expect(reviewer.asked.count == 3)
    }

    @Test("while the API server is away an allowance holds to its end, and then nobody is allowed")
    func outage() async throws {
        let reviewer = Reviewer()
        reviewer.set("t", .allowed)
        try await withAuthorizer(reviewer) { authorizer in
            #expect(await decision(authorizer, "t") == .allowed)
            reviewer.set("t", .unavailable("down"))
            clock.advance(by: .seconds(59))
            #expect(await decision(authorizer, "t") == .allowed)
            clock.advance(by: .seconds(1))
            for _ in 0..<3 { #expect(await decision(authorizer, "t") == .unavailable("down")) }
            reviewer.set("t", .allowed)
            #expect(await decision(authorizer, "t") == .allowed)
        }
        #expect(sink.lines.count { $0.contains("Cannot decide on access") } == 1)
    }

    @Test("many requests with one token ask once")
    func sharing() async throws {
        let reviewer = Reviewer()
        reviewer.set("t", .allowed)
        let decisions = Locked(0)
        let done = Latch()
        try await withAuthorizer(reviewer, isOpen: false) { authorizer in
            for _ in 0..<50 {
                let known = authorizer.decide("t") { decision in
                    if decision == .allowed,
                        decisions.withLock({
                            $0 += 1; return $0
                        }) == 50
                    {
                        done.open()
                    }
                }
                #expect(known == nil)
            }
            reviewer.gate.open()
            await done.wait()
        }
        #expect(reviewer.asked == ["t"])
    }

    @Test("a flood of strangers asks little at a time, and a token that was allowed goes before them")
    func flood() async throws {
        let reviewer = Reviewer()
        reviewer.set("good", .allowed)
        try await withAuthorizer(reviewer, limits: AuthorizerLimits(waitingCount: 1000, burst: 1000)) {
            authorizer in
            #expect(await decision(authorizer, "good") == .allowed)
            clock.advance(by: .seconds(60))
            let done = Latch()
            let missing = Locked(500)
            for number in 0..<500 {
                let known = authorizer.decide("bad-\(number)") { _ in
                    if missing.withLock({
                        $0 -= 1; return $0
                    }) == 0 {
                        done.open()
                    }
                }
                #expect(known == nil)
            }
            #expect(await decision(authorizer, "good") == .allowed)
            await done.wait()
        }
        #expect(reviewer.asked.count == 502)
        #expect(reviewer.mostRunning <= 4)
    }

    @Test("beyond the burst strangers are turned away unasked, those known before are not")
    func rate() async throws {
        let reviewer = Reviewer()
        reviewer.set("good", .allowed)
        try await withAuthorizer(reviewer) { authorizer in
            #expect(await decision(authorizer, "good") == .allowed)
            clock.advance(by: .seconds(60))
            var refusals = 0
            for number in 0..<100 where await decision(authorizer, "bad-\(number)") != .unauthenticated {
                refusals += 1
            }
            #expect(refusals == 80)
            #expect(await decision(authorizer, "good") == .allowed)
        }
        #expect(reviewer.asked.count == 22)
    }

    @Test("those who wait when it ends are told, and so is everybody after that")
    func stop() async throws {
        let reviewer = Reviewer()
        let logger = Logger(sink: sink, level: .debug, format: .json, clock: clock)
        let authorizer = TokenAuthorizer(clock: clock, logger: logger) { await reviewer.review($0) }
        let answers = Locked<[AccessDecision]>([])
        for number in 0..<10 {
            #expect(
                authorizer.decide("\(number)") { decision in answers.withLock { $0.append(decision) } } == nil
            )
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await authorizer.run() }
            group.cancelAll()
            reviewer.gate.open()
        }
        #expect(answers.withLock { $0.count } == 10)
        #expect(await decision(authorizer, "late") == .unavailable("stopping"))
    }

    @Test("no token is in the log")
    func secrecy() async throws {
        let reviewer = Reviewer()
        reviewer.set("canary-1", .forbidden(user: "u"))
        reviewer.set("canary-2", .failed("403"))
        try await withAuthorizer(reviewer) { authorizer in
            for number in 0..<3 { _ = await decision(authorizer, "canary-\(number)") }
        }
        #expect(sink.lines.count == 3)
        #expect(!sink.lines.contains { $0.contains("canary") })
    }

    @Test(
        "an error is never an allowance: some pass, others somebody has to mend",
        arguments: [
            (.failure(.connectFailed("refused")), true), (.failure(.timedOut), true),
            (.failure(500, reason: "InternalError"), true), (.failure(429, reason: "TooManyRequests"), true),
            (.failure(403, reason: "Forbidden"), false), (.failure(404, reason: "NotFound"), false),
            (.failure(401, reason: "Unauthorized"), false), (.text(200, "<html>"), false),
        ] as [(ScriptedTransport.Answer, Bool)])
    func errors(answer: ScriptedTransport.Answer, passes: Bool) async throws {
        let goodToken: ScriptedTransport.Answer = .json(
            201, ["kind": "TokenReview", "status": ["authenticated": true, "user": ["username": "u"]]])
        for answers in [[answer], [goodToken, answer]] {
            let transport = ScriptedTransport()
            for answer in answers { transport.enqueue(answer) }
            let client = KubernetesClient(
                transport: transport, endpoint: Endpoint(scheme: .https, host: "api.test", port: 6443),
                fieldManager: "tests", clock: clock)
            let decision = await TokenAuthorizer.reviews(by: client, path: "/metrics")("t")
            // Each question is asked once.
            #expect(transport.requests.count == answers.count)
            switch decision {
            case .unavailable: #expect(passes)
            case .failed: #expect(!passes)
            case .allowed, .unauthenticated, .forbidden: Issue.record("\(decision)")
            }
        }
    }

    @Test("those who do not lead may ask too")
    func fence() async throws {
        let transport = ScriptedTransport(
            .json(
                201, ["kind": "TokenReview", "status": ["authenticated": true, "user": ["username": "u"]]]),
            .json(201, ["kind": "SubjectAccessReview", "status": ["allowed": true]]))
        let client = KubernetesClient(
            transport: transport, endpoint: Endpoint(scheme: .https, host: "api.test", port: 6443),
            fieldManager: "tests", clock: clock, fence: WriteFence(clock: clock))
        #expect(await TokenAuthorizer.reviews(by: client, path: "/metrics")("t") == .allowed)
    }
}

extension AccessDecision {
    /// Whether it is kept for a while.
    fileprivate var holds: Bool {
        switch self {
        case .allowed, .unauthenticated, .forbidden: true
        case .unavailable, .failed: false
        }
    }
}
