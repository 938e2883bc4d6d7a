// SPDX-License-Identifier: Apache-2.0

/// What tells the documents of a configuration apart; a configuration has each identity once.
package enum DocumentIdentity: Sendable, Hashable, CustomStringConvertible {
    /// The document that has no kind: `machine` and `cluster`.
    case machine
    /// A document of a kind; of those without names a configuration has one alone.
    case document(kind: String, name: String?)

    /// As in `RegistryMirrorConfig ghcr.io`; `machine configuration` for the document without a kind.
    package var description: String {
        switch self {
        case .machine: "machine configuration"
        case .document(let kind, let name): name.map { "\(kind) \($0)" } ?? kind
        }
    }
}

/// One document of a configuration, its values those of its kind's fields.
package struct ConfigDocument: Sendable {
    package let kind: DocumentKind
    /// A map of the fields that are set, `apiVersion`, `kind` and `name` among them.
    package var root: ConfigNode

    package init(kind: DocumentKind, root: ConfigNode) {
        self.kind = kind
        self.root = root
    }

    /// What tells it apart from the other documents of a configuration.
    package var identity: DocumentIdentity {
        guard let kind = kind.kind else { return .machine }
        return .document(kind: kind, name: self.kind.isNamed ? root["name"]?.string ?? "" : nil)
    }
}
