// SPDX-License-Identifier: Apache-2.0
package import Platform

/// The metadata this program uses; managedFields and the rest are dropped where it is read.
package struct ObjectMeta: Sendable, Hashable {
    /// The name, unique for kind and namespace.
    package var name: String
    /// Empty for an object that lives in no namespace.
    package var namespace: String
    /// Tells the object from earlier ones of its name; empty before it is created.
    package var uid: String
    /// The version of this state of the object.
    package var resourceVersion: ResourceVersion
    /// Counts changes of the spec; 0 for kinds that do not count.
    package var generation: Int64
    /// When the server created the object.
    package var creationTimestamp: Timestamp?
    /// Set while the object waits for its finalizers.
    package var deletionTimestamp: Timestamp?
    /// What selectors select by.
    package var labels: [String: String]
    /// What selectors do not look at; without kubectl's copy of the object.
    package var annotations: [String: String]
    /// What the garbage collector keeps the object for.
    package var ownerReferences: [OwnerReference]
    /// Who must have cleaned up before the object may go.
    package var finalizers: [String]

    package init(
        name: String, namespace: String = "", uid: String = "", resourceVersion: ResourceVersion = "",
        generation: Int64 = 0, creationTimestamp: Timestamp? = nil, deletionTimestamp: Timestamp? = nil,
        labels: [String: String] = [:], annotations: [String: String] = [:],
        ownerReferences: [OwnerReference] = [], finalizers: [String] = []
    ) {
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.generation = generation
        self.creationTimestamp = creationTimestamp
        self.deletionTimestamp = deletionTimestamp
        self.labels = labels
        self.annotations = annotations
        self.ownerReferences = ownerReferences
        self.finalizers = finalizers
    }

    /// The reference to the controlling owner; an object has at most one.
    package var controller: OwnerReference? {
        ownerReferences.first { $0.isController }
    }

    /// Whether somebody has deleted the object and finalizers still hold it.
    package var isBeingDeleted: Bool { deletionTimestamp != nil }
}
