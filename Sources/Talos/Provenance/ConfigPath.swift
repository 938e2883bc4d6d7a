// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// The place of a value in a configuration: which document, and the way from its root.
///
/// Written as `machine.network.interfaces[0].mtu` in the document without a kind, and with the kind, and the name if
/// there is one, in others: `HostnameConfig:auto`, `LinkConfig/eth0:mtu`. A document as a whole has no way behind it.
package struct ConfigPath: Sendable, Hashable, CustomStringConvertible {
    /// A step on the way from a document's root.
    package enum Step: Sendable, Hashable {
        case key(String)
        case index(Int)
    }

    package var document: DocumentIdentity
    package var steps: [Step]

    package init(_ document: DocumentIdentity, _ steps: [Step] = []) {
        self.document = document
        self.steps = steps
    }

    /// The way alone, as problems have it.
    package var field: FieldPath {
        steps.reduce(.root) { path, step in
            switch step {
            case .key(let key): path.appending(key)
            case .index(let index): path.appending(index)
            }
        }
    }

    /// Whether this is the other path or within it.
    package func isWithin(_ other: ConfigPath) -> Bool {
        document == other.document && steps.starts(with: other.steps)
    }

    package var description: String {
        switch document {
        case .machine: return steps.isEmpty ? "v1alpha1" : "\(field)"
        case .document:
            let name = Self.name(of: document)
            return steps.isEmpty ? name : "\(name):\(field)"
        }
    }

    /// A document as paths name it: `LinkConfig/eth0`; `v1alpha1` is the one without a kind.
    package static func name(of document: DocumentIdentity) -> String {
        switch document {
        case .machine: "v1alpha1"
        case .document(let kind, let name): name.map { "\(kind)/\($0)" } ?? kind
        }
    }
}
