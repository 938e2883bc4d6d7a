// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData

/// The mark of the bootstrap in the Secret with a cluster's bundle: that outlives the KubernetesCluster, and whoever has
/// these secrets can see that they have served for an etcd.
///
/// It is written once in the life of a cluster, after its own annotation and before the node is asked, and never taken
/// back here.
struct BundleMark: Sendable {
    let client: KubernetesClient
    let secrets: MutationCache<ClusterSecret>
    /// The Secret with the bundle.
    let bundle: ObjectKey

    /// What it says, node and time if we have written it; nil if there is none.
    ///
    /// It reads no more than the cache.
    var text: String? { secrets.get(bundle)?.metadata.annotations[APINames.bootstrappedAnnotation] }

    /// Makes sure that there is a mark; it returns once that is safe.
    func leave(_ bootstrap: BootstrapRecord) async throws(LifecycleStoreError) {
        guard let secret = secrets.get(bundle) else {
            // That it is lost is told elsewhere, and no reason to stop what runs.
            if bootstrap.isConfirmed { return }
            throw .failed("Secret \(bundle) is not there to note the bootstrap in")
        }
        guard text == nil else { return }
        let mark = "\(bootstrap.node) \(bootstrap.since.rfc3339())"
        let patch: JSONValue = [
            "metadata": [
                "uid": .string(secret.metadata.uid),
                "resourceVersion": .string(secret.metadata.resourceVersion.text),
                "annotations": [APINames.bootstrappedAnnotation: .string(mark)],
            ]
        ]
        do throws(APIError) {
            secrets.record(written: try await client.mergePatch(ClusterSecret.self, bundle, patch))
        } catch {
            if error.isNobodysFault || error.isNotFound { throw .conflict }
            throw .failed("Secret \(bundle): \(error.withoutContent.explanation)")
        }
    }
}
