// SPDX-License-Identifier: Apache-2.0
import Platform

/// What is to be sent for an event after its like have been counted.
struct CorrelatedEvent: Sendable, Hashable {
    /// The event, its message replaced if it stands for many.
    var request: EventRequest
    /// The object that shows this event already; nil if one is to be created.
    var published: PublishedEvent?
    /// How often it has happened, this time included.
    var count: Int
    /// When it happened first.
    var firstTimestamp: Timestamp
    /// Under which to remember the object once it is created.
    var key: EventCorrelator.Key
}

/// An event object that we made.
struct PublishedEvent: Sendable, Hashable {
    var namespace: String
    var name: String
}

/// Keeps events from flooding the API server; the rules and numbers are those of client-go.
///
/// Equal events are one object with a count. From the tenth distinct message on, within ten minutes and for
/// one object and reason, all further ones count as one aggregate. What then remains is limited to a burst
/// of 25 for each object and one more every five minutes.
struct EventCorrelator: Sendable {
    static let aggregationLimit = 10
    static let aggregationInterval = Duration.seconds(600)
    static let burst = 25
    static let refillInterval = Duration.seconds(300)
    /// Entries in each of the three caches.
    static let capacity = 4096
    static let aggregatePrefix = "(combined from similar events): "

    /// What makes two events equal.
    struct Key: Sendable, Hashable {
        var regarding: ObjectReference
        var type: EventType
        var reason: String
        /// Nil for the aggregate of many messages.
        var message: String?
    }

    private struct Similar: Sendable {
        var messages: Set<String> = []
        var lastSeen: Instant
    }

    private struct History: Sendable {
        var count: Int
        var firstTimestamp: Timestamp
        var published: PublishedEvent?
    }

    private var similar = RecentCache<Key, Similar>(capacity: capacity)
    private var histories = RecentCache<Key, History>(capacity: capacity)
    private var buckets = RecentCache<ObjectReference, TokenBucket>(capacity: capacity)

    /// What to send for `request`; nil if its object has had too many events.
    mutating func correlate(_ request: EventRequest, at now: Instant) -> CorrelatedEvent? {
        let key = aggregate(request, at: now)
        var history = histories[key] ?? History(count: 0, firstTimestamp: request.timestamp)
        history.count += 1
        histories[key] = history
        guard takeToken(of: request.regarding, at: now) else { return nil }
        var request = request
        if key.message == nil { request.message = Self.aggregatePrefix + request.message }
        return CorrelatedEvent(
            request: request, published: history.published, count: history.count,
            firstTimestamp: history.firstTimestamp, key: key)
    }

    /// Remembers the object that shows an event, or forgets it if it is gone.
    mutating func setPublished(_ event: PublishedEvent?, for key: Key) {
        guard var history = histories[key] else { return }
        history.published = event
        histories[key] = history
    }

    /// The key under which the event counts: its own, or that of all like it if there are too many.
    private mutating func aggregate(_ request: EventRequest, at now: Instant) -> Key {
        let aggregateKey = Key(regarding: request.regarding, type: request.type, reason: request.reason)
        var group = similar[aggregateKey] ?? Similar(lastSeen: now)
        if now - group.lastSeen > Self.aggregationInterval { group.messages = [] }
        group.lastSeen = now
        group.messages.insert(request.message)
        defer { similar[aggregateKey] = group }
        guard group.messages.count >= Self.aggregationLimit else {
            var key = aggregateKey
            key.message = request.message
            return key
        }
        // Bounded: a full group needs no more than its size to be known.
        group.messages.removeFirst()
        return aggregateKey
    }

    private mutating func takeToken(of object: ObjectReference, at now: Instant) -> Bool {
        var bucket =
            buckets[object] ?? TokenBucket(burst: Self.burst, refillInterval: Self.refillInterval, full: now)
        defer { buckets[object] = bucket }
        return bucket.take(at: now)
    }
}

/// A burst of tokens, refilled one by one.
struct TokenBucket: Sendable {
    private let burst: Int
    private let refillInterval: Duration
    private var tokens: Int
    /// Since when the tokens that are missing are being refilled.
    private var refilledAt: Instant

    init(burst: Int, refillInterval: Duration, full now: Instant) {
        self.burst = burst
        self.refillInterval = refillInterval
        tokens = burst
        refilledAt = now
    }

    mutating func take(at now: Instant) -> Bool {
        let elapsed = (now - refilledAt).clampedNanoseconds
        let refills = max(0, elapsed / max(refillInterval.clampedNanoseconds, 1))
        if refills >= Int64(burst - tokens) {
            tokens = burst
            refilledAt = now
        } else {
            tokens += Int(refills)
            refilledAt = refilledAt + refillInterval * Int(refills)
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }
}
