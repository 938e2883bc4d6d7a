// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// Where a kind of object lives in the API.
package struct ResourceDefinition: Hashable, Sendable {
    /// Empty for the core group.
    package var group: String
    /// The version of the group, as in `v1alpha1`.
    package var version: String
    /// The name in documents: `Machine`.
    package var kind: String
    /// The lower-case name in URLs.
    package var plural: String
    /// Whether each object lives in a namespace.
    package var isNamespaced: Bool

    package init(group: String, version: String, kind: String, plural: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    /// `group/version`, or the bare version for the core group.
    package var apiVersion: String {
        group.isEmpty ? version : "\(group)/\(version)"
    }
}

/// A kind of object as this program reads it.
///
/// A value keeps what the program needs and drops the rest, so it is never written back whole: writes are
/// patches and server-side applies of our own fields.
package protocol Resource: Sendable {
    /// Where the kind lives in the API.
    static var definition: ResourceDefinition { get }
    /// What every object has: name, version, labels …
    var metadata: ObjectMeta { get }
    /// Reads an object as the API server sent it.
    init(_ object: JSONValue) throws(DecodingProblem)
}

extension Resource {
    /// The object's namespace and name.
    package var key: ObjectKey {
        ObjectKey(namespace: metadata.namespace, name: metadata.name)
    }
}

/// Why a document is not the object it should be.
package struct DecodingProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The field, as in `metadata.name`.
    package var path: String
    /// What is wrong with it, as in `must be a string, not a number`.
    package var problem: String

    package init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    package var description: String { "\(path): \(problem)" }
}
