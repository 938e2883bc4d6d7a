// SPDX-License-Identifier: Apache-2.0

/// The members of a mapping as they are read, with those that `<<` brings in.
struct YAMLMembers<Value: YAMLValue> {
    enum Key {
        case member(String)
        /// A plain `<<`.
        case merge

        var text: String {
            switch self {
            case .member(let text): text
            case .merge: "<<"
            }
        }
    }

    private var members: [Value.Member] = []
    private var merged: [Value.Member] = []
    private var keys = YAMLKeys()

    /// Takes a key for the value that follows; a key can be taken once.
    mutating func claim(_ key: Key, at position: YAMLPosition) throws(YAMLError) {
        if let first = keys.insert(key.text, at: position) {
            throw YAMLError(.duplicateKey(key.text, first: first), position)
        }
    }

    mutating func add(
        _ value: Value, for key: Key, keyLine: Int, at position: YAMLPosition
    ) throws(YAMLError) {
        guard case .merge = key else {
            members.append(Value.Member(key: key.text, line: keyLine, value: value))
            return
        }
        let mappings = value.elements ?? [value]
        for mapping in mappings {
            guard let members = mapping.members else { throw YAMLError(.unusableMerge, position) }
            merged += members
        }
    }

    /// The members; merged ones come last, and only those whose key is not there yet.
    mutating func all() -> [Value.Member] {
        for member in merged where keys.insert(member.key, at: YAMLPosition()) == nil {
            members.append(member)
        }
        return members
    }
}

/// The keys of a mapping and where they stand.
///
/// Nearly all mappings have a handful of keys, which are found faster by looking at each than by hashing.
struct YAMLKeys {
    private static let searchLimit = 16

    private var list: [(key: String, position: YAMLPosition)] = []
    /// All keys, once there are more than the limit.
    private var table: [ExactText: YAMLPosition] = [:]

    /// Takes a key; where it stands already, if it does.
    mutating func insert(_ key: String, at position: YAMLPosition) -> YAMLPosition? {
        guard list.count >= Self.searchLimit else {
            if let first = list.first(where: { $0.key.isSame(as: key) }) { return first.position }
            list.append((key, position))
            return nil
        }
        if table.isEmpty { for entry in list { table[ExactText(entry.key)] = entry.position } }
        if let first = table[ExactText(key)] { return first }
        table[ExactText(key)] = position
        return nil
    }
}
