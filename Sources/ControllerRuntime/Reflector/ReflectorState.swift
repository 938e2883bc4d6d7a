// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform

/// What a Reflector does next, decided without doing it.
///
/// The life of a reflector: list page by page, watch from the list's version, and when the watch ends for any
/// reason that does not make the version useless, watch again from the last version seen. Only a version
/// that is known to be useless leads to a new list.
struct ReflectorState: Sendable {
    /// The next thing to do; its outcome is the next `Input`.
    enum Action: Sendable, Hashable {
        /// Ask for a page; an empty token begins a new list, for this reason if it is not the first.
        case list(continueToken: String, limit: Int, reason: RelistReason?)
        /// Take every object for gone: the server does not know the kind any more.
        case forget
        case watch(from: ResourceVersion, timeout: Duration)
        /// Ask for the server's present version, while the open watch waits.
        case probe
        /// Read the open watch to its end.
        case read
        case wait(Duration, after: APIError?)
    }

    /// The outcome of an action.
    enum Input: Sendable {
        case began
        case listed(ResourceVersion, continueToken: String)
        case listFailed(APIError)
        case forgot
        case opened
        case openFailed(APIError)
        /// `isForeign` if what the server shows follows on another past than the store.
        case probed(ResourceVersion, isForeign: Bool = false)
        case probeFailed(APIError)
        case ended(WatchEnd)
        case waited
    }

    /// How a watch ended.
    enum WatchEnd: Sendable, Hashable {
        /// The response ended in good order.
        case finished
        /// The connection broke, or what came was no watch.
        case broken(APIError)
        /// The server said why in an event.
        case refused(APIStatus)
        /// Nothing came for too long, or the server did not end the watch in time.
        case stalled
        /// An event could not be read and not even its version is known.
        case unreadable
        /// What the server has does not follow on what the store has.
        case foreign
    }

    private enum Phase: Sendable {
        case listing
        case watching
    }

    /// Refusals in a row, other than by 410, after which resuming is given up for a new list.
    private static let refusalLimit = 3

    let timing: ReflectorTiming
    /// The version up to which events have been seen.
    private(set) var version: ResourceVersion = ""
    private var phase = Phase.listing
    private var relistReason: RelistReason?
    private var failures = 0
    private var lastFailure: Instant?
    private var refusals = 0
    /// Lists in a row whose later pages had expired.
    private var brokenLists = 0
    private var hasListed = false
    private var listedAt: Instant?
    private var relistDue = Instant.distantFuture
    /// Since when the server has said that it does not know the kind.
    private var absentSince: Instant?
    /// The connection was lost in a way that a restored backup may explain.
    private var isSuspect = false
    private var idleLimit: Duration
    private var openedAt: Instant?
    private var timeout = Duration.zero
    private var lastActivity: Instant?
    private var eventCount = 0

    init(timing: ReflectorTiming) {
        self.timing = timing
        idleLimit = timing.idleLimit
    }

    /// Takes in the outcome of the last action and returns the next one.
    mutating func step(_ input: Input, at now: Instant, random: Double) -> Action {
        switch input {
        case .began: return list(from: "")
        case .listed(let version, let token): return listed(version, token, now, random)
        case .listFailed(let error): return listFailed(error, now, random)
        case .forgot, .probeFailed, .openFailed, .ended, .probed, .opened:
            return watchStep(input, now, random)
        case .waited: return phase == .listing ? list(from: "") : watch(random)
        }
    }

    /// Notes an event of the open watch; the version is empty if the event tells none.
    mutating func received(version: ResourceVersion, isBookmark: Bool, at now: Instant) {
        lastActivity = now
        eventCount += 1
        if !version.isEmpty, version.isNewer(than: self.version) != false { self.version = version }
        if isBookmark { idleLimit = timing.idleLimit }
        refusals = 0
    }

    /// When the open watch is to be given up, unless something comes before.
    var readDeadline: Instant {
        guard let openedAt else { return .distantFuture }
        return min((lastActivity ?? openedAt) + idleLimit, openedAt + timeout + timing.timeoutSlack)
    }

    /// The events of the open or last watch, bookmarks included.
    var watchEventCount: Int { eventCount }
    var watchOpened: Instant? { openedAt }

    // MARK: Lists

    private mutating func list(from token: String) -> Action {
        defer { relistReason = nil }
        // A snapshot that keeps expiring between pages is read in one piece.
        let limit = brokenLists >= 2 ? 0 : timing.pageSize
        return .list(continueToken: token, limit: limit, reason: relistReason)
    }

    private mutating func listed(
        _ version: ResourceVersion, _ token: String, _ now: Instant, _ random: Double
    ) -> Action {
        guard token.isEmpty else { return list(from: token) }
        self.version = version
        phase = .watching
        hasListed = true
        listedAt = now
        absentSince = nil
        isSuspect = false
        brokenLists = 0
        refusals = 0
        relistDue = now + timing.relistInterval.jittered(by: 0.1, random: random)
        return watch(random)
    }

