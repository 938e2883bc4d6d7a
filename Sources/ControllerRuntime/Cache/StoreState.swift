// SPDX-License-Identifier: Apache-2.0
import Kubernetes

/// The contents of a `Store` and the rules by which lists and events change them.
struct StoreState<R: Resource>: Sendable {
    /// What is known about one watched namespace, or about all of them.
    struct Partition: Sendable {
        var hasSynced = false
        var version: ResourceVersion = ""
        /// The keys that the list in progress has brought.
        var listed: Set<ObjectKey> = []
    }

    /// An object in a place of its own: a table of 16,384 places is half empty when it has just grown, and
    /// while it grows there are two of them.
    private final class Entry: Sendable {
        let object: R

        init(_ object: R) {
            self.object = object
        }
    }

    private var entries: [ObjectKey: Entry] = [:]
    private(set) var partitions: [String: Partition]
    /// Keys by the UID of the controlling owner; no empty entries.
    private var owned: [String: [ObjectKey]] = [:]

    init(partitions: [String]) {
        self.partitions = Dictionary(partitions.map { ($0, Partition()) }) { first, _ in first }
    }

    var count: Int { entries.count }

    func object(_ key: ObjectKey) -> R? { entries[key]?.object }

    func list() -> [R] { entries.values.map(\.object) }

    func list(ownedBy uid: String) -> [R] {
        owned[uid, default: []].compactMap { entries[$0]?.object }
    }

    func count(in partition: String) -> Int {
        partition.isEmpty ? entries.count : entries.keys.count { $0.namespace == partition }
    }

    func newest(in partition: String) -> R? {
        entries.values.lazy.map(\.object)
            .filter { partition.isEmpty || $0.metadata.namespace == partition }
            .max { $1.metadata.resourceVersion.isNewer(than: $0.metadata.resourceVersion) == true }
    }

    func version(forNamespace namespace: String) -> ResourceVersion {
        (partitions[namespace] ?? partitions[""])?.version ?? ""
    }

    mutating func beginList(in partition: String) {
        partitions[partition]?.listed = []
    }

    mutating func addPage(_ items: [R], in partition: String) -> [StoreChange<R>] {
        var changes: [StoreChange<R>] = []
        for item in items {
            partitions[partition]?.listed.insert(item.key)
            if let known = object(item.key), known.metadata.uid == item.metadata.uid,
                known.metadata.resourceVersion == item.metadata.resourceVersion
            {
                continue
            }
            changes += put(item)
        }
        return changes
    }

    mutating func endList(
        in partition: String, version: ResourceVersion, isComplete: Bool
    ) -> [StoreChange<R>] {
        let listed = partitions[partition]?.listed ?? []
        partitions[partition] = Partition(hasSynced: true, version: version)
        guard isComplete else { return [] }
        let gone = entries.keys.filter {
            (partition.isEmpty || $0.namespace == partition) && !listed.contains($0)
        }
        return gone.compactMap { take($0).map { StoreChange(old: $0, new: nil) } }
    }

    mutating func upsert(_ object: R, in partition: String) -> [StoreChange<R>]? {
        guard isNews(object.metadata.resourceVersion, in: partition) else { return nil }
        let changes = put(object)
        advance(to: object.metadata.resourceVersion, in: partition)
        return changes
    }

    mutating func remove(_ object: R, in partition: String) -> [StoreChange<R>]? {
        guard isNews(object.metadata.resourceVersion, in: partition) else { return nil }
        advance(to: object.metadata.resourceVersion, in: partition)
        return take(object.key).map { [StoreChange(old: $0, new: nil)] } ?? []
    }

    mutating func advance(to version: ResourceVersion, in partition: String) {
        guard isNews(version, in: partition), !version.isEmpty else { return }
        partitions[partition]?.version = version
    }

    /// Whether an event of this version tells something new.
    ///
    /// Events of one kind come in the order of their versions, so one that is not newer than all before it
    /// was seen already. Where versions cannot be compared, every event counts.
    private func isNews(_ version: ResourceVersion, in partition: String) -> Bool {
        guard let seen = partitions[partition]?.version, !seen.isEmpty, !version.isEmpty else { return true }
        return version.isNewer(than: seen) ?? (version != seen)
    }

    /// Stores an object; one with another UID under its name was deleted and made again.
    private mutating func put(_ object: R) -> [StoreChange<R>] {
        let (key, owner) = (object.key, object.metadata.controller?.uid)
        let known = entries.updateValue(Entry(object), forKey: key)?.object
        let formerOwner = known?.metadata.controller?.uid
        if formerOwner != owner {
            removeKey(key, of: formerOwner)
            if let owner { owned[owner, default: []].append(key) }
        }
        guard let known, known.metadata.uid != object.metadata.uid else {
            return [StoreChange(old: known, new: object)]
        }
        return [StoreChange(old: known, new: nil), StoreChange(old: nil, new: object)]
    }

    private mutating func take(_ key: ObjectKey) -> R? {
        guard let object = entries.removeValue(forKey: key)?.object else { return nil }
        removeKey(key, of: object.metadata.controller?.uid)
        return object
    }

    private mutating func removeKey(_ key: ObjectKey, of owner: String?) {
        guard let owner, let index = owned[owner]?.firstIndex(of: key) else { return }
        owned[owner]?.remove(at: index)
        if owned[owner]?.isEmpty == true { owned[owner] = nil }
    }
}
