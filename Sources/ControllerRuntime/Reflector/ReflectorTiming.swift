// SPDX-License-Identifier: Apache-2.0
import Platform

/// The times by which a Reflector works, each with its reason.
package struct ReflectorTiming: Sendable, Hashable {
    /// The range of the time after which the server is asked to end a watch.
    ///
    /// Random, so that clients do not all come back at once; below the 295 s at which some proxies cut.
    package var watchTimeout: ClosedRange<Int> = 240...290
    /// How long a watch may be silent before it is taken for dead; servers send a bookmark every minute.
    package var idleLimit = Duration.seconds(90)
    /// How long after its timeout the server may take to end a watch.
    package var timeoutSlack = Duration.seconds(10)
    /// A watch that ends sooner than this without an event counts as a failure to open it.
    package var shortWatch = Duration.seconds(1)
    /// The waits after failures in a row.
    package var backoff = Backoff.reflector
    /// Without a failure for this long, the waits start anew.
    package var healthyAfter = Duration.seconds(120)
    /// The shortest wait when the server says that we may not: permissions change slowly.
    package var forbiddenDelay = Duration.seconds(5)
    /// How long the server must deny the kind's existence before its objects are taken for gone.
    ///
    /// API servers that start answer so for a moment, before they have read the CRDs.
    package var absentAfter = Duration.seconds(60)
    /// After this long everything is listed anew, in case a history was lost that nothing else shows.
    package var relistInterval = Duration.seconds(4 * 3600)
    /// A second relist sooner than this waits like a failure.
    package var relistPause = Duration.seconds(5)
    /// Objects in one page of a list.
    package var pageSize = 500

    package init() {}

    /// client-go's numbers where it has them, and ours.
    package static let standard = ReflectorTiming()
}

/// Why everything is listed anew.
package enum RelistReason: String, Sendable, Hashable, CaseIterable {
    /// The server has forgotten the version we would resume at.
    case expired
    /// An event could not be read, so what it said is unknown.
    case decode
    /// The server refuses to resume for another reason.
    case error
    /// The server's version is below ours, or what it has does not follow on what we saw: it was restored from a backup.
    case versionRegression = "rv_regression"
    /// It was time to.
    case periodic
}
