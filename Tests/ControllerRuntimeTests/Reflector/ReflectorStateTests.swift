// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import Testing

@testable import ControllerRuntime

@Suite("Reflector state")
struct ReflectorStateTests {
    private typealias Action = ReflectorState.Action

    /// A state machine with its own idea of time.
    private struct Driver {
        var state = ReflectorState(timing: .standard)
        var now = Instant(nanoseconds: 0)
        var random = 0.0

        mutating func step(_ input: ReflectorState.Input, after seconds: Double = 0) -> Action {
            now = now + .seconds(seconds)
            return state.step(input, at: now, random: random)
        }

        /// Lists at version 100 and opens the watch.
        mutating func openWatch() {
            _ = step(.began)
            _ = step(.listed("100", continueToken: ""))
            _ = step(.opened)
        }

        mutating func receive(_ version: ResourceVersion, isBookmark: Bool = false, after seconds: Double = 0)
        {
            now = now + .seconds(seconds)
            state.received(version: version, isBookmark: isBookmark, at: now)
        }
    }

    private static let first = Action.list(continueToken: "", limit: 500, reason: nil)
    private static let refused = APIError.transport(.connectFailed("refused"))
    private static let reset = APIError.transport(.interrupted("reset"))
    private static let expired = status(410, "Expired")

    private static func status(_ code: Int, _ reason: String, retryAfter: Duration? = nil) -> APIError {
        .status(APIStatus(code: code, reason: reason, message: "m", retryAfter: retryAfter))
    }

    private static func relist(_ reason: RelistReason) -> Action {
        .list(continueToken: "", limit: 500, reason: reason)
    }

    private static func watch(_ version: ResourceVersion) -> Action {
        .watch(from: version, timeout: .seconds(240))
    }

    private func isWait(_ action: Action) -> Bool {
        if case .wait = action { true } else { false }
    }

    // MARK: Lists

    @Test("it lists page by page and watches from the version of the list")
    func pages() {
        var driver = Driver()
        #expect(driver.step(.began) == Self.first)
        let second = driver.step(.listed("100", continueToken: "t"))
        #expect(second == .list(continueToken: "t", limit: 500, reason: nil))
        #expect(driver.step(.listed("100", continueToken: "")) == Self.watch("100"))
        #expect(driver.step(.opened) == .read)
    }

    @Test("pages that expire twice are given up for one whole list")
    func expiringPages() {
        var driver = Driver()
        _ = driver.step(.began)
        _ = driver.step(.listed("100", continueToken: "t"))
        #expect(driver.step(.listFailed(Self.expired)) == Self.first)
        _ = driver.step(.listed("110", continueToken: "t"))
        #expect(driver.step(.listFailed(Self.expired)) == .list(continueToken: "", limit: 0, reason: nil))
        #expect(isWait(driver.step(.listFailed(Self.expired))))
    }

    @Test("a list that fails waits and begins again")
    func listFailure() {
        var driver = Driver()
        _ = driver.step(.began)
        #expect(driver.step(.listFailed(Self.refused)) == .wait(.milliseconds(800), after: Self.refused))
        #expect(driver.step(.waited) == Self.first)
    }

    @Test("a list that is forbidden waits five seconds at least")
    func forbidden() {
        var driver = Driver()
        _ = driver.step(.began)
        let error = Self.status(403, "Forbidden")
        #expect(driver.step(.listFailed(error)) == .wait(.seconds(5), after: error))
    }

    @Test("a kind that vanishes is believed gone only after a minute, and found again when it returns")
    func vanishedKind() {
        var driver = Driver()
        driver.openWatch()
        let missing = Self.status(404, "NotFound")
        _ = driver.step(.ended(.finished), after: 235)
        #expect(isWait(driver.step(.openFailed(missing), after: 1)))
        #expect(driver.step(.waited) == Self.relist(.error))
        var elapsed = 0.0
        while elapsed < 60 {
            #expect(isWait(driver.step(.listFailed(missing))))
            #expect(driver.step(.waited, after: 10) == Self.first)
            elapsed += 10
        }
        #expect(driver.step(.listFailed(missing)) == .forget)
        #expect(isWait(driver.step(.forgot)))
        #expect(driver.step(.waited) == Self.first)
        #expect(isWait(driver.step(.listFailed(missing), after: 100)))
        _ = driver.step(.waited)
        #expect(driver.step(.listed("300", continueToken: "")) == Self.watch("300"))
    }

    // MARK: Resuming

