// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle
import HTTP
import Observability
import Platform

/// One row of the settings table: names, default, words, and how a text becomes a value.
struct Setting: Sendable {
    /// The flag without its dashes.
    var flag: String
    /// The environment variable, for the settings that have one.
    var variable: String?
    /// What stands for the value in `--help`; empty for a switch.
    var placeholder: String
    /// The default as a user would type it.
    var defaultText: String
    var help: String
    /// What values are allowed, to finish the sentence "must be …".
    var allowed: String
    var isRepeatable = false
    /// Puts the value of a text into the settings; false if the text is not allowed.
    var assign: @Sendable (String, inout Settings) -> Bool

    var isSwitch: Bool { placeholder.isEmpty }
}

extension Setting {
    /// Every setting of `talos-operator run`, in the order of `--help`.
    ///
    /// The help text is made of these rows, and the README is checked against them.
    static let all: [Setting] = specified + cluster + lifecycle + leaderElection + metricsSecurity + process

    /// Those of the specification, each of them an environment variable too.
    private static let specified: [Setting] = [
        duration(
            "reconcile-interval", "RECONCILE_INTERVAL", \.reconcileInterval, "30s",
            "how often a cluster is looked at although nothing happened", .seconds(1)...(.seconds(86_400))),
        Setting(
            flag: "max-concurrent-reconciles", variable: "MAX_CONCURRENT_RECONCILES", placeholder: "N",
            defaultText: "1", help: "how many clusters are reconciled at the same time",
            allowed: "a whole number from 1 to 256"
        ) { text, settings in
            guard let number = Int(text), (1...256).contains(number) else { return false }
            settings.maxConcurrentReconciles = number
            return true
        },
        address(
            "metrics-bind-address", "METRICS_BIND_ADDRESS", \.metricsBindAddress, ":8080",
            "where /metrics listens; 0 turns it off"),
        address(
            "health-probe-bind-address", "HEALTH_PROBE_BIND_ADDRESS", \.healthProbeBindAddress, ":8081",
            "where /healthz and /readyz listen; 0 turns them off"),
        text(
            "results-path", "RESULTS_PATH", \.resultsPath, "PATH", "hack/results",
            "directory for the generated Machine manifests", allowed: "a path"
        ) { !$0.isEmpty },
        text(
            "kubebuilder-assets", "KUBEBUILDER_ASSETS", \.kubebuilderAssets, "PATH", "",
            "directory of the Kubernetes test binaries; only the development tools use it",
            allowed: "a path"
        ) { _ in true },
    ]

    private static let cluster: [Setting] = [
        text(
            "kubeconfig", nil, \.kubeconfig, "FILE", "",
            "kubeconfig to use; otherwise $KUBECONFIG, then the pod's service account, then ~/.kube/config",
            allowed: "the path of a file"
        ) { !$0.isEmpty },
        Setting(
            flag: "watch-namespace", variable: nil, placeholder: "NAMESPACE", defaultText: "",
            help: "namespace to watch, may be given several times; all if not given",
            allowed: "a namespace: up to 63 lower-case letters, digits and dashes, not at its ends",
            isRepeatable: true
        ) { text, settings in
            guard DNS1123.isLabel(text) else { return false }
            if !settings.watchNamespaces.contains(text) { settings.watchNamespaces.append(text) }
            return true
        },
        text(
            "watch-label-selector", nil, \.watchLabelSelector, "SELECTOR", "",
            "only the KubernetesClusters with these labels (shard=a,tier in (x,y)); all if not given",
            allowed: "a label selector"
        ) { _ in true },
        toggle(
            "config-management", \.configManagement,
            "make secrets and machine configurations for clusters with management: Config or Full; needs rights on Secrets"
        ),
        text(
            "layer-namespace", nil, \.layerNamespace, "NAMESPACE", "",
            "namespace of the ConfigMaps with layers for all clusters; the operator's own if not given",
            allowed: "a namespace", isAllowed: DNS1123.isLabel),
    ]

    private static let lifecycle: [Setting] = [
        text(
            "snapshot-directory", nil, \.snapshotDirectory, "PATH", "",
            "directory for the snapshots of etcd that clusters ask for; none are kept if not given",
            allowed: "the path of a directory"
        ) { !$0.isEmpty },
        Setting(
            flag: "fleet-wave", variable: nil, placeholder: "SELECTOR", defaultText: "",
            help:
                "clusters with these labels are changed before those of the next wave; may be given several times, all others come last",
            allowed: "a label selector such as tier=canary", isRepeatable: true
        ) { text, settings in
            guard let selector = LabelSelector(text) else { return false }
            settings.fleet.waves.append(selector)
            return true
        },
        Setting(
            flag: "fleet-max-concurrent", variable: nil, placeholder: "N", defaultText: "0",
            help: "how many clusters are changed at the same time; 0 for any number",
            allowed: "a whole number from 0 to 10000"
        ) { text, settings in
            guard let number = Int(text), (0...10_000).contains(number) else { return false }
            settings.fleet.maximumAtOnce = number == 0 ? nil : number
            return true
        },
        Setting(
            flag: "fleet-failure-budget", variable: nil, placeholder: "N", defaultText: "",
            help:
                "how many clusters may be halted before no other one is begun with; any number if not given",
            allowed: "a whole number from 0 to 10000"
        ) { text, settings in
            guard let number = Int(text), (0...10_000).contains(number) else { return false }
            settings.fleet.failureBudget = number
            return true
        },
        duration(
            "fleet-soak-time", nil, \.fleet.soakTime, "0s",
            "how long a wave must have been done and well before the next one begins",
            .zero...(.seconds(30 * 86_400))),
    ]

