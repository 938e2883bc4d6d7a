// SPDX-License-Identifier: Apache-2.0

/// A type that cannot be wrong: the only way to one of its values is text that follows its rule.
package protocol ParsedText: Sendable, Hashable {
    /// Nil if `text` does not follow the rule.
    init?(_ text: String)

    /// What is allowed, so that `must be <rule>` is a sentence.
    static func rule(against text: String) -> String
}
