// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import HTTP
import Observability

/// Everything that can be set about a running operator, checked.
struct Settings: Sendable, Hashable {
    /// Where the envtest binaries are; read by the development tools, kept here so that it is documented once.
    var kubebuilderAssets = ""
    /// How often a cluster is looked at although nothing happened.
    var reconcileInterval = Duration.seconds(30)
    /// How many clusters are reconciled at the same time.
    var maxConcurrentReconciles = 1
    /// Where `/metrics` listens; nil turns it off.
    var metricsBindAddress = BindAddress(parsing: ":8080")
    /// Where `/healthz` and `/readyz` listen; nil turns them off.
    var healthProbeBindAddress = BindAddress(parsing: ":8081")
    /// The directory that holds a directory of manifests for each cluster.
    var resultsPath = "hack/results"
    /// An explicit kubeconfig; empty for the usual search.
    var kubeconfig = ""
    /// Nil: on inside a cluster, off outside.
    var leaderElect: Bool?
    /// The namespace of the Lease; empty for the operator's own.
    var leaderElectionNamespace = ""
    /// How long followers wait after the last renewal they saw.
    var leaseDuration = Duration.seconds(15)
    /// How long the leader goes on without a successful renewal.
    var renewDeadline = Duration.seconds(10)
    /// The time between two tries to take or renew the Lease.
    var retryPeriod = Duration.seconds(2)
    /// The namespaces to watch; empty for all.
    var watchNamespaces: [String] = []
    /// Which KubernetesClusters this operator takes care of; empty for all.
    var watchLabelSelector = ""
    /// Whether clusters may have their secrets and configurations made.
    var configManagement = false
    /// The namespace of the ConfigMaps with layers for all clusters; empty for the operator's own.
    var layerNamespace = ""
    /// Where snapshots of etcd are kept; empty for nowhere.
    var snapshotDirectory = ""
    /// The rules by which changes go over many clusters.
    var fleet = FleetPolicy()
    /// Whether the metrics are served by HTTPS.
    var metricsSecure = false
    /// The directory with the certificate of the metrics and its key.
    var metricsCertPath = ""
    /// The name of the certificate's file there.
    var metricsCertName = "tls.crt"
    /// The name of the key's file there.
    var metricsCertKey = "tls.key"
    /// Whether the metrics are only for those whom the API server allows to `get` `/metrics`.
    var metricsAuthorization = false
    var logLevel = LogLevel.info
    /// Nil: text when standard error is a terminal, JSON otherwise.
    var logFormat: LogFormat?
    /// How long a stop may take before it is forced; shorter than a pod's usual 30 s.
    var gracePeriod = Duration.seconds(25)
}

/// A setting that cannot be used, and what could.
struct SettingProblem: Error, Hashable, CustomStringConvertible {
    /// The flag or the environment variable, as the user wrote it.
    var setting: String
    var value: String
    var allowed: String

    var description: String {
        "\(setting): \"\(value)\" is not allowed: must be \(allowed)"
    }
}