    private static let leaderElection: [Setting] = [
        Setting(
            flag: "leader-elect", variable: nil, placeholder: "", defaultText: "true inside a cluster",
            help: "work only while holding the Lease, so that several replicas may run",
            allowed: "true or false"
        ) { text, settings in
            guard let value = Bool(text) else { return false }
            settings.leaderElect = value
            return true
        },
        text(
            "leader-election-namespace", nil, \.leaderElectionNamespace, "NAMESPACE", "",
            "namespace of the Lease; the operator's own if not given", allowed: "a namespace",
            isAllowed: DNS1123.isLabel),
        duration(
            "leader-election-lease-duration", nil, \.leaseDuration, "15s",
            "how long other replicas wait after the last renewal they saw", .seconds(1)...(.seconds(3600))),
        duration(
            "leader-election-renew-deadline", nil, \.renewDeadline, "10s",
            "how long the leader goes on without a successful renewal", .seconds(1)...(.seconds(3600))),
        duration(
            "leader-election-retry-period", nil, \.retryPeriod, "2s",
            "time between two tries to take or renew the Lease", .seconds(1)...(.seconds(3600))),
    ]

    private static let metricsSecurity: [Setting] = [
        toggle(
            "metrics-secure", \.metricsSecure,
            "serve /metrics by HTTPS, with the certificate that the next three name"),
        text(
            "metrics-cert-path", nil, \.metricsCertPath, "PATH", "",
            "directory with that certificate and its key, as a Secret of type kubernetes.io/tls is mounted",
            allowed: "the path of a directory"
        ) { !$0.isEmpty },
        text(
            "metrics-cert-name", nil, \.metricsCertName, "NAME", "tls.crt",
            "file with the certificate, and after it those that lead to the authority",
            allowed: "the name of a file", isAllowed: isFileName),
        text(
            "metrics-cert-key", nil, \.metricsCertKey, "NAME", "tls.key", "file with the private key",
            allowed: "the name of a file", isAllowed: isFileName),
        toggle(
            "metrics-authorization", \.metricsAuthorization,
            "serve /metrics only to those whom RBAC lets get it, by their bearer tokens; needs --metrics-secure"
        ),
    ]

    private static let process: [Setting] = [
        Setting(
            flag: "log-level", variable: nil, placeholder: "LEVEL", defaultText: "info",
            help: "least important lines to log",
            allowed: "one of " + LogLevel.allCases.map(\.name).joined(separator: ", ")
        ) { text, settings in
            guard let level = LogLevel.allCases.first(where: { $0.name == text }) else { return false }
            settings.logLevel = level
            return true
        },
        Setting(
            flag: "log-format", variable: nil, placeholder: "FORMAT",
            defaultText: "text on a terminal, json elsewhere",
            help: "how log lines are written", allowed: "json or text"
        ) { text, settings in
            guard let format = LogFormat(rawValue: text) else { return false }
            settings.logFormat = format
            return true
        },
        duration(
            "grace-period", nil, \.gracePeriod, "25s",
            "how long work in flight may take after SIGTERM", .zero...(.seconds(3600))),
    ]
}

extension Setting {
    private static func duration(
        _ flag: String, _ variable: String?, _ path: any WritableKeyPath<Settings, Duration> & Sendable,
        _ defaultText: String, _ help: String, _ range: ClosedRange<Duration>
    ) -> Setting {
        let bounds = "\(GoDuration.text(range.lowerBound)) to \(GoDuration.text(range.upperBound))"
        return Setting(
            flag: flag, variable: variable, placeholder: "DURATION", defaultText: defaultText, help: help,
            allowed: "a duration such as 30s or 1m30s, from \(bounds)"
        ) { text, settings in
            guard let value = GoDuration.parse(text), range.contains(value) else { return false }
            settings[keyPath: path] = value
            return true
        }
    }

    private static func address(
        _ flag: String, _ variable: String, _ path: any WritableKeyPath<Settings, BindAddress?> & Sendable,
        _ defaultText: String, _ help: String
    ) -> Setting {
        Setting(
            flag: flag, variable: variable, placeholder: "ADDRESS", defaultText: defaultText, help: help,
            allowed: "0, :PORT, HOST:PORT or [IPv6]:PORT"
        ) { text, settings in
            if text == "0" {
                settings[keyPath: path] = nil
                return true
            }
            guard let address = BindAddress(parsing: text) else { return false }
            settings[keyPath: path] = address
            return true
        }
    }

    /// A switch that is off unless it is given.
    private static func toggle(
        _ flag: String, _ path: any WritableKeyPath<Settings, Bool> & Sendable, _ help: String
    ) -> Setting {
        Setting(
            flag: flag, variable: nil, placeholder: "", defaultText: "false", help: help,
            allowed: "true or false"
        ) { text, settings in
            guard let value = Bool(text) else { return false }
            settings[keyPath: path] = value
            return true
        }
    }

    private static func isFileName(_ text: String) -> Bool {
        !text.isEmpty && text != "." && text != ".." && !text.contains("/")
    }

    private static func text(
        _ flag: String, _ variable: String?, _ path: any WritableKeyPath<Settings, String> & Sendable,
        _ placeholder: String, _ defaultText: String, _ help: String, allowed: String,
        isAllowed: @escaping @Sendable (String) -> Bool
    ) -> Setting {
        Setting(
            flag: flag, variable: variable, placeholder: placeholder, defaultText: defaultText, help: help,
            allowed: allowed
        ) { text, settings in
            guard isAllowed(text) else { return false }
            settings[keyPath: path] = text
            return true
        }
    }
}
