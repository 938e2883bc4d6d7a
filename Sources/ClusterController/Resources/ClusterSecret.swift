// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
import PKI
import Platform
package import StructuredData

/// A Secret of a cluster as the cache keeps it: what it holds only as a digest.
///
/// There are some for every Machine, and nobody shall find their keys in the memory of this program.
package struct ClusterSecret: Resource, Hashable {
    package static let definition = ResourceDefinition(
        group: "", version: "v1", kind: "Secret", plural: "secrets")
    /// The member of `data` that the Secrets of a cluster hold their text in.
    package static let valueKey = "value"

    /// Of labels and annotations only those of our own group.
    package var metadata: ObjectMeta
    /// The SHA-256 digest of the text, in hexadecimal digits; empty if there is none.
    package var digest: String

    package init(metadata: ObjectMeta, digest: String) {
        self.metadata = metadata
        self.digest = digest
    }

    package init(_ object: JSONValue) throws(DecodingProblem) {
        metadata = try ObjectMeta(of: object)
        metadata.labels = metadata.labels.filter { APINames.isOurs($0.key) }
        metadata.annotations = metadata.annotations.filter { APINames.isOurs($0.key) }
        digest = Self.value(of: object).map { SHA256.hexadecimal(of: $0) } ?? ""
    }

    /// The text of a Secret; nil if it has none or that is not Base64.
    fileprivate static func value(of object: JSONValue) -> [UInt8]? {
        object["data"]?[valueKey]?.string.flatMap { Base64.decode($0) }
    }
}

/// A Secret of a cluster with what it holds; never kept, and shown to nobody.
struct OpenedSecret: Resource, CustomStringConvertible, CustomReflectable {
    static let definition = ClusterSecret.definition

    let secret: ClusterSecret
    /// Nil if it has no text under our key.
    let value: [UInt8]?

    var metadata: ObjectMeta { secret.metadata }
    var description: String { "OpenedSecret(\(key), redacted)" }
    var customMirror: Mirror { Mirror(self, children: []) }

    init(_ object: JSONValue) throws(DecodingProblem) {
        secret = try ClusterSecret(object)
        value = ClusterSecret.value(of: object)
    }
}
