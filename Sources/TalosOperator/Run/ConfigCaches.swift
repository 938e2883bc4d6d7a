// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ControllerRuntime
import Kubernetes
import Platform

/// The caches of Secrets and ConfigMaps from which and to which configurations are made.
struct ConfigCaches: Sendable {
    /// Objects in one page of a list: a configuration has some 30 KiB as JSON, and a page is read at once.
    static let pageSize = 50

    let secrets: (store: Store<ClusterSecret>, writers: [StoreWriter<ClusterSecret>])
    let layerSecrets: (store: Store<LayerSecret>, writers: [StoreWriter<LayerSecret>])
    let layerConfigMaps: (store: Store<LayerConfigMap>, writers: [StoreWriter<LayerConfigMap>])
    let generator: KeyGenerator
    let management: ConfigManagement

    /// `home` is the operator's own namespace, where layers for all clusters are unless a setting names another.
    init(
        _ settings: Settings, home: String, clock: any Clock, notify: @escaping @Sendable (ObjectKey) -> Void
    ) {
        let namespace = settings.layerNamespace.isEmpty ? home : settings.layerNamespace
        let watched = settings.watchNamespaces
        secrets = Store.make(namespaces: watched)
        layerSecrets = Store.make(namespaces: watched)
        // An operator of chosen namespaces sees its own too, for the layers there.
        let isSeen = watched.isEmpty || watched.contains(namespace)
        layerConfigMaps = Store.make(namespaces: isSeen ? watched : watched + [namespace])
        generator = KeyGenerator(clock: clock, notify: notify)
        management = ConfigManagement(
            secrets: MutationCache(secrets.store, clock: clock),
            layers: LayerStores(
                configMaps: layerConfigMaps.store, secrets: layerSecrets.store, namespace: namespace),
            generator: generator)
    }
}
