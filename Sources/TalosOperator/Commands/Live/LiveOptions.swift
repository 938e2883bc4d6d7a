// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle

/// What the commands that talk to machines have in common.
struct LiveOptions: Hashable, Sendable {
    /// What is to be done with the cluster.
    enum Job: Hashable, Sendable {
        /// Gives the machines their configurations, and makes a cluster of them if they are none yet.
        case apply
        case bootstrap
        case health
        case nodes
        /// The releases of Talos and Kubernetes that the file names, after the configurations.
        case upgrade
        case reset(ResetOptions)
        /// Compares what the machines have with what they are to have.
        case diff
    }

    var job: Job
    /// Files and directories with the cluster and its layers; `-` is standard input.
    var files: [String]
    /// Where the cluster's secrets and state are kept.
    var directory = "."
    /// The file with the secrets bundle; nil for the one below `directory`.
    var secrets: String?
    /// Where machines are, by their names: `host` or `host:port`.
    var addresses: [String: String] = [:]
    /// The public keys that machines in maintenance mode must show, by their names.
    var fingerprints: [String: String] = [:]
    var layerNamespace = RenderOptions().layerNamespace
    /// How a changed configuration is applied, if not as the file says.
    var mode: RolloutPolicy.Mode?
    var maxUnavailable: Amount?
    /// How long a command goes on.
    var timeout: Duration = .seconds(3600)
    /// Whether nothing is done but told.
    var isDryRun = false
    /// Whether nobody is asked before anything is done.
    var isAssumedYes = false
    var format = ResultFormat.text
    var color = ColorChoice.auto
}

/// What `talos-operator reset` does to machines.
struct ResetOptions: Hashable, Sendable {
    /// The nodes that leave; empty for the whole cluster.
    var nodes: [String] = []
    var reset: DeletionPolicy.Reset?
    var wipe: DeletionPolicy.Wipe?
}

/// What `talos-operator kubeconfig` and `talosconfig` make.
struct CredentialOptions: Hashable, Sendable {
    enum Kind: String, Hashable, Sendable { case kubeconfig, talosconfig }

    var kind: Kind
    var files: [String]
    var directory = "."
    var secrets: String?
    /// The file to write; nil prints.
    var output: String?
    /// How long the certificate is good for.
    var lifetime: Duration
    /// What talosconfig is to connect to; empty for the control plane's addresses as far as they are known.
    var endpoints: [String] = []
    var addresses: [String: String] = [:]
    var layerNamespace = RenderOptions().layerNamespace
    /// Whether a file that is there may be replaced.
    var isForced = false
}
