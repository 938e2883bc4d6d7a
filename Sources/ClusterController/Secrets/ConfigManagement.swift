// SPDX-License-Identifier: Apache-2.0
package import ControllerRuntime
import Kubernetes
import Platform

/// What it takes to make the configurations of clusters; there only if the operator was started to do so.
package struct ConfigManagement: Sendable {
    let secrets: MutationCache<ClusterSecret>
    let layers: LayerStores
    let generator: KeyGenerator
    let memory = ConfigMemory()

    package init(secrets: MutationCache<ClusterSecret>, layers: LayerStores, generator: KeyGenerator) {
        self.secrets = secrets
        self.layers = layers
        self.generator = generator
    }
}

/// An object that a specification names as the source of layers.
struct LayerReference: Sendable, Hashable {
    var kind: LayerObject.Kind
    var key: ObjectKey
}

/// The caches of everything that holds layers.
package struct LayerStores: Sendable {
    let configMaps: Store<LayerConfigMap>
    let secrets: Store<LayerSecret>
    /// Where the ConfigMaps are that hold for all clusters.
    let namespace: String

    package init(configMaps: Store<LayerConfigMap>, secrets: Store<LayerSecret>, namespace: String) {
        self.configMaps = configMaps
        self.secrets = secrets
        self.namespace = namespace
    }

    /// The objects that are there of those a cluster names, and those that hold for it among all clusters.
    func objects(_ references: Set<LayerReference>, _ clusterLabels: [String: String]) -> [LayerObject] {
        visit(references, clusterLabels).map(\.layers)
    }

    /// A number that changes with any of these objects, in whatever order they come.
    func version(_ references: Set<LayerReference>, _ clusterLabels: [String: String]) -> Int {
        visit(references, clusterLabels).reduce(0) { $0 &+ $1.version }
    }

    private func visit(
        _ references: Set<LayerReference>, _ clusterLabels: [String: String]
    ) -> [(layers: LayerObject, version: Int)] {
        var found: [(LayerObject, Int)] = references.compactMap { reference in
            switch reference.kind {
            case .configMap: configMaps.get(reference.key).map { ($0.layers, $0.metadata.versionHash) }
            case .secret: secrets.get(reference.key).map { ($0.layers, $0.metadata.versionHash) }
            }
        }
        for map in configMaps.list() where isWide(map.layers, clusterLabels) {
            guard !references.contains(LayerReference(kind: .configMap, key: map.key)) else { continue }
            found.append((map.layers, map.metadata.versionHash))
        }
        return found
    }

    /// Whether an object is one of those for all clusters, and holds for one with these labels.
    func isWide(_ object: LayerObject, _ clusterLabels: [String: String]) -> Bool {
        object.kind == .configMap && object.key.namespace == namespace
            && [APINames.environmentLabel, APINames.platformLabel].allSatisfy {
                object.labels[$0] == nil || object.labels[$0] == clusterLabels[$0]
            }
    }
}

extension ObjectMeta {
    /// A number for this version of the object.
    var versionHash: Int {
        var hasher = Hasher()
        hasher.combine(uid)
        hasher.combine(resourceVersion)
        return hasher.finalize()
    }
}

extension ClusterSpec {
    /// The ConfigMaps and Secrets that the specification names as layers.
    func layerReferences(namespace: String) -> Set<LayerReference> {
        let sources =
            patches + controlPlane.patches + workers.flatMap(\.patches) + machinePatches.values.flatMap { $0 }
        return Set(
            sources.compactMap { source in
                switch source.content {
                case .inline: nil
                case .configMap(let name, _):
                    LayerReference(kind: .configMap, key: ObjectKey(namespace: namespace, name: name))
                case .secret(let name, _):
                    LayerReference(kind: .secret, key: ObjectKey(namespace: namespace, name: name))
                }
            })
    }
}
