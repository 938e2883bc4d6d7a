// SPDX-License-Identifier: Apache-2.0

/// The names that are contract: group, labels, finalizer.
package enum APINames {
    package static let group = "vitistack.io"
    package static let version = "v1alpha1"
    /// Label of a Machine: the name of the cluster that it belongs to.
    package static let clusterNameLabel = "cluster.vitistack.io/cluster-name"
    /// Label of a Machine: `controlplane` or `worker`.
    package static let roleLabel = "cluster.vitistack.io/role"
    /// Label of a worker Machine: the name of its group.
    package static let workerGroupLabel = "cluster.vitistack.io/worker-group"
    /// Annotation of a Machine: a digest of everything that was applied to it.
    ///
    /// It gives away a field that has left the template since, which the Machine's remaining fields cannot.
    package static let appliedDigestAnnotation = "cluster.vitistack.io/applied-digest"
    /// Label of a ConfigMap or Secret that has layers in it, whatever its value; the operator sees no others.
    package static let layerLabel = "cluster.vitistack.io/layer"
    /// Label of a cluster, and of a ConfigMap whose layers are for clusters with the same value.
    package static let environmentLabel = "cluster.vitistack.io/environment"
    /// Label of a cluster, and of a ConfigMap whose layers are for clusters with the same value.
    package static let platformLabel = "cluster.vitistack.io/platform"
    /// Annotation of a Machine and of the Secret with its configuration: the SHA-256 digest of that.
    ///
    /// A provider sees by it that there is another configuration to apply.
    package static let configDigestAnnotation = "cluster.vitistack.io/config-digest"
    /// Label of a Secret of a cluster: what it holds.
    package static let secretTypeLabel = "cluster.vitistack.io/secret-type"
    /// Annotation of a Secret with a configuration: the layers that made it, the lowest first.
    package static let configLayersAnnotation = "cluster.vitistack.io/config-layers"
    /// Annotation of a Secret with a configuration: which layer set each value, and which ones it overrode.
    package static let configProvenanceAnnotation = "cluster.vitistack.io/config-provenance"
    /// Annotation of a Secret with a client certificate: when that ends.
    package static let expiryAnnotation = "cluster.vitistack.io/certificate-expiry"
    /// Annotation of a Secret with a client certificate: a digest of what it was issued for.
    package static let issuedForAnnotation = "cluster.vitistack.io/issued-for"
    /// Annotation of a KubernetesCluster: a digest of the certificate authorities that its machines trust.
    ///
    /// It outlives the Secret that holds them, a backup and a restore: where it stands no new keys are made.
    package static let secretsIdentityAnnotation = "cluster.vitistack.io/secrets-identity"
    /// Annotation of a KubernetesCluster: the hash of the plan that somebody has approved.
    package static let approvedPlanAnnotation = "cluster.vitistack.io/approved-plan"
    /// Annotation of a KubernetesCluster: another value than before lets a halted cluster go on.
    package static let resumeAnnotation = "cluster.vitistack.io/resume"
    /// Annotation of a KubernetesCluster: with any value but `false` nothing new is begun, as with `spec.paused`.
    package static let pausedAnnotation = "cluster.vitistack.io/paused"
    /// Annotation of a KubernetesCluster: with any value but `false` a deletion waits until it is gone.
    package static let deletionProtectionAnnotation = "cluster.vitistack.io/deletion-protection"
    /// Annotation of a KubernetesCluster: with any value but `false` its machines are deleted as they are.
    package static let skipResetAnnotation = "cluster.vitistack.io/skip-reset"
    /// Annotation of a KubernetesCluster: the node that was asked to begin etcd, and when.
    ///
    /// It is there before the node is asked, outlives the status, and keeps etcd from ever being begun a second time.
    /// The Secret with the cluster's bundle has it too, which may outlive the KubernetesCluster.
    package static let bootstrappedAnnotation = "cluster.vitistack.io/bootstrapped"
    /// Annotation of a KubernetesCluster: the version of Talos whose configurations its nodes were made with.
    package static let configContractAnnotation = "cluster.vitistack.io/config-contract"
    /// Annotation of a Machine: where its Talos API is, `host` or `host:port`, whatever its status says.
    package static let talosEndpointAnnotation = "cluster.vitistack.io/talos-endpoint"
    /// Annotation of a Machine: the SHA-256 of the key that it has to show in maintenance mode, in Base64.
    package static let fingerprintAnnotation = "cluster.vitistack.io/maintenance-fingerprint"
    /// Keeps a KubernetesCluster until its Machines and manifests are gone.
    package static let finalizer = "cluster.vitistack.io/finalizer"
    /// The owner of our fields in server-side apply.
    package static let fieldManager = "talos-operator"

    /// Whether a label or an annotation is one of ours.
    static func isOurs(_ key: String) -> Bool { key.hasPrefix("cluster.vitistack.io/") }
}
