// SPDX-License-Identifier: Apache-2.0

/// A label selector as Kubernetes writes it: `tier=canary,region in (a, b),!legacy`; an empty one selects everything.
package struct LabelSelector: Sendable, Hashable, CustomStringConvertible {
    private enum Requirement: Sendable, Hashable {
        case within(key: String, values: Set<String>)
        /// A label that is not there is in none.
        case without(key: String, values: Set<String>)
        case exists(key: String)
        case missing(key: String)
    }

    private let requirements: [Requirement]
    /// As it was written.
    package let description: String

    /// Nil for anything that is no selector.
    package init?(_ text: String) {
        description = text
        var requirements: [Requirement] = []
        for part in Self.parts(of: text) {
            guard let requirement = Self.requirement(part) else { return nil }
            requirements.append(requirement)
        }
        self.requirements = requirements
    }

    /// Whether labels fulfil all of it.
    package func matches(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .within(let key, let values): labels[key].map(values.contains) ?? false
            case .without(let key, let values): !(labels[key].map(values.contains) ?? false)
            case .exists(let key): labels[key] != nil
            case .missing(let key): labels[key] == nil
            }
        }
    }

    /// The requirements, between commas outside of parentheses; none of blank text.
    private static func parts(of text: String) -> [String] {
        guard !trim(text).isEmpty else { return [] }
        var parts = [""]
        var depth = 0
        for character in text {
            depth += character == "(" ? 1 : character == ")" ? -1 : 0
            if character == ",", depth == 0 {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts.map(trim)
    }

    private static func requirement(_ text: String) -> Requirement? {
        if text.hasPrefix("!") {
            let key = trim(text.dropFirst())
            return isName(key) ? .missing(key: key) : nil
        }
        for (mark, isEqual) in [("!=", false), ("==", true), ("=", true)] {
            guard let range = text.firstRange(of: mark) else { continue }
            let (key, value) = (trim(text[..<range.lowerBound]), trim(text[range.upperBound...]))
            guard isName(key), value.isEmpty || isName(value) else { return nil }
            return isEqual ? .within(key: key, values: [value]) : .without(key: key, values: [value])
        }
        guard text.hasSuffix(")"), let open = text.firstIndex(of: "(") else {
            return isName(text) ? .exists(key: text) : nil
        }
        return set(text[..<open], text[text.index(after: open)...].dropLast())
    }

    /// `key in` or `key notin`, and what stands between the parentheses.
    private static func set(_ head: Substring, _ list: Substring) -> Requirement? {
        let words = head.split(separator: " ")
        let values = list.split(separator: ",", omittingEmptySubsequences: false).map(trim)
        guard words.count == 2, isName(String(words[0])), values.allSatisfy({ $0.isEmpty || isName($0) })
        else { return nil }
        let (key, set) = (String(words[0]), Set(values))
        switch words[1] {
        case "in": return .within(key: key, values: set)
        case "notin": return .without(key: key, values: set)
        default: return nil
        }
    }

    /// Letters, digits and what else keys and values may have.
    private static func isName(_ text: String) -> Bool {
        let others = Set("-_./".utf8)
        return !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (97...122).contains(byte | 0x20) || others.contains(byte)
            }
    }

    private static func trim(_ text: some StringProtocol) -> String {
        let front = text.drop { $0 == " " }
        return String(
            front.prefix(
                front.lastIndex { $0 != " " }.map { front.distance(from: front.startIndex, to: $0) + 1 } ?? 0)
        )
    }
}
