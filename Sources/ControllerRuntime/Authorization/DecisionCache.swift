// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform

/// The decisions of a while ago, by the digest of the token; no token is kept.
struct DecisionCache {
    private struct Entry {
        var decision: AccessDecision
        /// When it no longer holds.
        var end: Instant
    }

    private let limits: AuthorizerLimits
    private var allowed: [SHA256Digest: Entry] = [:]
    private var refused: [SHA256Digest: Entry] = [:]

    init(limits: AuthorizerLimits) {
        self.limits = limits
    }

    /// The decision that holds at `now`.
    func decision(for digest: SHA256Digest, at now: Instant) -> AccessDecision? {
        guard let entry = allowed[digest] ?? refused[digest], now < entry.end else { return nil }
        return entry.decision
    }

    /// Whether the token was allowed when it was asked about last, however long ago.
    func wasAllowed(_ digest: SHA256Digest) -> Bool {
        allowed[digest] != nil
    }

    /// Notes a decision that was asked for at `time`; one that is not final changes nothing.
    mutating func remember(_ decision: AccessDecision, for digest: SHA256Digest, asOf time: Instant) {
        guard decision.isFinal else { return }
        (allowed[digest], refused[digest]) = (nil, nil)
        if decision == .allowed {
            let entry = Entry(decision: decision, end: time + limits.allowedLifetime)
            Self.put(entry, for: digest, in: &allowed, limit: limits.allowedCount)
        } else {
            let entry = Entry(decision: decision, end: time + limits.refusedLifetime)
            Self.put(entry, for: digest, in: &refused, limit: limits.refusedCount)
        }
    }

    /// How many decisions are kept.
    var counts: (allowed: Int, refused: Int) { (allowed.count, refused.count) }

    /// Makes room by dropping what ends, or ended, first.
    private static func put(
        _ entry: Entry, for digest: SHA256Digest, in entries: inout [SHA256Digest: Entry], limit: Int
    ) {
        while entries.count >= limit, let first = entries.min(by: { $0.value.end < $1.value.end }) {
            entries[first.key] = nil
        }
        entries[digest] = entry
    }
}
