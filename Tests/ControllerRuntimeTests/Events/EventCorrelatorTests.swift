// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import ControllerRuntime

@Suite("Event correlator")
struct EventCorrelatorTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    private func request(_ message: String, object: String = "a", reason: String = "R") -> EventRequest {
        EventRequest(
            type: .warning, reason: reason, message: message,
            regarding: ObjectReference(
                apiVersion: "v1", kind: "Box", namespace: "ns", name: object, uid: "u-\(object)"),
            timestamp: Timestamp(nanosecondsSince1970: 0))
    }

    @Test("an event that happens again counts on the object that shows it")
    func repetition() throws {
        var correlator = EventCorrelator()
        let result = correlator.correlate(request("m"), at: at(0))
        let first = try #require(result)
        #expect(first.count == 1)
        #expect(first.published == nil)
        correlator.setPublished(PublishedEvent(namespace: "ns", name: "e1"), for: first.key)
        let second = correlator.correlate(request("m"), at: at(1))
        #expect(second?.count == 2)
        #expect(second?.published?.name == "e1")
        #expect(correlator.correlate(request("other"), at: at(2)).map(\.count) == 1)
    }

    @Test("from the tenth distinct message on, similar events are one")
    func aggregation() {
        var correlator = EventCorrelator()
        let messages = (1...12).map { correlator.correlate(request("m\($0)"), at: at(0))?.request.message }
        #expect(messages[8] == "m9")
        #expect(messages[9] == "(combined from similar events): m10")
        let again = correlator.correlate(request("m13"), at: at(1))
        #expect(again?.count == 4)
        #expect(again?.key.message == nil)
    }

    @Test("events of another reason or object are not similar")
    func dissimilar() {
        var correlator = EventCorrelator()
        for number in 1...12 {
            let other = correlator.correlate(request("m", object: "o\(number)"), at: at(0))
            #expect(other?.request.message == "m")
        }
        for number in 1...12 {
            let other = correlator.correlate(request("m\(number)", reason: "R\(number)"), at: at(0))
            #expect(other?.request.message == "m\(number)")
        }
    }

    @Test("ten quiet minutes end the aggregation")
    func quiet() {
        var correlator = EventCorrelator()
        for number in 1...11 { _ = correlator.correlate(request("m\(number)"), at: at(0)) }
        #expect(correlator.correlate(request("new"), at: at(601))?.request.message == "new")
    }

    @Test("of a burst, 25 events of an object pass, then one every five minutes")
    func spam() {
        var correlator = EventCorrelator()
        let passed = (0..<1000).count { _ in correlator.correlate(request("m"), at: at(0)) != nil }
        #expect(passed == 25)
        #expect(correlator.correlate(request("m"), at: at(299)) == nil)
        #expect(correlator.correlate(request("m"), at: at(300)) != nil)
        #expect(correlator.correlate(request("m"), at: at(301)) == nil)
        #expect(correlator.correlate(request("m", object: "other"), at: at(301)) != nil)
    }

    @Test("a bucket fills up again and no further")
    func bucket() {
        var bucket = TokenBucket(burst: 2, refillInterval: .seconds(10), full: at(0))
        func take(_ second: Int64) -> Bool { bucket.take(at: at(second)) }
        #expect(
            [take(0), take(0), take(0), take(9), take(10), take(19), take(20)] == [
                true, true, false, false, true, false, true,
            ])
        #expect([take(1000), take(1000), take(1000)] == [true, true, false])
    }

    @Test("the cache keeps what is used and stays within its bounds")
    func cache() {
        var cache = RecentCache<Int, Int>(capacity: 100)
        for number in 0..<10_000 {
            cache[number] = number
            _ = cache[0]
            #expect(cache.count <= 100)
        }
        let (used, old, recent) = (cache[0], cache[5000], cache[9999])
        #expect(used == 0)
        #expect(old == nil)
        #expect(recent == 9999)
    }
}
