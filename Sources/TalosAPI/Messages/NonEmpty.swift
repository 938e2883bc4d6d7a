// SPDX-License-Identifier: Apache-2.0

/// A list with one element at least, for where none would mean all.
package struct NonEmpty<Element: Sendable & Hashable>: Sendable, Hashable {
    package let elements: [Element]

    package init(_ first: Element, _ rest: Element...) {
        elements = [first] + rest
    }

    /// Nil if there are no elements.
    package init?(_ elements: [Element]) {
        guard !elements.isEmpty else { return nil }
        self.elements = elements
    }
}
