// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform

/// The tokens that the API server is, or is to be, asked about; pure, so that every limit is a test of its own.
///
/// Tokens that were allowed before go first and always find a place: whoever sends garbage can keep strangers
/// waiting, but not those who have been let in.
struct ReviewQueue {
    typealias Waiter = @Sendable (AccessDecision) -> Void

    /// A token to ask about.
    struct Job: Sendable {
        var digest: SHA256Digest
        var token: String
    }

    private struct Entry {
        /// Forgotten as soon as it is asked about.
        var token: String?
        var isRenewal: Bool
        var number: Int
        var since: Instant
        var waiters: [Waiter]
    }

    private let limits: AuthorizerLimits
    private var entries: [SHA256Digest: Entry] = [:]
    private var lastNumber = 0
    /// How many unknown tokens may come now; grows with time.
    private var allowance: Double
    private var allowanceTime: Instant

    init(limits: AuthorizerLimits, now: Instant) {
        self.limits = limits
        allowance = Double(limits.burst)
        allowanceTime = now
    }

    /// Lets `waiter` wait for the decision about a token, with others if there are any; false if there is no room.
    mutating func add(
        _ job: Job, isRenewal: Bool, now: Instant, waiter: @escaping Waiter
    ) -> Bool {
        if let entry = entries[job.digest] {
            guard entry.waiters.count < limits.waitersPerToken else { return false }
            entries[job.digest]?.waiters.append(waiter)
            return true
        }
        guard isRenewal || strangers < limits.waitingCount && spendAllowance(now) else { return false }
        lastNumber += 1
        entries[job.digest] = Entry(
            token: job.token, isRenewal: isRenewal, number: lastNumber, since: now, waiters: [waiter])
        return true
    }

    /// The next token to ask about.
    mutating func take() -> Job? {
        let next = waiting.min {
            ($0.value.isRenewal ? 0 : 1, $0.value.number) < ($1.value.isRenewal ? 0 : 1, $1.value.number)
        }
        guard let (digest, entry) = next, let token = entry.token else { return nil }
        entries[digest]?.token = nil
        return Job(digest: digest, token: token)
    }

    /// Those who have waited too long for their token to be asked about.
    mutating func takeOverdue(at now: Instant) -> [Waiter] {
        let overdue = waiting.filter { $0.value.since + limits.patience <= now }
        for digest in overdue.keys { entries[digest] = nil }
        return overdue.values.flatMap(\.waiters)
    }

    /// Those who wait for the decision about a token, which has come.
    mutating func finish(_ digest: SHA256Digest) -> [Waiter] {
        entries.removeValue(forKey: digest)?.waiters ?? []
    }

    /// Everybody, when nothing will be decided any more.
    mutating func takeAll() -> [Waiter] {
        defer { entries = [:] }
        return entries.values.flatMap(\.waiters)
    }

    private var waiting: [SHA256Digest: Entry] { entries.filter { $0.value.token != nil } }

    private var strangers: Int { waiting.values.count { !$0.isRenewal } }

    private mutating func spendAllowance(_ now: Instant) -> Bool {
        let gained = (now - allowanceTime).seconds * Double(limits.perSecond)
        allowance = min(Double(limits.burst), allowance + max(0, gained))
        allowanceTime = now
        guard allowance >= 1 else { return false }
        allowance -= 1
        return true
    }
}
