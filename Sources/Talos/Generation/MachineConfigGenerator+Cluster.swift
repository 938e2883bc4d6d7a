// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension MachineConfigGenerator {
    /// The section `cluster`.
    var cluster: JSONValue {
        let secrets = input.secrets
        return .members([
            "id": .string(secrets.cluster.id),
            "secret": .string(secrets.cluster.secret),
            "controlPlane": .members([
                "endpoint": .string(endpoint.url),
                "localAPIServerPort": onControlPlane(input.localAPIServerPort.map { .integer(Int64($0)) }),
            ]),
            "clusterName": isControlPlane || features.has(.clusterNameOfWorkers)
                ? .string(input.clusterName) : nil,
            "network": network,
            "token": .string(secrets.bootstrapToken),
            "secretboxEncryptionSecret": onControlPlane(
                secrets.secretboxEncryptionSecret.map(JSONValue.string)),
            "ca": authority(secrets.kubernetes, withKey: isControlPlane),
            "aggregatorCA": onControlPlane(authority(secrets.aggregator)),
            "serviceAccount": onControlPlane(["key": Self.base64(secrets.serviceAccountKey)]),
            "apiServer": onControlPlane(apiServer),
            "controllerManager": onControlPlane(component("kube-controller-manager")),
            "proxy": onControlPlane(component("kube-proxy")),
            "scheduler": onControlPlane(component("kube-scheduler")),
            "discovery": discovery,
            "etcd": onControlPlane(["ca": authority(secrets.etcd)]),
            "allowSchedulingOnControlPlanes": onControlPlane(
                input.allowSchedulingOnControlPlanes ? true : nil),
        ])
    }

    private var network: JSONValue {
        .members([
            "cni": input.networkPlugin.map {
                .members(["name": .string($0.name), "urls": .stringsIfAny($0.urls)])
            },
            "dnsDomain": .string(input.dnsDomain),
            "podSubnets": .strings(input.podSubnets.isEmpty ? ["10.244.0.0/16"] : input.podSubnets),
            "serviceSubnets": .strings(
                input.serviceSubnets.isEmpty ? ["10.96.0.0/12"] : input.serviceSubnets),
        ])
    }

    private var discovery: JSONValue {
        [
            "enabled": .bool(input.discovery),
            "registries": ["kubernetes": ["disabled": true], "service": [:]],
        ]
    }

    private func component(_ name: String) -> JSONValue {
        .members(["image": kubernetesImage("registry.k8s.io/\(name)")])
    }

    private var apiServer: JSONValue {
        let ownNames = features.has(.endpointInCertificate) ? [endpoint.host] : []
        return .members([
            "image": kubernetesImage("registry.k8s.io/kube-apiserver"),
            "certSANs": .stringsIfAny(ownNames + input.additionalSANs),
            "disablePodSecurityPolicy": given(.podSecurityPolicySwitch, true),
            "admissionControl": [["name": "PodSecurity", "configuration": Self.podSecurity]],
            "auditPolicy": [
                "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [["level": "Metadata"]],
            ],
        ])
    }

    /// The Pod Security Standards: "baseline" is enforced everywhere but in kube-system, "restricted" warned about.
    private static let podSecurity: JSONValue = [
        "apiVersion": "pod-security.admission.config.k8s.io/v1alpha1",
        "defaults": [
            "audit": "restricted", "audit-version": "latest", "enforce": "baseline",
            "enforce-version": "latest", "warn": "restricted", "warn-version": "latest",
        ],
        "exemptions": ["namespaces": ["kube-system"], "runtimeClasses": [], "usernames": []],
        "kind": "PodSecurityConfiguration",
    ]
}
