// SPDX-License-Identifier: Apache-2.0
package import StructuredData

extension ObjectMeta {
    /// Holds a copy of the whole object, is of no use here and would double the cache.
    private static let lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

    /// The metadata of an API object; only its name must be there.
    package init(of object: JSONValue) throws(DecodingProblem) {
        guard let metadata = object["metadata"] else {
            throw DecodingProblem(path: "metadata", problem: "is missing")
        }
        do {
            try self.init(metadata)
        } catch {
            throw error.within("metadata")
        }
    }

    /// Reads the value of `metadata`; managedFields and kubectl's copy of the object are left out.
    package init(_ metadata: JSONValue) throws(DecodingProblem) {
        let fields = try metadata.expectObject()
        self.init(
            name: try fields.requiredString("name"),
            namespace: try fields.string("namespace") ?? "",
            uid: try fields.string("uid") ?? "",
            resourceVersion: ResourceVersion(try fields.string("resourceVersion") ?? ""),
            generation: try fields.integer("generation") ?? 0,
            creationTimestamp: try fields.timestamp("creationTimestamp"),
            deletionTimestamp: try fields.timestamp("deletionTimestamp"),
            labels: try fields.stringMap("labels"),
            annotations: try fields.stringMap("annotations"),
            ownerReferences: try fields.list("ownerReferences", of: OwnerReference.init(_:)),
            finalizers: try fields.strings("finalizers"))
        annotations[Self.lastApplied] = nil
    }
}

extension OwnerReference {
    /// Reads an element of `metadata.ownerReferences`.
    ///
    /// What is absent reads as empty: another controller's odd reference must not hide the object from us.
    package init(_ reference: JSONValue) throws(DecodingProblem) {
        let fields = try reference.expectObject()
        self.init(
            apiVersion: try fields.string("apiVersion") ?? "",
            kind: try fields.string("kind") ?? "",
            name: try fields.string("name") ?? "",
            uid: try fields.string("uid") ?? "",
            isController: try fields.bool("controller") ?? false,
            blocksOwnerDeletion: try fields.bool("blockOwnerDeletion") ?? false)
    }
}

/// What can still be said about an object that cannot be read: for log lines and to go on after it.
package struct ObjectIdentity: Sendable, Hashable {
    /// Nil if not even the name is there.
    package var key: ObjectKey?
    /// Empty if it is not there.
    package var resourceVersion: ResourceVersion

    /// Takes from `object` what is there; never fails.
    package init(of object: JSONValue) {
        let metadata = object["metadata"]
        resourceVersion = ResourceVersion(metadata?["resourceVersion"]?.string ?? "")
        key = metadata?["name"]?.string.map {
            ObjectKey(namespace: metadata?["namespace"]?.string ?? "", name: $0)
        }
    }
}
