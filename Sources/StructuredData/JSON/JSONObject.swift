// SPDX-License-Identifier: Apache-2.0

/// The members of a JSON object in the order they were written.
///
/// An array searched from the front: API objects have a handful of keys at each level, and for those this
/// is smaller and faster than a hash table. Equality ignores the order, as JSON does.
package struct JSONObject: Sendable {
    /// A key and its value.
    package struct Member: Sendable, Hashable {
        package var key: String
        package var value: JSONValue

        package static func == (left: Member, right: Member) -> Bool {
            left.key.isSame(as: right.key) && left.value == right.value
        }

        package init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// Up to so many members are searched; a table is made for more where all are looked up at once, so that
    /// no object, however large, takes quadratic time.
    private static let searchLimit = 32

    /// The members, each key once.
    package private(set) var members: [Member]

    /// An object without members.
    package init() {
        members = []
    }

    /// An object of `members`; where a key stands twice, the last one counts, as everywhere in Kubernetes.
    package init(_ members: [Member]) {
        self.members = []
        self.members.reserveCapacity(members.count)
        guard members.count > Self.searchLimit else {
            for member in members { self[member.key] = member.value }
            return
        }
        var places: [ExactText: Int] = [:]
        for member in members {
            if let place = places.updateValue(self.members.count, forKey: ExactText(member.key)) {
                places[ExactText(member.key)] = place
                self.members[place].value = member.value
            } else {
                self.members.append(member)
            }
        }
    }

    /// An object of members known to have distinct keys; skips the check that `init(_:)` makes.
    package init(uniqueMembers members: [Member]) {
        self.members = members
    }

    /// The value of a key; setting nil removes the member, setting a new key appends it.
    package subscript(key: String) -> JSONValue? {
        get {
            index(of: key).map { members[$0].value }
        }
        set {
            switch (index(of: key), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    package var isEmpty: Bool { members.isEmpty }

    package var count: Int { members.count }

    /// The keys in the order they were written.
    package var keys: some Sequence<String> { members.lazy.map(\.key) }

    private func index(of key: String) -> Int? {
        members.firstIndex { $0.key.isSame(as: key) }
    }
}

extension JSONObject: Hashable {
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        if left.members == right.members { return true }
        guard left.count > searchLimit else {
            return left.members.allSatisfy { right[$0.key] == $0.value }
        }
        let values = Dictionary(right.members.map { (ExactText($0.key), $0.value) }) { _, last in last }
        return left.members.allSatisfy { values[ExactText($0.key)] == $0.value }
    }

    package func hash(into hasher: inout Hasher) {
        // Members combine by XOR, so that equal objects in another order hash alike.
        var combined = 0
        for member in members { combined ^= member.hashValue }
        hasher.combine(combined)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral members: (String, JSONValue)...) {
        self.init(members.map { Member(key: $0.0, value: $0.1) })
    }
}
