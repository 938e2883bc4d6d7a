// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Platform

/// A `Store` seen through our own writes that the watch has not delivered yet.
///
/// A reconcile that reads through it sees what the last one wrote, so it never writes the same twice. An
/// overlay entry ends when the store has caught up with it, or after `lifetime`; then the store is right.
package final class MutationCache<R: Resource>: Sendable {
    package let store: Store<R>
    private let clock: any Clock
    private let lifetime: Duration
    private let overlay = Locked(MutationOverlay<R>())

    /// Lays an empty overlay over `store`; `lifetime` should exceed the delay of any healthy watch.
    package init(_ store: Store<R>, clock: any Clock, lifetime: Duration = .seconds(30)) {
        self.store = store
        self.clock = clock
        self.lifetime = lifetime
    }

    /// The object as the last write or the last event, whichever is newer, left it.
    package func get(_ key: ObjectKey) -> R? {
        overlay.withLock { overlay in
            store.read { state in
                overlay.prune(state, clock.now)
                return overlay.resolve(key, state)
            }
        }
    }

    /// The objects whose controlling owner has this UID, in no particular order.
    package func list(ownedBy uid: String) -> [R] {
        overlay.withLock { overlay in
            store.read { state in
                overlay.prune(state, clock.now)
                let stored = state.list(ownedBy: uid)
                return overlay.isEmpty ? stored : overlay.resolve(stored, ownedBy: uid, state)
            }
        }
    }

    /// Notes what the server answered to a write: the object as it is now.
    package func record(written object: R) {
        note(object.key, .written(object))
    }

    /// Notes that the server has deleted the object with this UID.
    package func record(deletedKey key: ObjectKey, uid: String) {
        note(key, .deleted(uid: uid, after: ""))
    }

    /// How many writes the store has yet to show.
    package var pendingCount: Int { overlay.withLock { $0.count } }

    private func note(_ key: ObjectKey, _ mutation: MutationOverlay<R>.Mutation) {
        overlay.withLock { overlay in
            store.read { state in
                overlay.prune(state, clock.now)
                overlay.note(key, mutation, expires: clock.now + lifetime)
            }
        }
    }
}

/// The writes that a `MutationCache` shows over its store.
struct MutationOverlay<R: Resource>: Sendable {
    enum Mutation: Sendable {
        case written(R)
        /// Gone; the store cannot know before it has reached version `after`.
        case deleted(uid: String, after: ResourceVersion)
    }

    private struct Entry: Sendable {
        var mutation: Mutation
        var serial: UInt64
    }

    private struct Expiry: Sendable {
        var key: ObjectKey
        var serial: UInt64
        var instant: Instant
    }

    private var entries: [ObjectKey: Entry] = [:]
    /// Keys of written objects by the UID of their controlling owner; no empty entries.
    private var owned: [String: Set<ObjectKey>] = [:]
    /// Entries in the order written; one whose serial is not its key's any more was overwritten.
    private var order: [Expiry] = []
    private var head = 0
    private var nextSerial: UInt64 = 0

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }

    mutating func note(_ key: ObjectKey, _ mutation: Mutation, expires: Instant) {
        var mutation = mutation
        if case .deleted(let uid, _) = mutation, case .written(let object) = entries[key]?.mutation {
            mutation = .deleted(uid: uid, after: object.metadata.resourceVersion)
        }
        remove(key)
        nextSerial += 1
        entries[key] = Entry(mutation: mutation, serial: nextSerial)
        order.append(Expiry(key: key, serial: nextSerial, instant: expires))
        if case .written(let object) = mutation, let uid = object.metadata.controller?.uid {
            owned[uid, default: []].insert(key)
        }
    }

    /// Drops the oldest entries for as long as they are overwritten, expired or known to the store.
    mutating func prune(_ state: StoreState<R>, _ now: Instant) {
        while head < order.count {
            let oldest = order[head]
            if let entry = entries[oldest.key], entry.serial == oldest.serial {
                guard oldest.instant <= now || isKnown(entry.mutation, oldest.key, to: state) else { break }
                remove(oldest.key)
            }
            head += 1
        }
        guard head == order.count || head >= 1024 else { return }
        order.removeFirst(head)
        head = 0
    }

    /// What a reader sees under a key.
    func resolve(_ key: ObjectKey, _ state: StoreState<R>) -> R? {
        let stored = state.object(key)
        guard let mutation = entries[key]?.mutation, !isKnown(mutation, key, to: state) else { return stored }
        switch mutation {
        case .deleted: return nil
        case .written(let written): return Self.newer(stored, written)
        }
    }

    func resolve(_ stored: [R], ownedBy uid: String, _ state: StoreState<R>) -> [R] {
        var seen: Set<ObjectKey> = []
        var result: [R] = []
        for object in stored {
            seen.insert(object.key)
            if let current = resolve(object.key, state), current.metadata.controller?.uid == uid {
                result.append(current)
            }
        }
        for key in owned[uid, default: []] where !seen.contains(key) {
            if let current = resolve(key, state), current.metadata.controller?.uid == uid {
                result.append(current)
            }
        }
        return result
    }

    private static func newer(_ stored: R?, _ written: R) -> R {
        guard let stored else { return written }
        let isNewer = stored.metadata.resourceVersion.isNewer(than: written.metadata.resourceVersion)
        return isNewer ?? false ? stored : written
    }

    /// Whether the store shows the write, or something that came after it.
    private func isKnown(_ mutation: Mutation, _ key: ObjectKey, to state: StoreState<R>) -> Bool {
        switch mutation {
        case .deleted(let uid, let version):
            if state.object(key)?.metadata.uid == uid { return false }
            return version.isEmpty
                || version.isNewer(than: state.version(forNamespace: key.namespace)) == false
        case .written(let object):
            let version = object.metadata.resourceVersion
            if state.object(key)?.metadata.resourceVersion == version { return true }
            return version.isNewer(than: state.version(forNamespace: key.namespace)) == false
        }
    }

    private mutating func remove(_ key: ObjectKey) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        guard case .written(let object) = entry.mutation, let uid = object.metadata.controller?.uid else {
            return
        }
        owned[uid]?.remove(key)
        if owned[uid]?.isEmpty == true { owned[uid] = nil }
    }
}
