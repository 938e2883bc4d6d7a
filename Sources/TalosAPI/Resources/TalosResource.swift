// SPDX-License-Identifier: Apache-2.0
package import Platform
package import StructuredData

/// A kind of resource: the namespace it lives in and its full type.
package struct ResourceKind: Sendable, Hashable, CustomStringConvertible {
    package var namespace: String
    /// As in `MachineStatuses.runtime.talos.dev`.
    package var type: String

    package init(namespace: String, type: String) {
        self.namespace = namespace
        self.type = type
    }

    package var description: String { "\(namespace)/\(type)" }
}

/// Something that a node's controllers know (COSI).
package struct TalosResource: Sendable, Hashable {
    /// Its name, and what its controllers say of it.
    package struct Metadata: Sendable, Hashable {
        package var kind: ResourceKind
        package var id: String
        /// A decimal number, or `undefined`; another with each change.
        package var version: String
        /// The controller that owns it.
        package var owner: String
        /// Whether it is about to go.
        package var isTearingDown: Bool
        package var labels: [String: String]
        package var annotations: [String: String]
        package var finalizers: [String]
        package var created: Timestamp?
        package var updated: Timestamp?

        package init(
            kind: ResourceKind, id: String, version: String = "1", owner: String = "",
            isTearingDown: Bool = false, labels: [String: String] = [:], annotations: [String: String] = [:],
            finalizers: [String] = [], created: Timestamp? = nil, updated: Timestamp? = nil
        ) {
            self.kind = kind
            self.id = id
            self.version = version
            self.owner = owner
            self.isTearingDown = isTearingDown
            self.labels = labels
            self.annotations = annotations
            self.finalizers = finalizers
            self.created = created
            self.updated = updated
        }
    }

    package var metadata: Metadata
    /// What it says, from the YAML that the node sends; null if it sends none.
    package var spec: JSONValue
    /// The same in protobuf, as it was sent.
    package var encodedSpec: [UInt8]

    package init(metadata: Metadata, spec: JSONValue, encodedSpec: [UInt8] = []) {
        self.metadata = metadata
        self.spec = spec
        self.encodedSpec = encodedSpec
    }
}

/// A resource may be a whole machine configuration, so nothing prints what it says.
extension TalosResource: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Its kind, ID and version.
    package var description: String { "\(metadata.kind)/\(metadata.id) version \(metadata.version)" }
    package var debugDescription: String { description }
    /// Shows none of it to reflection either.
    package var customMirror: Mirror {
        Mirror(self, children: ["metadata": metadata, "spec": "[redacted]"], displayStyle: .struct)
    }
}

/// Which resources of a kind to list.
package struct ResourceSelector: Sendable, Hashable {
    /// What a label must be; all of them must hold.
    package var labels: [String: String]
    /// A regular expression (RE2) that the ID must match; nil for any.
    package var idPattern: String?

    package init(labels: [String: String] = [:], idPattern: String? = nil) {
        self.labels = labels
        self.idPattern = idPattern
    }

    /// All of them.
    package static let all = ResourceSelector()
}

/// What a watch reports.
package enum ResourceEvent: Sendable, Hashable {
    case created(TalosResource)
    case updated(TalosResource, old: TalosResource?)
    /// It is gone, or was not there to begin with.
    case destroyed(TalosResource)
    /// All that there was has been told.
    case bootstrapped
}