    @Test("a watch that ends in good order goes on at the last version seen")
    func resume() {
        var driver = Driver()
        driver.openWatch()
        driver.receive("105", after: 10)
        driver.receive("111", isBookmark: true, after: 10)
        #expect(driver.step(.ended(.finished), after: 215) == Self.watch("111"))
        #expect(driver.step(.opened) == .read)
    }

    @Test("an older event does not set the version back")
    func olderEvent() {
        var driver = Driver()
        driver.openWatch()
        driver.receive("105")
        driver.receive("99")
        #expect(driver.state.version == "105")
    }

    @Test("a connection that breaks costs no list: it goes on, and first asks for the server's version")
    func broken() {
        var driver = Driver()
        driver.openWatch()
        driver.receive("105", after: 5)
        #expect(driver.step(.ended(.broken(Self.reset)), after: 5) == Self.watch("105"))
        #expect(driver.step(.opened) == .probe)
        #expect(driver.step(.probed("105")) == .read)
    }

    @Test("a server whose version is behind ours was set back, and everything is listed anew")
    func regression() {
        var driver = Driver()
        driver.openWatch()
        driver.receive("105", after: 5)
        _ = driver.step(.ended(.broken(Self.reset)), after: 5)
        _ = driver.step(.opened)
        #expect(driver.step(.probed("80")) == Self.relist(.versionRegression))
        #expect(driver.step(.listed("80", continueToken: "")) == Self.watch("80"))
    }

    @Test("a server with another past than ours is listed anew, whenever that shows")
    func foreign() {
        var (probed, caughtUp) = (Driver(), Driver())
        probed.openWatch()
        caughtUp.openWatch()
        _ = probed.step(.ended(.broken(Self.reset)), after: 5)
        _ = probed.step(.opened)
        #expect(probed.step(.probed("130", isForeign: true)) == Self.relist(.versionRegression))
        #expect(caughtUp.step(.ended(.foreign), after: 20) == Self.relist(.versionRegression))
    }

    @Test("a watch that the server ends early is looked at with suspicion")
    func earlyEnd() {
        var driver = Driver()
        driver.openWatch()
        driver.receive("105", after: 50)
        #expect(driver.step(.ended(.finished), after: 50) == Self.watch("105"))
        #expect(driver.step(.opened) == .probe)
    }

    @Test("a probe that fails waits and opens the watch again")
    func failedProbe() {
        var driver = Driver()
        driver.openWatch()
        _ = driver.step(.ended(.broken(Self.reset)), after: 50)
        _ = driver.step(.opened)
        #expect(isWait(driver.step(.probeFailed(Self.refused))))
        #expect(driver.step(.waited) == Self.watch("100"))
        #expect(driver.step(.opened) == .probe)
    }

    @Test("refused connections back off from 800 ms to 30 s, keep the version and cost no list")
    func refusedConnections() {
        var driver = Driver()
        driver.openWatch()
        _ = driver.step(.ended(.broken(Self.reset)), after: 50)
        for milliseconds in [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000] {
            let action = driver.step(.openFailed(Self.refused))
            #expect(action == .wait(.milliseconds(milliseconds), after: Self.refused))
            #expect(driver.step(.waited) == Self.watch("100"))
        }
    }

    @Test("two healthy minutes let the waits start anew")
    func healthy() {
        var driver = Driver()
        driver.openWatch()
        for _ in 0..<5 { _ = driver.step(.openFailed(Self.refused)) }
        let later = driver.step(.openFailed(Self.refused), after: 119)
        #expect(later == .wait(.milliseconds(25_600), after: Self.refused))
        let healthy = driver.step(.openFailed(Self.refused), after: 121)
        #expect(healthy == .wait(.milliseconds(800), after: Self.refused))
    }

    @Test("a busy server is obeyed, at the same version", arguments: [429, 503])
    func busy(code: Int) {
        var driver = Driver()
        driver.openWatch()
        let error = Self.status(code, "Busy", retryAfter: .seconds(5))
        for _ in 0..<10 {
            #expect(isWait(driver.step(.openFailed(error))))
            #expect(driver.step(.waited) == Self.watch("100"))
        }
        var other = Driver()
        other.openWatch()
        #expect(other.step(.openFailed(error)) == .wait(.seconds(5), after: error))
    }

    @Test("a watch that ends at once without an event counts as a failure")
    func shortWatch() {
        var driver = Driver()
        driver.openWatch()
        #expect(driver.step(.ended(.finished), after: 0.5) == .wait(.milliseconds(800), after: nil))
        #expect(driver.step(.waited) == Self.watch("100"))
        _ = driver.step(.opened)
        driver.receive("101")
        #expect(driver.step(.ended(.finished), after: 0.5) == Self.watch("101"))
    }