    private mutating func listFailed(_ error: APIError, _ now: Instant, _ random: Double) -> Action {
        if error.isExpired, brokenLists < 2 {
            brokenLists += 1
            return list(from: "")
        }
        guard error.isNotFound || error.isUnserved else {
            absentSince = nil
            return fail(error, now, random)
        }
        let since = absentSince ?? now
        absentSince = since
        guard hasListed, now - since >= timing.absentAfter else { return fail(error, now, random) }
        hasListed = false
        return .forget
    }

    private mutating func relist(_ reason: RelistReason) -> Action {
        relistReason = reason
        phase = .listing
        return list(from: "")
    }

    /// A new list at once, or after a wait if the last one has only just been made.
    private mutating func relistSoon(_ reason: RelistReason, _ now: Instant, _ random: Double) -> Action {
        if let listedAt, now - listedAt < timing.relistPause { return relistLater(reason, now, random) }
        return relist(reason)
    }

    private mutating func relistLater(
        _ reason: RelistReason, after error: APIError? = nil, _ now: Instant, _ random: Double
    ) -> Action {
        relistReason = reason
        phase = .listing
        return fail(error, now, random)
    }

    // MARK: Watches

    private mutating func watch(_ random: Double) -> Action {
        let range = timing.watchTimeout
        let seconds = range.lowerBound + Int(Double(range.count) * random)
        timeout = .seconds(min(seconds, range.upperBound))
        openedAt = nil
        lastActivity = nil
        eventCount = 0
        return .watch(from: version, timeout: timeout)
    }

    private mutating func watchStep(_ input: Input, _ now: Instant, _ random: Double) -> Action {
        switch input {
        case .opened:
            openedAt = now
            return isSuspect ? .probe : .read
        case .openFailed(let error): return openFailed(error, now, random)
        case .probed(let present, let isForeign):
            isSuspect = false
            let isBehind = version.isNewer(than: present) == true
            return isBehind || isForeign ? relist(.versionRegression) : .read
        case .ended(let end): return ended(end, now, random)
        case .probeFailed(let error): return fail(error, now, random)
        case .forgot: return fail(nil, now, random)
        case .began, .listed, .listFailed, .waited: return list(from: "")
        }
    }

    private mutating func openFailed(_ error: APIError, _ now: Instant, _ random: Double) -> Action {
        if error.isExpired { return relistSoon(.expired, now, random) }
        if error.isNotFound || error.isUnserved { return relistLater(.error, after: error, now, random) }
        if let status = error.status, status.code != 401, status.code != 403 {
            return refused(status, now, random)
        }
        isSuspect = true
        return fail(error, now, random)
    }

    private mutating func ended(_ end: WatchEnd, _ now: Instant, _ random: Double) -> Action {
        let lasted = now - (openedAt ?? now)
        let isShort = lasted < timing.shortWatch && eventCount == 0
        switch end {
        case .finished where isShort: return fail(nil, now, random)
        case .finished:
            if now >= relistDue { return relist(.periodic) }
            // A server that stops ends its watches early, and may come back as another.
            if lasted + timing.timeoutSlack < timeout { isSuspect = true }
            return watch(random)
        case .broken(let error):
            return broken(error, isShort: isShort, now, random)
        case .refused(let status):
            if APIError.status(status).isExpired { return relistSoon(.expired, now, random) }
            return refused(status, now, random)
        case .stalled:
            idleLimit = min(idleLimit * 2, .seconds(timing.watchTimeout.upperBound) + timing.timeoutSlack)
            isSuspect = true
            return watch(random)
        case .unreadable: return relistLater(.decode, now, random)
        case .foreign: return relistSoon(.versionRegression, now, random)
        }
    }

    private mutating func broken(
        _ error: APIError, isShort: Bool, _ now: Instant, _ random: Double
    ) -> Action {
        // The same event would come again, and with it the same end.
        if error.isTooLarge { return relistLater(.decode, after: error, now, random) }
        if case .undecodable = error { return relistLater(.decode, after: error, now, random) }
        isSuspect = true
        return isShort ? fail(error, now, random) : watch(random)
    }

    /// The server answered and will not let us watch: busy, failing, or it does not like the version.
    private mutating func refused(_ status: APIStatus, _ now: Instant, _ random: Double) -> Action {
        let isBusy = status.code == 429 || status.code == 503 || status.code == 504
        if !isBusy { refusals += 1 }
        guard isBusy || (status.code == 500 && refusals < Self.refusalLimit) else {
            refusals = 0
            return relistLater(.error, after: .status(status), now, random)
        }
        isSuspect = status.code != 429
        return fail(.status(status), now, random)
    }

    // MARK: Waiting

    private mutating func fail(_ error: APIError?, _ now: Instant, _ random: Double) -> Action {
        if let lastFailure, now - lastFailure > timing.healthyAfter { failures = 0 }
        failures += 1
        lastFailure = now
        var delay = timing.backoff.delay(failures: failures, random: random)
        if let code = error?.status?.code, code == 401 || code == 403 {
            delay = max(delay, timing.forbiddenDelay)
        }
        return .wait(max(delay, error?.status?.retryAfter ?? .zero), after: error)
    }
}
