// SPDX-License-Identifier: Apache-2.0
import Kubernetes

/// Tells whether a server still has the history that a store was filled from.
///
/// A server restored from a backup counts its versions on from there. Before it has passed the store's version, the
/// versions alone tell; afterwards a watch goes on as if nothing had happened, though what it tells follows on
/// another past. Two things give that away: an object changed at a version that the store has passed without seeing
/// it, and a number of objects that is not the store's.
struct HistoryCheck: Sendable {
    /// How many objects there are at a version that the watch has yet to reach.
    private var expected: (version: ResourceVersion, count: Int)?
    /// Whether the store holds every object; not if one could not be read.
    private var isExact = false

    /// Takes in that a list has ended; `isComplete` if all of it could be read.
    mutating func listed(isComplete: Bool) {
        expected = nil
        isExact = isComplete
    }

    /// Takes in that an object could not be read, so that the store may lack it from now on.
    mutating func missed() {
        expected = nil
        isExact = false
    }

    /// Takes in that a watch was opened: what was expected of the one before does not count.
    mutating func opened() {
        expected = nil
    }

    /// Takes in how many objects there are at `version`; nil if the server does not tell.
    mutating func expect(_ count: Int?, at version: ResourceVersion) {
        expected = count.flatMap { isExact && !version.isEmpty ? (version, $0) : nil }
    }

    /// Whether an event of `version` can only come after all up to the expected version have come, and the store does
    /// not hold as many objects as it should by then.
    ///
    /// To be asked before the event is taken in and, with `isTaken`, after.
    mutating func isContradicted(by count: @autoclosure () -> Int, at version: ResourceVersion, isTaken: Bool)
        -> Bool
    {
        guard let (due, wanted) = expected else { return false }
        guard version.isNewer(than: due) == true || isTaken && version == due else { return false }
        expected = nil
        return count() != wanted
    }

    /// Whether the server shows an object, which the store has as `known`, in a version that a store at version `seen`
    /// would know.
    ///
    /// An object that the server has not (nil) may have been deleted since, which the watch is about to tell.
    static func isForeign(
        _ shown: ObjectMeta?, known: ObjectMeta, seen: ResourceVersion
    ) -> Bool {
        guard let shown, shown.resourceVersion != known.resourceVersion else { return false }
        return shown.resourceVersion == seen || seen.isNewer(than: shown.resourceVersion) == true
    }
}