    // MARK: New lists

    @Test("an expired version leads to a new list, told by status code or by event")
    func expired() {
        var driver = Driver()
        driver.openWatch()
        _ = driver.step(.ended(.finished), after: 235)
        #expect(driver.step(.openFailed(Self.expired)) == Self.relist(.expired))
        _ = driver.step(.listed("200", continueToken: ""))
        _ = driver.step(.opened)
        let gone = APIStatus(code: 410, reason: "Gone", message: "too old")
        #expect(driver.step(.ended(.refused(gone)), after: 60) == Self.relist(.expired))
        _ = driver.step(.listed("300", continueToken: ""))
        #expect(isWait(driver.step(.openFailed(Self.expired), after: 1)), "a loop must not be tight")
        #expect(driver.step(.waited) == Self.relist(.expired))
    }

    @Test("an internal error is tried again at the same version, the third time with a new list")
    func internalError() {
        var driver = Driver()
        driver.openWatch()
        let status = APIStatus(code: 500, reason: "InternalError", message: "m")
        for _ in 0..<2 {
            #expect(isWait(driver.step(.ended(.refused(status)), after: 2)))
            #expect(driver.step(.waited) == Self.watch("100"))
            _ = driver.step(.opened)
            _ = driver.step(.probed("100"))
        }
        #expect(isWait(driver.step(.ended(.refused(status)), after: 2)))
        #expect(driver.step(.waited) == Self.relist(.error))
    }

    @Test("any other refusal leads to a new list after a wait")
    func otherRefusal() {
        var driver = Driver()
        driver.openWatch()
        let status = APIStatus(code: 400, reason: "BadRequest", message: "m")
        #expect(isWait(driver.step(.ended(.refused(status)), after: 2)))
        #expect(driver.step(.waited) == Self.relist(.error))
    }

    @Test(
        "what cannot be read would come again, so everything is listed anew after a wait",
        arguments: [
            ReflectorState.WatchEnd.unreadable, .broken(.undecodable("html")),
            .broken(.transport(.responseTooLarge(limit: 1))),
        ])
    func unreadable(end: ReflectorState.WatchEnd) {
        var driver = Driver()
        driver.openWatch()
        driver.receive("101", after: 1)
        #expect(isWait(driver.step(.ended(end), after: 1)))
        #expect(driver.step(.waited) == Self.relist(.decode))
    }

    @Test("after hours everything is listed anew, at the end of a watch")
    func periodic() {
        var driver = Driver()
        driver.openWatch()
        driver.random = 0.5
        driver.receive("101")
        #expect(driver.step(.ended(.finished), after: 4 * 3600 + 1) == Self.relist(.periodic))
    }

    // MARK: Silence

    @Test("a silent watch is given up after 90 s, and the next is given longer until a bookmark comes")
    func stall() {
        var driver = Driver()
        driver.openWatch()
        #expect(driver.state.readDeadline == driver.now + .seconds(90))
        for limit in [180, 250, 250] as [Int] {
            #expect(driver.step(.ended(.stalled), after: 90) == Self.watch("100"))
            #expect(driver.step(.opened) == .probe)
            #expect(driver.step(.probed("100")) == .read)
            #expect(driver.state.readDeadline == driver.now + .seconds(limit))
        }
        driver.receive("120", isBookmark: true, after: 10)
        #expect(driver.state.readDeadline == driver.now + .seconds(90))
    }

    @Test("a watch that the server does not end is ended ten seconds after its time")
    func hardLimit() {
        var driver = Driver()
        driver.openWatch()
        let opened = driver.now
        for _ in 0..<30 { driver.receive("101", isBookmark: true, after: 8) }
        #expect(driver.state.readDeadline == opened + .seconds(250))
    }

    @Test("the time asked for is random and within its range")
    func timeouts() {
        var seen: Set<Duration> = []
        for step in 0..<1000 {
            var driver = Driver()
            driver.random = Double(step) / 1000
            _ = driver.step(.began)
            guard case .watch(_, let timeout) = driver.step(.listed("1", continueToken: "")) else {
                Issue.record("no watch")
                return
            }
            seen.insert(timeout)
        }
        #expect(seen.min() == .seconds(240))
        #expect(seen.max() == .seconds(290))
        #expect(seen.count == 51)
    }
}
