// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

/// Values that the chart does not take, and what it says.
struct Refusal: Sendable, CustomTestStringConvertible {
    var values: JSONValue
    /// What the message must contain.
    var words: [String]

    init(_ values: JSONValue, _ words: String...) { (self.values, self.words) = (values, words) }

    var testDescription: String { String(decoding: values.encoded(), as: UTF8.self) }
}

extension Refusal {
    static let typos: [Refusal] = [
        Refusal(["replicas": 2], "'replicas' not allowed"),
        Refusal(["image": ["repo": "x"]], "/image", "'repo' not allowed"),
        Refusal(["crds": ["enabled": true]], "/crds", "'enabled' not allowed"),
        Refusal(["watchNamespace": "a"], "'watchNamespace' not allowed"),
        Refusal(["resources": ["limit": [:]]], "/resources", "'limit' not allowed"),
        Refusal(["resources": ["limits": ["mem": "1Gi"]]], "/resources/limits", "'mem' not allowed"),
        Refusal(
            ["results": ["persistence": ["enable": true]]], "/results/persistence", "'enable' not allowed"),
        Refusal(["metrics": ["secure": ["tls": true]]], "/metrics/secure", "'tls' not allowed"),
        Refusal(
            ["metrics": ["serviceMonitor": ["labels": [:]]]], "/metrics/serviceMonitor",
            "'labels' not allowed"),
        Refusal(
            ["leaderElection": ["leaseduration": "1s"]], "/leaderElection", "'leaseduration' not allowed"),
        Refusal(
            ["health": ["livenessProbe": ["period": 1]]], "/health/livenessProbe", "'period' not allowed"),
        Refusal(["extraEnv": [["nam": "X"]]], "/extraEnv/0"),
        Refusal(["imagePullSecrets": ["registry"]], "/imagePullSecrets/0", "got string, want object"),
        Refusal(["networkPolicy": ["metricsFrom": [["podselector": [:]]]]], "/networkPolicy/metricsFrom/0"),
        Refusal(
            ["rbac": ["extraRules": [["resources": ["x"]]]]], "/rbac/extraRules/0", "missing property 'verbs'"
        ),
    ]

    static let wrongForms: [Refusal] = [
        Refusal(["replicaCount": "2"], "/replicaCount", "got string, want integer"),
        Refusal(["replicaCount": -1], "/replicaCount", "want 0"),
        Refusal(["reconcileInterval": 30], "/reconcileInterval", "got number, want string"),
        Refusal(["reconcileInterval": "30"], "/reconcileInterval", "does not match pattern"),
        Refusal(["gracePeriod": "1 m"], "/gracePeriod", "does not match pattern"),
        Refusal(["maxConcurrentReconciles": 257], "/maxConcurrentReconciles", "want 256"),
        Refusal(["maxConcurrentReconciles": 0], "/maxConcurrentReconciles", "want 1"),
        Refusal(["logLevel": "verbose"], "/logLevel", "'debug', 'info', 'warn', 'error'"),
        Refusal(["logFormat": "xml"], "/logFormat", "'json', 'text'"),
        Refusal(
            ["image": ["pullPolicy": "Sometimes"]], "/image/pullPolicy", "'Always', 'IfNotPresent', 'Never'"),
        Refusal(["image": ["tag": .double(1.5)]], "/image/tag", "got number, want string"),
        Refusal(["image": ["digest": "sha256:abc"]], "/image/digest", "does not match pattern"),
        Refusal(["image": ["repository": ""]], "/image/repository"),
        Refusal(["watchNamespaces": "team-a"], "/watchNamespaces", "got string, want array"),
        Refusal(["watchNamespaces": ["Team"]], "/watchNamespaces/0", "does not match pattern"),
        Refusal(["watchNamespaces": ["a", "b", "a"]], "/watchNamespaces", "items at 0 and 2 are equal"),
        Refusal(["watchLabelSelector": "a in x"], "/watchLabelSelector", "does not match pattern"),
        Refusal(["watchLabelSelector": "a=b,"], "/watchLabelSelector", "does not match pattern"),
        Refusal(["results": ["path": "results"]], "/results/path", "does not match pattern"),
        Refusal(["results": ["persistence": ["accessModes": ["RWX"]]]], "/results/persistence/accessModes/0"),
        Refusal(["results": ["persistence": ["size": "1GB"]]], "/results/persistence/size"),
        Refusal(["resources": ["limits": ["memory": "128 Mi"]]], "/resources/limits/memory"),
        Refusal(["metrics": ["port": 0]], "/metrics/port", "want 1"),
        Refusal(["metrics": ["port": 65536]], "/metrics/port", "want 65,535"),
        Refusal(["metrics": ["enabled": "yes"]], "/metrics/enabled", "got string, want boolean"),
        Refusal(["metrics": ["serviceMonitor": ["interval": "often"]]], "/metrics/serviceMonitor/interval"),
        Refusal(["podLabels": ["a": true]], "/podLabels/a", "got boolean, want string"),
        Refusal(["podAnnotations": ["a": 1]], "/podAnnotations/a", "got number, want string"),
        Refusal(["extraArgs": ["log-level=debug"]], "/extraArgs/0", "does not match pattern"),
        Refusal(
            ["extraVolumeMounts": [["name": "x"]]], "/extraVolumeMounts/0", "missing property 'mountPath'"),
        Refusal(["strategy": ["type": "BlueGreen"]], "/strategy/type", "'Recreate', 'RollingUpdate'"),
        Refusal(["fullnameOverride": "Talos"], "/fullnameOverride", "does not match pattern"),
    ]

