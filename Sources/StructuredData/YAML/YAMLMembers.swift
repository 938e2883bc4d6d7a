// SPDX-License-Identifier: Apache-2.0

/// The members of a mapping as they are read, with those that `<<` brings in.
struct YAMLMembers {
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

    private var members: [JSONObject.Member] = []
    private var merged: [JSONObject] = []
    private var positions: [ExactText: YAMLPosition] = [:]

    /// Takes a key for the value that follows; a key can be taken once.
    mutating func claim(_ key: Key, at position: YAMLPosition) throws(YAMLError) {
        if let first = positions.updateValue(position, forKey: ExactText(key.text)) {
            throw YAMLError(.duplicateKey(key.text, first: first), position)
        }
    }

    mutating func add(_ value: JSONValue, for key: Key, at position: YAMLPosition) throws(YAMLError) {
        switch (key, value) {
        case (.member(let key), _): members.append(JSONObject.Member(key: key, value: value))
        case (.merge, .object(let object)): merged = [object]
        case (.merge, .array(let elements)):
            merged = elements.compactMap(\.object)
            if merged.count == elements.count { return }
            fallthrough
        default: throw YAMLError(.unusableMerge, position)
        }
    }

    /// The members; merged ones come last, and only those whose key is not there yet.
    var object: JSONObject {
        var all = members
        var taken = positions
        for member in merged.lazy.flatMap(\.members) where taken[ExactText(member.key)] == nil {
            taken[ExactText(member.key)] = YAMLPosition()
            all.append(member)
        }
        return JSONObject(uniqueMembers: all)
    }
}
