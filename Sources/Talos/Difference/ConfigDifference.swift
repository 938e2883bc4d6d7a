// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// What two configurations say differently, whatever their layout.
///
/// Documents are matched by identity, objects and maps by key, lists that Talos merges by a key by that key; other lists
/// so that what was put in or taken out is all that differs. Secrets are hidden here already: no entry holds one.
package struct ConfigDifference: Sendable {
    /// A place where the configurations differ.
    package struct Entry: Sendable, Hashable {
        /// What happened to the place.
        package enum Change: String, Sendable, Hashable {
            case added
            case removed
            case changed
        }

        package let document: DocumentIdentity
        /// The place within the document; the root if the document as a whole was added or removed.
        ///
        /// An element of a list has its index in the new list, or in the old one if it was removed.
        package let path: FieldPath
        package let change: Change
        /// Nil if the place is new; secrets read `******`.
        package let old: JSONValue?
        /// Nil if nothing is there any more; secrets read `******`.
        package let new: JSONValue?
        /// Whether the value itself is a secret.
        package let isSecret: Bool
    }

    /// In the order of the new configuration's documents and of Talos' fields; empty for configurations that mean the
    /// same.
    package let entries: [Entry]

    /// Compares two configurations; nil is one that has no documents.
    ///
    /// Values of secret layers, by their number in either configuration, are hidden as secret fields are.
    package init(
        from old: MachineConfiguration?, to new: MachineConfiguration?, oldSecretLayers: Set<UInt16> = [],
        newSecretLayers: Set<UInt16> = []
    ) {
        let (before, after) = (old?.documents ?? [], new?.documents ?? [])
        var entries: [Entry] = []
        for document in after + before.filter({ new?.document($0.identity) == nil }) {
            var comparison = Comparison(document.identity, oldSecretLayers, newSecretLayers)
            comparison.compare(
                old?.document(document.identity)?.root, new?.document(document.identity)?.root,
                Comparison.Place(type: .object(document.kind.type)))
            entries += comparison.entries
        }
        self.entries = entries
    }

    private init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// The same difference with every value hidden that only the first configuration has, whatever it is.
    ///
    /// For a first configuration of which it is not known what layers it was made of.
    package func hidingRemoved() -> ConfigDifference {
        ConfigDifference(
            entries.map { entry in
                guard entry.old != nil else { return entry }
                return Entry(
                    document: entry.document, path: entry.path, change: entry.change,
                    old: .string(MachineConfiguration.redaction), new: entry.new,
                    isSecret: entry.isSecret || entry.new == nil)
            })
    }
}

/// The comparison of one document.
struct Comparison {
    /// Where the comparison is.
    struct Place {
        var path = FieldPath.root
        var type: FieldType
        var isSecret = false
        /// Whether Talos reads an empty value as none.
        var emptyIsAbsent = false
    }

    private let document: DocumentIdentity
    private let oldSecrets: Hiding
    private let newSecrets: Hiding
    private(set) var entries: [ConfigDifference.Entry] = []

    init(_ document: DocumentIdentity, _ oldSecretLayers: Set<UInt16>, _ newSecretLayers: Set<UInt16>) {
        self.document = document
        oldSecrets = Hiding(layers: oldSecretLayers)
        newSecrets = Hiding(layers: newSecretLayers)
    }

    mutating func compare(_ old: ConfigNode?, _ new: ConfigNode?, _ place: Place) {
        let (old, new) = (Self.present(old, place), Self.present(new, place))
        switch (old?.value, new?.value) {
        case (nil, nil): return
        case (.map(let old), .map(let new)): compare(members: old, new, place)
        case (.list(let old), .list(let new)): compare(elements: old, new, place)
        default:
            guard old?.json != new?.json else { return }
            let isHidden = oldSecrets.hides(old, place.isSecret) || newSecrets.hides(new, place.isSecret)
            entries.append(
                ConfigDifference.Entry(
                    document: document, path: place.path,
                    change: old == nil ? .added : new == nil ? .removed : .changed,
                    old: old.map { oldSecrets.json($0, place.type, place.isSecret || isHidden) },
                    new: new.map { newSecrets.json($0, place.type, place.isSecret || isHidden) },
                    isSecret: isHidden))
        }
    }