    static let wrongTogether: [Refusal] = [
        Refusal(["metrics": ["port": 8081]], "metrics.port and health.port are both 8081: must differ"),
        Refusal(
            ["gracePeriod": "30s"], "terminationGracePeriodSeconds is 30: must be more than gracePeriod, 30s"),
        Refusal(["gracePeriod": "0.5m"], "terminationGracePeriodSeconds is 30", "0.5m"),
        Refusal(["terminationGracePeriodSeconds": 10], "terminationGracePeriodSeconds is 10", "25s"),
        Refusal(
            ["replicaCount": 2, "leaderElection": ["enabled": false]],
            "replicaCount is 2: must be 0 or 1 without leaderElection.enabled"),
        Refusal(
            ["replicaCount": 2, "results": ["persistence": ["enabled": true]]],
            "results.persistence.accessModes is [ReadWriteOnce]: must have ReadWriteMany when replicaCount is 2"
        ),
        Refusal(
            ["strategy": ["type": "RollingUpdate"], "results": ["persistence": ["enabled": true]]],
            "strategy.type is RollingUpdate: must be Recreate"),
        Refusal(
            ["results": ["persistence": ["existingClaim": "x"]]],
            "results.persistence.existingClaim is set: must not be without results.persistence.enabled"),
        Refusal(["serviceAccount": ["create": false]], "serviceAccount.name is missing"),
        Refusal(
            ["metrics": ["secure": ["authorization": true]]],
            "metrics.secure.authorization is true: must be false without metrics.secure.enabled"),
        Refusal(
            ["metrics": ["secure": ["certSecret": "x"]]],
            "metrics.secure.certSecret is set: must not be without metrics.secure.enabled"),
        Refusal(
            ["metrics": ["secure": ["certManager": ["enabled": true]]]],
            "metrics.secure.certManager.enabled is true: must be false without metrics.secure.enabled"),
        Refusal(
            ["metrics": ["secure": ["enabled": true, "certSecret": "x", "certManager": ["enabled": true]]]],
            "metrics.secure.certSecret and metrics.secure.certManager.enabled are both set: must be one of them"
        ),
        Refusal(
            ["metrics": ["secure": ["enabled": true]]],
            "metrics.secure.enabled is true: must have metrics.secure.certSecret or metrics.secure.certManager"
        ),
        Refusal(
            ["metrics": ["enabled": false, "secure": ["enabled": true]]],
            "metrics.secure.enabled is true: must be false without metrics.enabled"),
        Refusal(
            ["metrics": ["enabled": false, "serviceMonitor": ["enabled": true]]],
            "metrics.serviceMonitor.enabled is true: must be false without metrics.enabled"),
        Refusal(
            ["metrics": ["serviceMonitor": ["enabled": true, "authorization": ["type": "Bearer"]]]],
            "metrics.serviceMonitor.authorization is set: must not be without metrics.secure.authorization"),
        Refusal(
            ["metrics": ["prometheusRule": ["enabled": true, "disabled": ["NoSuchAlert"]]]],
            "metrics.prometheusRule.disabled has NoSuchAlert: must be one of TalosOperator"),
        Refusal(
            ["extraEnv": [["name": "RESULTS_PATH", "value": "/tmp"]]],
            "extraEnv has RESULTS_PATH: must not, there is a value for it"),
    ]
}

@Suite("What the Helm chart refuses")
struct ChartRefusalTests {
    @Test("names that it does not know", arguments: Refusal.typos)
    func typo(_ refusal: Refusal) async throws { try await check(refusal) }

    @Test("values of another form", arguments: Refusal.wrongForms)
    func wrongForm(_ refusal: Refusal) async throws { try await check(refusal) }

    @Test("values that are wrong together", arguments: Refusal.wrongTogether)
    func wrongTogether(_ refusal: Refusal) async throws { try await check(refusal) }

    private func check(_ refusal: Refusal) async throws {
        let message = try #require(try await PackagingTool.refusal(of: refusal.values))
        for words in refusal.words { #expect(message.contains(words), "\(message)") }
    }

    @Test("but what charts are given that depend on it is let in")
    func dependency() async throws {
        #expect(try await PackagingTool.refusal(of: ["global": ["a": 1], "enabled": true]) == nil)
    }
}
