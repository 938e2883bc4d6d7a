// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("Maintenance windows")
struct MaintenanceWindowTests {
    /// Sundays from 02:00 for four hours.
    private let sunday = MaintenanceWindow(days: [0], opensAt: 120, duration: .seconds(4 * 3600))
    /// From Monday to Friday at 22:00, over midnight.
    private let nights = MaintenanceWindow(
        days: [1, 2, 3, 4, 5], opensAt: 1320, duration: .seconds(4 * 3600))
    /// The whole weekend.
    private let weekend = MaintenanceWindow(days: [6], opensAt: 0, duration: .seconds(48 * 3600))

    private func time(_ text: String) -> Timestamp {
        Timestamp(rfc3339: text) ?? Timestamp(nanosecondsSince1970: .min)
    }

    @Test(
        "A window is open from its opening on and closed when its time is over",
        arguments: [
            // 2026-11-22 is a Sunday.
            ("2026-11-22T01:59:59Z", false), ("2026-11-22T02:00:00Z", true), ("2026-11-22T05:59:59Z", true),
            ("2026-11-22T06:00:00Z", false), ("2026-11-23T03:00:00Z", false), ("2026-11-29T03:00:00Z", true),
        ])
    func hours(_ text: String, _ isOpen: Bool) {
        #expect(sunday.isOpen(at: time(text)) == isOpen)
    }

    @Test(
        "A window over midnight belongs to the day it opens on",
        arguments: [
            ("2026-11-23T21:59:59Z", false), ("2026-11-23T22:00:00Z", true), ("2026-11-24T01:59:59Z", true),
            ("2026-11-24T02:00:00Z", false), ("2026-11-28T01:00:00Z", true), ("2026-11-28T22:30:00Z", false),
            ("2026-11-23T01:00:00Z", false),
        ])
    func overMidnight(_ text: String, _ isOpen: Bool) {
        #expect(nights.isOpen(at: time(text)) == isOpen)
    }

    @Test(
        "A window may be longer than a day, up to a week that never closes",
        arguments: [
            ("2026-11-20T23:59:59Z", false), ("2026-11-21T00:00:00Z", true), ("2026-11-22T23:59:59Z", true),
            ("2026-11-23T00:00:00Z", false),
        ])
    func longWindow(_ text: String, _ isOpen: Bool) {
        #expect(weekend.isOpen(at: time(text)) == isOpen)
        let week = MaintenanceWindow(days: [3], opensAt: 600, duration: .seconds(7 * 86_400))
        #expect(week.isOpen(at: time(text)))
    }

    @Test(
        "The next opening is the first one that is still to come",
        arguments: [
            ("2026-11-22T01:00:00Z", "2026-11-22T02:00:00Z"),
            ("2026-11-22T02:00:00Z", "2026-11-29T02:00:00Z"),
            ("2026-11-25T12:00:00Z", "2026-11-29T02:00:00Z"),
            ("2026-12-31T23:00:00Z", "2027-01-03T02:00:00Z"),
        ])
    func nextOpening(_ text: String, _ next: String) {
        #expect(sunday.nextOpening(after: time(text))?.rfc3339() == next)
    }

    @Test("Of several windows the earliest counts, and without any it is always open")
    func several() {
        let now = time("2026-11-23T12:00:00Z")
        #expect([sunday, nights].nextOpening(after: now)?.rfc3339() == "2026-11-23T22:00:00Z")
        #expect([MaintenanceWindow]().isOpen(at: now))
        #expect(![sunday, nights].isOpen(at: now))
        #expect([MaintenanceWindow]().nextOpening(after: now) == nil)
    }

    @Test("A window without days opens every day, before 1970 too")
    func everyDay() {
        let daily = MaintenanceWindow(days: [], opensAt: 90, duration: .seconds(90 * 60))
        for day in ["1969-12-31", "1970-01-01", "2024-02-29", "2026-11-21"] {
            #expect(daily.isOpen(at: time("\(day)T01:30:00Z")))
            #expect(!daily.isOpen(at: time("\(day)T03:00:00Z")))
            #expect(daily.nextOpening(after: time("\(day)T00:00:00Z"))?.rfc3339() == "\(day)T01:30:00Z")
        }
    }

    @Test("A window is open exactly from one of its openings on, for as long as it lasts", arguments: 0..<20)
    func openingsAndHoursAgree(_ seed: UInt64) {
        var generator = SplitMix(state: seed)
        let start = time("2026-11-15T00:00:00Z")
        for _ in 0..<20 {
            let window = MaintenanceWindow(
                days: Set((0..<7).filter { _ in Bool.random(using: &generator) }),
                opensAt: Int.random(in: 0..<1440, using: &generator),
                duration: .seconds(60 * Int.random(in: 1...4000, using: &generator)))
            var openings: [Timestamp] = []
            var from = start
            while let next = window.nextOpening(after: from), next < start + .seconds(21 * 86_400) {
                openings.append(next)
                from = next
            }
            for _ in 0..<50 {
                let now = start + .seconds(Int.random(in: 8 * 86_400..<20 * 86_400, using: &generator))
                let isOpen = openings.contains { $0 <= now && now < $0 + window.duration }
                #expect(window.isOpen(at: now) == isOpen, "\(window) at \(now.rfc3339())")
            }
        }
    }
}
