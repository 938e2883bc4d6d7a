// SPDX-License-Identifier: Apache-2.0

/// Namespace and name: what a work queue holds and a reconciler is asked for.
package struct ObjectKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Empty for an object that lives in no namespace.
    package var namespace: String
    /// The name within the namespace.
    package var name: String

    package init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// `namespace/name`, or the bare name without a namespace.
    package var description: String {
        namespace.isEmpty ? name : "\(namespace)/\(name)"
    }

    package static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}