    private static func present(_ node: ConfigNode?, _ place: Place) -> ConfigNode? {
        guard let node else { return nil }
        if case .null = node.value { return nil }
        return place.emptyIsAbsent && node.isZero(as: place.type) ? nil : node
    }

    private mutating func compare(
        members old: [ConfigNode.Member], _ new: [ConfigNode.Member], _ place: Place
    ) {
        let (before, after) = (Self.byKey(old), Self.byKey(new))
        for key in place.type.order(of: Set(before.keys).union(after.keys)) {
            compare(before[key], after[key], place.type.place(of: key, in: place))
        }
    }

    private static func byKey(_ members: [ConfigNode.Member]) -> [String: ConfigNode] {
        Dictionary(members.map { ($0.key, $0.node) }) { first, _ in first }
    }

    private mutating func compare(elements old: [ConfigNode], _ new: [ConfigNode], _ place: Place) {
        var (element, keys): (FieldType, [String]) = (.unstructured, [])
        if case .list(let type, let merge) = place.type {
            element = type
            if case .byKeys(let names) = merge { keys = names }
        }
        for pair in ListAlignment.pairs(old, new, keys: keys) {
            guard let index = pair.new ?? pair.old else { continue }
            compare(
                pair.old.map { old[$0] }, pair.new.map { new[$0] },
                Place(path: place.path.appending(index), type: element, isSecret: place.isSecret))
        }
    }
}

extension FieldType {
    /// Keys as Talos writes them: an object's in its own order, all others sorted.
    fileprivate func order(of keys: Set<String>) -> [String] {
        guard case .object(let type) = self else { return keys.sorted() }
        let known = type.fields.map(\.name).filter(keys.contains)
        return known + keys.subtracting(known).sorted()
    }

    /// The place of a member of what is at `place` and has this type.
    fileprivate func place(of key: String, in place: Comparison.Place) -> Comparison.Place {
        let path = place.path.appending(key)
        switch self {
        case .object(let type):
            guard let field = type[key] else { break }
            return Comparison.Place(
                path: path, type: field.type, isSecret: place.isSecret || field.isSecret,
                emptyIsAbsent: !field.isPointer)
        case .map(let type): return Comparison.Place(path: path, type: type, isSecret: place.isSecret)
        default: break
        }
        return Comparison.Place(path: path, type: .unstructured, isSecret: place.isSecret)
    }
}

/// What of a configuration may not be shown.
struct Hiding: Sendable {
    let layers: Set<UInt16>

    /// Whether a value is to be hidden itself; an object or list is not, what is in it may be.
    func hides(_ node: ConfigNode?, _ isSecret: Bool) -> Bool {
        guard let node else { return false }
        switch node.value {
        case .map, .list, .null: return false
        default: return isSecret || layers.contains(node.origin.layer)
        }
    }

    /// The value with every secret in it hidden.
    func json(_ node: ConfigNode, _ type: FieldType, _ isSecret: Bool) -> JSONValue {
        let shown = layers.isEmpty ? node : withoutLayers(node)
        return (isSecret ? shown.redactedWhole() : shown.redacted(as: type)).json
    }

    private func withoutLayers(_ node: ConfigNode) -> ConfigNode {
        var copy = node
        switch node.value {
        case .list(let elements): copy.value = .list(elements.map(withoutLayers))
        case .map(let members):
            copy.value = .map(members.map { ConfigNode.Member(key: $0.key, node: withoutLayers($0.node)) })
        default: if layers.contains(node.origin.layer) { copy = node.redactedWhole() }
        }
        return copy
    }
}
