// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// What a `$patch: delete` of a layer points at, within one document.
package struct DeleteSelector: Sendable, Hashable {
    /// Which element of a list is deleted: the first one whose field `key` has the text `value`.
    package struct Match: Sendable, Hashable {
        package var key: String
        package var value: String
    }

    /// The way from the document's root.
    ///
    /// An index is that of the layer's own list, which means nothing for the list that is
    /// deleted from.
    package var steps: [ConfigPath.Step]
    /// Nil if a key, or a whole document, is deleted.
    package var match: Match?
    package var origin: Origin

    /// Whether it deletes the document as a whole.
    package var isWholeDocument: Bool { steps.isEmpty }

    /// As Talos writes it in messages: `machine.network.interfaces.[0]`.
    package var pathText: String {
        steps.map { step in
            switch step {
            case .key(let key): key
            case .index(let index): "[\(index)]"
            }
        }.joined(separator: ".")
    }

    /// The same for problems.
    package var path: FieldPath { ConfigPath(.machine, steps).field }

    /// The steps with what tells an element apart, as in `machine.network.interfaces["interface=eth0"]`, in place of its
    /// number in the layer's list.
    func steps(ofElement text: String?) -> [ConfigPath.Step] {
        guard let text, !steps.isEmpty else { return steps }
        return steps.dropLast() + [.key(text)]
    }
}
