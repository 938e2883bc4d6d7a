// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// One source of settings that is laid over what was generated.
package struct Layer: Sendable, Hashable {
    /// What a layer is made of.
    package enum Content: Sendable, Hashable {
        /// YAML or JSON text: strategic merge documents, or a list of RFC 6902 operations.
        case text(String)
        /// The same as a value, as it stands in an API object.
        case value(JSONValue)
    }

    /// As messages and provenance name it, such as `spec.patches[0]` or `ConfigMap default/ntp (servers.yaml)`.
    package var name: String
    package var content: Content
    /// Whether it comes from a Secret, so that its values are never shown.
    package var isSecret: Bool

    package init(name: String, content: Content, isSecret: Bool = false) {
        self.name = name
        self.content = content
        self.isSecret = isSecret
    }
}
