// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
import Platform

/// The objects of a kind as the watch last showed them; reading costs no request.
///
/// Only `StoreWriter` changes it. Reads are safe from any thread and see whole changes.
package final class Store<R: Resource>: Sendable {
    fileprivate let state: Locked<StoreState<R>>

    fileprivate init(partitions: [String]) {
        state = Locked(StoreState(partitions: partitions))
    }

    /// A store for the objects of `namespaces`, or of all if there are none, with a writer for each.
    package static func make(namespaces: [String] = []) -> (store: Store<R>, writers: [StoreWriter<R>]) {
        let partitions = namespaces.isEmpty ? [""] : namespaces
        let store = Store(partitions: partitions)
        return (store, partitions.map { StoreWriter(store: store, partition: $0) })
    }

    /// The object as the watch last showed it; nil if there is none.
    package func get(_ key: ObjectKey) -> R? {
        state.withLock { $0.object(key) }
    }

    /// Every object, in no particular order.
    package func list() -> [R] {
        state.withLock { $0.list() }
    }

    /// The objects whose controlling owner has this UID, in no particular order.
    package func list(ownedBy uid: String) -> [R] {
        state.withLock { $0.list(ownedBy: uid) }
    }

    /// How many objects there are.
    package var count: Int {
        state.withLock { $0.count }
    }

    /// Whether every part of the store has been listed completely once.
    package var hasSynced: Bool {
        state.withLock { $0.partitions.values.allSatisfy(\.hasSynced) }
    }

    /// The version up to which the store is true for objects of `namespace`; empty before the first list.
    package func resourceVersion(forNamespace namespace: String) -> ResourceVersion {
        state.withLock { $0.version(forNamespace: namespace) }
    }

    /// Reads that must fit together, under one lock; `body` must not call back into the store.
    func read<Value>(_ body: (StoreState<R>) -> Value) -> Value {
        state.withLock { body($0) }
    }
}

/// A change of a store: the object before and after; never both nil.
package struct StoreChange<R: Resource>: Sendable {
    /// Nil if the object is new.
    package var old: R?
    /// Nil if the object is gone; then `old` is its last known state, which may not be its very last.
    package var new: R?

    package init(old: R?, new: R?) {
        self.old = old
        self.new = new
    }

    /// The key of the object.
    package var key: ObjectKey? { (new ?? old)?.key }
}

/// The one hand that changes a part of a `Store`: its Reflector's.
///
/// Each call returns the changes it made; when a caller learns of a change, the store shows it.
package final class StoreWriter<R: Resource>: Sendable {
    package let store: Store<R>
    /// The namespace whose objects are written; empty for all.
    package let partition: String

    fileprivate init(store: Store<R>, partition: String) {
        self.store = store
        self.partition = partition
    }

    /// How many objects its part of the store has.
    package var count: Int { store.state.withLock { $0.count(in: partition) } }

    /// The object of its part that changed last; nil if there is none or versions cannot be compared.
    package var newest: R? { store.state.withLock { $0.newest(in: partition) } }

    /// Forgets what pages brought so far: a list begins.
    package func beginList() {
        store.state.withLock { $0.beginList(in: partition) }
    }

    /// Adds a page of the list that began.
    package func addPage(_ items: [R]) -> [StoreChange<R>] {
        store.state.withLock { $0.addPage(items, in: partition) }
    }

    /// Ends the list: what was known and not listed is gone, and the store is true up to `version`.
    ///
    /// If the list was not complete, because some items could not be read, nothing is taken for gone.
    package func endList(version: ResourceVersion, isComplete: Bool = true) -> [StoreChange<R>] {
        store.state.withLock { $0.endList(in: partition, version: version, isComplete: isComplete) }
    }

    /// Makes the store hold exactly `items`.
    @discardableResult
    package func replace(with items: [R], version: ResourceVersion) -> [StoreChange<R>] {
        beginList()
        return addPage(items) + endList(version: version)
    }

    /// Takes in an object that a watch showed as added or modified.
    ///
    /// - Returns: The changes, deletion first if another object had the name before; nil if the event is
    ///   older than what the store shows.
    @discardableResult
    package func upsert(_ object: R) -> [StoreChange<R>]? {
        store.state.withLock { $0.upsert(object, in: partition) }
    }

    /// Takes out an object that a watch showed as deleted; nil if the event is older than the store.
    @discardableResult
    package func remove(_ object: R) -> [StoreChange<R>]? {
        store.state.withLock { $0.remove(object, in: partition) }
    }

    /// The store is true up to this version.
    package func advance(to version: ResourceVersion) {
        store.state.withLock { $0.advance(to: version, in: partition) }
    }
}
