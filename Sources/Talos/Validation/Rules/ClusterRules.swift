// SPDX-License-Identifier: Apache-2.0

/// The cluster: its endpoint and network, etcd, manifests and discovery.
enum ClusterRules {
    static let all: [ConfigRule] =
        [
            ConfigRule("cluster.controlPlane.endpoint", check: endpoint),
            ConfigRule("cluster.network.dnsDomain", .dnsName),
            ConfigRule("cluster.network.cni", when: .controlPlane, check: cni),
            ConfigRule("cluster.discovery", check: discovery),
            ConfigRule("cluster.inlineManifests", check: inlineManifests),
            ConfigRule("cluster.externalCloudProvider", check: externalCloudProvider),
        ] + etcd + authorization + ["apiServer", "controllerManager", "scheduler"].flatMap(resources)

    private static func endpoint(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        guard scope.machine?["cluster"].isSet == true else { return }
        guard !field.isZero else {
            return findings.error(field, "is required: where the Kubernetes API answers")
        }
        guard !NetworkSyntax.isURLWithHost(field.text) else { return }
        findings.error(field, "must be a URL such as https://10.0.0.1:6443, an IPv6 address in brackets")
    }

    private static func cni(_ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings)
    {
        guard field.isSet else { return }
        let name = field["name"].text
        guard ["flannel", "custom", "none"].contains(name) else {
            return findings.error(field["name"], "must be one of flannel, custom, none")
        }
        if name != "flannel" {
            for key in ["extraArgs", "kubeNetworkPoliciesEnabled"] where !field["flannel"][key].isZero {
                findings.error(
                    field["flannel"][key], "must not be set unless cluster.network.cni.name is flannel")
            }
        }
        guard name == "custom" else {
            if !field["urls"].isZero {
                findings.error(field["urls"], "must be empty unless cluster.network.cni.name is custom")
            }
            return
        }
        if field["urls"].isZero {
            findings.warning(
                field["urls"], "should name manifests; a network from elsewhere is cni.name none")
        }
        for url in field["urls"].elements where !NetworkSyntax.isURLWithHost(url.text) {
            findings.error(url, "must be \(ValueRule.url.requirement)")
        }
    }

    // MARK: - etcd

    private static let etcd = [
        ConfigRule("cluster.etcd", when: .worker.since(6)) { field, _, findings in
            if field.isSet { findings.error(field, "must not be set on a worker") }
        },
        ConfigRule("cluster.etcd", when: .controlPlane) { field, _, findings in
            guard field.isSet, !field["ca"].isSet else { return }
            findings.error(field["ca"], "is required: etcd's certificates are signed with it")
        },
        ConfigRule("cluster.etcd", when: .controlPlane) { field, _, findings in
            guard !field["subnet"].isZero, !field["advertisedSubnets"].isZero else { return }
            findings.error(
                field["subnet"], "excludes cluster.etcd.advertisedSubnets, which is its newer name")
        },
        ConfigRule("cluster.etcd.subnet", .filter),
        ConfigRule("cluster.etcd.advertisedSubnets[]", .filter),
        ConfigRule("cluster.etcd.listenSubnets[]", .filter),
    ]

    // MARK: - Discovery

    private static func discovery(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        let service = field["registries"]["service"]
        guard field["enabled"].isTrue, !service["disabled"].isTrue, let cluster = scope.machine?["cluster"]
        else {
            return
        }
        for key in ["id", "secret"] where cluster[key].isZero {
            findings.error(cluster[key], "is required for the discovery service, cluster.discovery")
        }
        guard !service["endpoint"].isZero else { return }
        guard let url = URLText(service["endpoint"].text), !url.host.isEmpty, ["", "/"].contains(url.path)
        else {
            return findings.error(service["endpoint"], "must be a URL without a path")
        }
    }

    // MARK: - Manifests

    private static func inlineManifests(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        var names: Set<String> = []
        for name in field.elements.map({ $0["name"] }) {
            if name.text.allSatisfy(\.isWhitespace) {
                findings.error(name, "is required")
            } else if !names.insert(name.text).inserted {
                findings.error(
                    name, "must be unique, but another manifest has the name \(scope.shown(name) ?? "too")")
            }
        }
    }

    private static func externalCloudProvider(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        let manifests = field["manifests"]
        guard field["enabled"].isTrue else {
            guard !manifests.isZero else { return }
            return findings.error(
                manifests, "must be empty unless cluster.externalCloudProvider.enabled is true")
        }
        for url in manifests.elements where !NetworkSyntax.isURLWithHost(url.text) {
            findings.error(url, "must be \(ValueRule.url.requirement)")
        }
    }

    // MARK: - The control plane's components

    private static let authorization = [
        ConfigRule("cluster.apiServer") { field, _, findings in
            guard field["authorizationConfig"].isSet else { return }
            for (flag, argument) in field["extraArgs"].members
            where flag == "authorization-mode" || flag.hasPrefix("authorization-webhook-") {
                findings.error(argument, "excludes cluster.apiServer.authorizationConfig: set one of both")
            }
        },
        ConfigRule("cluster.apiServer.authorizationConfig[].type", required: "Node, RBAC or Webhook"),
        ConfigRule("cluster.apiServer.authorizationConfig[].type", .oneOf("Node", "RBAC", "Webhook")),
        ConfigRule("cluster.apiServer.authorizationConfig[].name", required: "how the authorizer is called"),
    ]

    private static func resources(of component: String) -> [ConfigRule] {
        ["requests", "limits"].flatMap { part in
            [
                ConfigRule("cluster.\(component).resources.\(part)") { field, _, findings in
                    for (name, amount) in field.members where !["cpu", "memory"].contains(name) {
                        findings.error(amount, "is not supported by Talos, only cpu and memory are")
                    }
                },
                ConfigRule("cluster.\(component).resources.\(part){}", .quantity),
            ]
        }
    }
}
