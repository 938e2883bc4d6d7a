// SPDX-License-Identifier: Apache-2.0

/// What Talos offers on the machine, and the machine as a node of Kubernetes: features, labels, kubelet.
enum NodeRules {
    static let all: [ConfigRule] =
        features + [
            ConfigRule("machine.nodeLabels", check: labels),
            ConfigRule("machine.nodeAnnotations", check: annotations),
            ConfigRule("machine.nodeTaints", check: taints),
            ConfigRule("machine.kubelet.nodeIP.validSubnets[]", .filter),
            ConfigRule("machine.kubelet.extraConfig") { field, _, findings in
                for (key, field) in field.members where reservedKubeletSettings.contains(key) {
                    findings.error(field, "is set by Talos and cannot be changed here")
                }
            },
        ]

    /// What Talos itself sets in the kubelet's configuration.
    private static let reservedKubeletSettings: Set<String> = [
        "apiVersion", "authentication", "authorization", "cgroupRoot", "kind", "kubeletCgroups", "port",
        "protectKernelDefaults", "resolvConf", "rotateCertificates", "systemCgroups", "staticPodPath",
        "seccompDefault",
    ]

    // MARK: - Features

    private static let features = [
        ConfigRule("machine.features.nodeAddressSortAlgorithm", .oneOf("v1", "v2")),
        ConfigRule("machine.features.hostDNS", when: .since(13)) { field, _, findings in
            guard field["forwardKubeDNSToHost"].isTrue, !field["enabled"].isTrue else { return }
            findings.error(field["forwardKubeDNSToHost"], "needs machine.features.hostDNS.enabled: true")
        },
        ConfigRule("machine.features.hostDNS.enabled", when: .in(.container).since(7), check: inContainers),
        ConfigRule(
            "machine.features.hostDNS.forwardKubeDNSToHost", when: .in(.container).since(7),
            check: inContainers),
        ConfigRule("machine.features.kubernetesTalosAPIAccess", check: apiAccess),
        ConfigRule("machine.features", when: .upTo(11)) { field, _, findings in
            guard field["kubernetesTalosAPIAccess"]["enabled"].isTrue, !field["rbac"].isTrue else { return }
            findings.error(field["rbac"], "must be true for machine.features.kubernetesTalosAPIAccess")
        },
    ]

    private static func inContainers(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        guard scope.machine?["machine"].isSet == true, !field.isTrue else { return }
        findings.error(field, "must be true in container mode")
    }

    /// What a client of Talos' API may be.
    private static let roles: Set<String> = [
        "os:admin", "os:operator", "os:reader", "os:etcd:backup", "os:impersonator", "os:meta:writer",
        "os:image:verifier",
    ]

    private static func apiAccess(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        guard field["enabled"].isTrue else { return }
        if scope.role == .worker { findings.error(field["enabled"], "must be false on a worker") }
        for role in field["allowedRoles"].elements where !roles.contains(role.text) {
            findings.error(role, "must be one of \(roles.sorted().joined(separator: ", "))")
        }
    }

    // MARK: - Labels, annotations, taints

    private static let keyRule = "a key of Kubernetes, name or domain/name, the name of 63 characters at most"

    private static func labels(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        for (key, field) in field.members {
            if !KubernetesSyntax.isQualifiedName(key) { findings.error(field, "must have \(keyRule)") }
            guard !KubernetesSyntax.isLabelValue(field.text) else { continue }
            findings.error(
                field, "must be up to 63 letters, digits, -, _ and ., a letter or digit at both ends")
        }
    }

    /// What Talos itself notes on the node.
    private static let ownedAnnotations: Set<String> = [
        "talos.dev/owned-annotations", "talos.dev/owned-labels", "talos.dev/owned-taints",
    ]

    /// How much Kubernetes takes for all annotations of an object.
    private static let annotationLimit = 256 * 1024

    private static func annotations(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        for (key, field) in field.members {
            if !KubernetesSyntax.isQualifiedName(key) { findings.error(field, "must have \(keyRule)") }
            guard ownedAnnotations.contains(key) else { continue }
            findings.error(field, "is set by Talos and cannot be changed here")
        }
        let size = field.members.reduce(0) { $0 + $1.key.utf8.count + $1.field.text.utf8.count }
        guard size > annotationLimit else { return }
        findings.error(field, "must have no more than \(annotationLimit) bytes in all, but has \(size)")
    }

    private static func taints(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        let effects = KubernetesSyntax.taintEffects.joined(separator: ", ")
        for (key, field) in field.members {
            if !KubernetesSyntax.isQualifiedName(key) { findings.error(field, "must have \(keyRule)") }
            guard !KubernetesSyntax.isTaint(field.text) else { continue }
            findings.error(field, "must be effect or value:effect, the effect one of \(effects)")
        }
    }
}
