// SPDX-License-Identifier: Apache-2.0

/// A place in a text, both numbers from 1.
package struct YAMLPosition: Sendable, Hashable, CustomStringConvertible {
    package var line: Int
    /// In characters; in bytes where the text is not valid.
    package var column: Int

    package init(line: Int = 1, column: Int = 1) {
        self.line = line
        self.column = column
    }

    package var description: String { "line \(line), column \(column)" }
}

/// Why a text is not YAML that can be read as JSON values, and where.
package struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong; names keys and anchors but no values, so no secret ends up in a message.
    package enum Problem: Error, Sendable, Hashable {
        /// As libyaml words it.
        case syntax(String)
        /// The bytes are not UTF-8, or are a character that YAML does not allow.
        case invalidCharacter(String)
        case duplicateKey(String, first: YAMLPosition)
        /// A key that is `null`, a list or a mapping.
        case unusableKey
        case unknownAnchor(String)
        /// `<<` with something other than a mapping or a list of mappings.
        case unusableMerge
        case unsupportedTag(String)
        /// The text does not fit the tag, such as `!!int x`.
        case mistagged(String)
        /// `.inf` or `.nan`.
        case notFinite
        case tooLarge(limit: Int)
        case tooDeep(limit: Int)
        case tooManyNodes(limit: Int)
        case outOfMemory
    }

    package var problem: Problem
    package var position: YAMLPosition

    package init(_ problem: Problem, _ position: YAMLPosition) {
        self.problem = problem
        self.position = position
    }

    package var description: String { "\(position): \(problem)" }
}

extension YAMLError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .syntax(let problem), .invalidCharacter(let problem): problem
        case .duplicateKey(let key, let first): "the key \"\(key)\" stands already at \(first)"
        case .unusableKey: "a key must be a string, a number or a truth value"
        case .unknownAnchor(let name): "no anchor \"\(name)\" is complete here"
        case .unusableMerge: "'<<' needs a mapping or a list of mappings"
        case .unsupportedTag(let tag): "the tag \(tag) is not supported"
        case .mistagged(let tag): "the value does not fit its tag \(tag)"
        case .notFinite: "infinity and NaN are not allowed"
        case .tooLarge(let limit): "the text is larger than \(limit) bytes"
        case .tooDeep(let limit): "nested more than \(limit) levels deep"
        case .tooManyNodes(let limit): "more than \(limit) values, aliases followed"
        case .outOfMemory: "out of memory"
        }
    }
}
