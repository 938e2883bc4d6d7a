// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import Testing

@testable import ControllerRuntime

@Suite("Tokens to ask about")
struct ReviewQueueTests {
    private func at(_ seconds: Double) -> Instant {
        Instant(nanoseconds: Int64(seconds * 1e9))
    }

    private func queue(_ limits: AuthorizerLimits = AuthorizerLimits()) -> ReviewQueue {
        ReviewQueue(limits: limits, now: at(0))
    }

    private func add(
        _ token: String, to queue: inout ReviewQueue, isRenewal: Bool = false, at seconds: Double = 0
    ) -> Bool {
        let job = ReviewQueue.Job(digest: SHA256Digest(of: token.utf8), token: token)
        return queue.add(job, isRenewal: isRenewal, now: at(seconds)) { _ in }
    }

    private func tokens(_ queue: inout ReviewQueue) -> [String] {
        var tokens: [String] = []
        while let job = queue.take() { tokens.append(job.token) }
        return tokens
    }

    @Test("go in the order they came, those that were allowed before first")
    func order() {
        var queue = queue()
        for token in ["a", "b", "c"] { #expect(add(token, to: &queue)) }
        for token in ["x", "y"] { #expect(add(token, to: &queue, isRenewal: true)) }
        #expect(tokens(&queue) == ["x", "y", "a", "b", "c"])
    }

    @Test("one that is waiting or in work is not asked about twice, and everybody who waits is told")
    func joining() throws {
        var queue = queue()
        #expect(add("a", to: &queue))
        #expect(add("a", to: &queue))
        let taken = queue.take()
        let job = try #require(taken)
        #expect(queue.take() == nil)
        #expect(add("a", to: &queue))
        #expect(queue.take() == nil)
        #expect(queue.finish(job.digest).count == 3)
        #expect(queue.finish(job.digest).isEmpty)
        #expect(add("a", to: &queue))
        #expect(tokens(&queue) == ["a"])
    }

    @Test("strangers come in a burst and then ten a second; those known before are not counted")
    func rate() {
        var queue = queue()
        var next = 0
        /// How many strangers get in at a time.
        func admitted(at seconds: Double) -> Int {
            var count = 0
            for _ in 0..<100 {
                next += 1
                guard add("\(next)", to: &queue, at: seconds) else { continue }
                count += 1
                _ = queue.take().map { queue.finish($0.digest) }
            }
            return count
        }
        #expect(admitted(at: 0) == 20)
        #expect(admitted(at: 0) == 0)
        #expect(add("known", to: &queue, isRenewal: true))
        #expect(admitted(at: 0.55) == 5)
        #expect(admitted(at: 1) == 5)
        #expect(admitted(at: 1000) == 20)
    }

    @Test("strangers have few places, and take none from those known before")
    func places() {
        var queue = queue(AuthorizerLimits(waitingCount: 2))
        #expect(add("a", to: &queue) && add("b", to: &queue))
        #expect(!add("c", to: &queue))
        #expect(add("known", to: &queue, isRenewal: true))
        _ = queue.take()
        #expect(!add("c", to: &queue))
        // What is in work waits no longer.
        _ = queue.take()
        #expect(add("c", to: &queue))
    }

    @Test("few may wait for one of them")
    func waiters() {
        var queue = queue(AuthorizerLimits(waitersPerToken: 2))
        #expect(add("a", to: &queue) && add("a", to: &queue))
        #expect(!add("a", to: &queue))
        #expect(add("b", to: &queue))
    }

    @Test("those that waited too long are given up, those in work are not")
    func patience() throws {
        var queue = queue()
        #expect(add("a", to: &queue) && add("b", to: &queue))
        let taken = queue.take()
        let job = try #require(taken)
        #expect(add("c", to: &queue, at: 1))
        #expect(queue.takeOverdue(at: at(7.9)).isEmpty)
        #expect(queue.takeOverdue(at: at(8)).count == 1)
        #expect(tokens(&queue) == ["c"])
        #expect(queue.finish(job.digest).count == 1)
    }
}
