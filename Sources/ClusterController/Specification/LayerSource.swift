// SPDX-License-Identifier: Apache-2.0
package import Talos

/// What the operator does for a cluster: `spec.management`.
package enum Management: String, Sendable, Hashable, CaseIterable {
    /// Makes Machines, and nothing of Talos' own.
    case machines = "Machines"
    /// Makes the secrets and the machine configurations of the cluster too.
    case config = "Config"
    /// Makes a running cluster of the machines too, and keeps it as it is to be.
    case full = "Full"
}

/// An element of a list of patches: a layer, or where layers are to be found.
package struct LayerSource: Sendable, Hashable {
    /// What an element says.
    package enum Content: Sendable, Hashable {
        case inline(Layer.Content)
        /// A ConfigMap of the cluster's namespace, each key of which is a layer.
        case configMap(name: String, isOptional: Bool)
        /// A Secret of the cluster's namespace, each key of which is a layer.
        case secret(name: String, isOptional: Bool)
    }

    /// Where it stands, as in `spec.patches[0]`.
    package var path: String
    /// What the user calls it; only inline layers have names.
    package var name: String?
    package var content: Content

    package init(path: String, name: String? = nil, content: Content) {
        self.path = path
        self.name = name
        self.content = content
    }
}
