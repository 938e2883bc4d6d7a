// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import StructuredData

/// A ConfigMap that holds layers, whole.
package struct LayerConfigMap: Resource, Hashable {
    package static let definition = ResourceDefinition(
        group: "", version: "v1", kind: "ConfigMap", plural: "configmaps")

    package var metadata: ObjectMeta
    package var layers: LayerObject

    package init(_ object: JSONValue) throws(DecodingProblem) {
        metadata = try ObjectMeta(of: object)
        layers = try LayerObject(.configMap, object)
    }
}

/// A Secret that holds layers, whole; what is in them is shown to nobody.
package struct LayerSecret: Resource, Hashable {
    package static let definition = ClusterSecret.definition

    package var metadata: ObjectMeta
    package var layers: LayerObject

    package init(_ object: JSONValue) throws(DecodingProblem) {
        metadata = try ObjectMeta(of: object)
        layers = try LayerObject(.secret, object)
    }
}
