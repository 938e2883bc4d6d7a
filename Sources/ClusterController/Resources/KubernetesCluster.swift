// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import StructuredData

/// A KubernetesCluster as this program reads it.
package struct KubernetesCluster: Resource, Hashable {
    package static let definition = ResourceDefinition(
        group: APINames.group, version: APINames.version, kind: "KubernetesCluster",
        plural: "kubernetesclusters")

    package var metadata: ObjectMeta
    /// As the user wrote it, null if absent; `ClusterValidation` makes sense of it.
    package var spec: JSONValue
    package var status: ClusterStatus

    package init(metadata: ObjectMeta, spec: JSONValue, status: ClusterStatus = ClusterStatus()) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    package init(_ object: JSONValue) throws(DecodingProblem) {
        self.init(
            metadata: try ObjectMeta(of: object), spec: object["spec"] ?? .null,
            status: ClusterStatus(object["status"] ?? .null))
    }

    /// The reference that makes this cluster the controlling owner of a Machine.
    package var ownerReference: OwnerReference {
        OwnerReference(
            apiVersion: Self.definition.apiVersion, kind: Self.definition.kind, name: metadata.name,
            uid: metadata.uid)
    }
}
