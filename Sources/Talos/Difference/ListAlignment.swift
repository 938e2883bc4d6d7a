// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Which elements of two lists belong together.
enum ListAlignment {
    /// An element of the old list, of the new one, or one that is in both.
    struct Pair: Hashable {
        var old: Int?
        var new: Int?
    }

    /// The largest table of common parts, a number an entry; longer lists are compared element by element.
    private static let limit = 1_000_000

    /// Every element of both lists once, in an order that keeps that of both.
    ///
    /// Elements belong together if they are equal, have the same value of the first of `keys` that both have, or
    /// else stand where the other stood.
    static func pairs(_ old: [ConfigNode], _ new: [ConfigNode], keys: [String]) -> [Pair] {
        guard keys.isEmpty else { return pairs(old, new, by: keys) }
        let (before, after) = numbered(old.map(\.json), new.map(\.json))
        let equal = common(before[...], after[...])
        var pairs: [Pair] = []
        var (nextOld, nextNew) = (0, 0)
        for match in equal + [(old.count, new.count)] {
            let shared = min(match.0 - nextOld, match.1 - nextNew)
            pairs += (0..<shared).map { Pair(old: nextOld + $0, new: nextNew + $0) }
            pairs += (nextOld + shared..<match.0).map { Pair(old: $0) }
            pairs += (nextNew + shared..<match.1).map { Pair(new: $0) }
            if match.0 < old.count { pairs.append(Pair(old: match.0, new: match.1)) }
            (nextOld, nextNew) = (match.0 + 1, match.1 + 1)
        }
        return pairs
    }

    private static func pairs(_ old: [ConfigNode], _ new: [ConfigNode], by keys: [String]) -> [Pair] {
        var places: [JSONValue: [Int]] = [:]
        for (index, element) in old.enumerated().reversed() {
            for value in identities(element, keys) {
                places[value, default: []].append(index)
            }
        }
        var taken: Set<Int> = []
        var pairs: [Pair] = []
        for (index, element) in new.enumerated() {
            var match: Int?
            for value in identities(element, keys) where match == nil {
                while let last = places[value]?.popLast() {
                    guard taken.insert(last).inserted else { continue }
                    match = last
                    break
                }
            }
            pairs.append(Pair(old: match, new: index))
        }
        return old.indices.filter { !taken.contains($0) }.map { Pair(old: $0) } + pairs
    }

    /// Keys with their values, those that are there and not empty; an element without any is known by all it is.
    private static func identities(_ element: ConfigNode, _ keys: [String]) -> [JSONValue] {
        let identities = keys.compactMap { key -> JSONValue? in
            guard let value = element[key]?.json, value != .null, value != .string("") else { return nil }
            return [.string(key), value]
        }
        return identities.isEmpty ? [element.json] : identities
    }

    /// The same number for the same value.
    private static func numbered(_ old: [JSONValue], _ new: [JSONValue]) -> ([Int], [Int]) {
        var numbers: [JSONValue: Int] = [:]
        let number = { (value: JSONValue) in
            let next = numbers.count
            let known = numbers[value] ?? next
            if known == next { numbers[value] = next }
            return known
        }
        return (old.map(number), new.map(number))
    }

    /// The longest common subsequence, as places in both lists.
    private static func common(_ old: ArraySlice<Int>, _ new: ArraySlice<Int>) -> [(Int, Int)] {
        let start = zip(old, new).prefix { $0 == $1 }.count
        let (oldRest, newRest) = (old.dropFirst(start), new.dropFirst(start))
        let end = zip(oldRest.reversed(), newRest.reversed()).prefix { $0 == $1 }.count
        let middle = inMiddle(oldRest.dropLast(end), newRest.dropLast(end))
        let head = (0..<start).map { ($0, $0) }
        return head + middle + (0..<end).map { (old.count - end + $0, new.count - end + $0) }
    }

    private static func inMiddle(_ old: ArraySlice<Int>, _ new: ArraySlice<Int>) -> [(Int, Int)] {
        guard !old.isEmpty, !new.isEmpty, old.count <= limit / new.count else { return [] }
        let width = new.count + 1
        var lengths = [Int32](repeating: 0, count: (old.count + 1) * width)
        for row in stride(from: old.count - 1, through: 0, by: -1) {
            for column in stride(from: new.count - 1, through: 0, by: -1) {
                let here = row * width + column
                lengths[here] =
                    old[old.startIndex + row] == new[new.startIndex + column]
                    ? lengths[here + width + 1] + 1 : max(lengths[here + width], lengths[here + 1])
            }
        }
        var matches: [(Int, Int)] = []
        var (row, column) = (0, 0)
        while row < old.count, column < new.count {
            let here = row * width + column
            if old[old.startIndex + row] == new[new.startIndex + column] {
                matches.append((old.startIndex + row, new.startIndex + column))
                (row, column) = (row + 1, column + 1)
            } else if lengths[here + width] >= lengths[here + 1] {
                row += 1
            } else {
                column += 1
            }
        }
        return matches
    }
}
