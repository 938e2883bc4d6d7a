// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import Testing

@testable import ControllerRuntime

@Suite("Decisions of a while ago")
struct DecisionCacheTests {
    private let a = SHA256Digest(of: "a".utf8)
    private let b = SHA256Digest(of: "b".utf8)

    private func at(_ seconds: Int64) -> Instant {
        Instant(nanoseconds: seconds * 1_000_000_000)
    }

    @Test(
        "hold as long as their kind does, and not a moment longer",
        arguments: [
            (.allowed, 60), (.unauthenticated, 10), (.forbidden(user: "u"), 10), (.unavailable("down"), 0),
            (.failed("403"), 0),
        ] as [(AccessDecision, Int64)])
    func lifetime(decision: AccessDecision, seconds: Int64) {
        var cache = DecisionCache(limits: AuthorizerLimits())
        cache.remember(decision, for: a, asOf: at(100))
        #expect(cache.decision(for: b, at: at(100)) == nil)
        for second in 0..<seconds { #expect(cache.decision(for: a, at: at(100 + second)) == decision) }
        #expect(cache.decision(for: a, at: at(100 + seconds)) == nil)
    }

    @Test("an error leaves the decision before it as it is")
    func error() {
        var cache = DecisionCache(limits: AuthorizerLimits())
        cache.remember(.allowed, for: a, asOf: at(0))
        cache.remember(.unavailable("down"), for: a, asOf: at(50))
        #expect(cache.decision(for: a, at: at(59)) == .allowed)
        #expect(cache.decision(for: a, at: at(60)) == nil)
        #expect(cache.wasAllowed(a))
    }

    @Test("a later decision replaces an earlier one")
    func replacement() {
        var cache = DecisionCache(limits: AuthorizerLimits())
        cache.remember(.allowed, for: a, asOf: at(0))
        cache.remember(.unauthenticated, for: a, asOf: at(1))
        #expect(cache.decision(for: a, at: at(2)) == .unauthenticated)
        #expect(!cache.wasAllowed(a))
        cache.remember(.allowed, for: a, asOf: at(3))
        #expect(cache.decision(for: a, at: at(4)) == .allowed)
        #expect(cache.counts == (1, 0))
    }

    @Test("are few, those that end first go first, and refusals drive no allowance out")
    func bounds() {
        var cache = DecisionCache(limits: AuthorizerLimits(allowedCount: 2, refusedCount: 3))
        for (index, digest) in [a, b].enumerated() {
            cache.remember(.allowed, for: digest, asOf: at(Int64(index)))
        }
        for number in 0..<100 {
            cache.remember(.unauthenticated, for: SHA256Digest(of: "\(number)".utf8), asOf: at(2))
        }
        #expect(cache.counts == (2, 3))
        #expect(cache.decision(for: a, at: at(3)) == .allowed)
        cache.remember(.allowed, for: SHA256Digest(of: "c".utf8), asOf: at(3))
        #expect(cache.counts == (2, 3))
        #expect(cache.decision(for: a, at: at(3)) == nil)
        #expect(cache.decision(for: b, at: at(3)) == .allowed)
    }
}
