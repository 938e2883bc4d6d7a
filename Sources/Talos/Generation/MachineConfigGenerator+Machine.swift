// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension MachineConfigGenerator {
    /// The section `machine`.
    var machine: JSONValue {
        .members([
            "type": .string(input.role.rawValue),
            "token": .string(input.secrets.trustdToken),
            "ca": authority(input.secrets.os, withKey: isControlPlane),
            "certSANs": .strings(input.additionalSANs),
            "kubelet": .members([
                "image": kubernetesImage("ghcr.io/siderolabs/kubelet"),
                "defaultRuntimeSeccompProfileEnabled": true,
                "disableManifestsDirectory": true,
            ]),
            "network": given(
                .networkOfMachine, .members(["kubespan": input.kubeSpan.map { ["enabled": .bool($0)] }])),
            "install": install,
            "sysctls": .stringsIfAny(input.sysctls),
            "registries": given(.registriesOfMachine, registries),
            "features": featureGates,
            "nodeLabels": onControlPlane(
                given(
                    .excludedFromLoadBalancers,
                    ["node.kubernetes.io/exclude-from-external-load-balancers": ""])),
        ])
    }

    private var install: JSONValue {
        .members([
            "disk": input.installDisk.map(JSONValue.string),
            "extraKernelArgs": .stringsIfAny(input.installExtraKernelArgs),
            "image": input.installImage.map(JSONValue.string),
            "wipe": false,
            "grubUseUKICmdline": given(.ukiCommandLine, true),
        ])
    }

    private var featureGates: JSONValue {
        .members([
            "rbac": given(.accessFeatures, true),
            "stableHostname": given(.stableHostnameFeature, true),
            "apidCheckExtKeyUsage": given(.accessFeatures, true),
            "diskQuotaSupport": given(.diskQuotaSupport, true),
            "kubePrism": given(.kubePrism, ["enabled": true, "port": 7445]),
            "hostDNS": given(
                .hostDNS,
                .members(["enabled": true, "forwardKubeDNSToHost": given(.kubeDNSForwarding, true)])),
        ])
    }

    private var registries: JSONValue? {
        let mirrors = input.registries.filter { !$0.mirrors.isEmpty }.map {
            JSONObject.Member(key: $0.host, value: ["endpoints": .strings($0.mirrors)])
        }
        let settings = input.registries.compactMap { registry in
            trust(in: registry).map { JSONObject.Member(key: registry.host, value: ["tls": $0]) }
        }
        guard !mirrors.isEmpty || !settings.isEmpty else { return nil }
        return .members([
            "mirrors": mirrors.isEmpty ? nil : .object(JSONObject(mirrors)),
            "config": settings.isEmpty ? nil : .object(JSONObject(settings)),
        ])
    }

    private func trust(in registry: MachineConfigInput.Registry) -> JSONValue? {
        guard registry.authority != nil || registry.isInsecure else { return nil }
        return .members([
            "ca": registry.authority.map { Self.base64(Array($0.utf8)) },
            "insecureSkipVerify": registry.isInsecure ? true : nil,
        ])
    }
}

extension MachineConfigGenerator {
    /// The documents of registries, by kind and name.
    var registryDocuments: [JSONValue] {
        guard features.has(.networkDocuments) else { return [] }
        let byName = input.registries.sorted { $0.host < $1.host }
        let mirrors = byName.filter { !$0.mirrors.isEmpty }.map { registry -> JSONValue in
            let endpoints = registry.mirrors.map { ["url": .string($0)] as JSONValue }
            return [
                "apiVersion": "v1alpha1", "kind": "RegistryMirrorConfig", "name": .string(registry.host),
                "endpoints": .array(endpoints),
            ]
        }
        let trust = byName.filter { $0.authority != nil || $0.isInsecure }.map { registry -> JSONValue in
            .members([
                "apiVersion": "v1alpha1", "kind": "RegistryTLSConfig", "name": .string(registry.host),
                "ca": registry.authority.map(JSONValue.string),
                "insecureSkipVerify": registry.isInsecure ? true : nil,
            ])
        }
        return mirrors + trust
    }

    /// The documents that the machine's network has at least.
    var networkDocuments: [JSONValue] {
        var documents: [JSONValue] = []
        if features.has(.networkDocuments) {
            documents.append(["apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "stable"])
        }
        if features.has(.kubeSpanDocument), let isEnabled = input.kubeSpan {
            documents.append([
                "apiVersion": "v1alpha1", "kind": "KubeSpanConfig", "enabled": .bool(isEnabled),
            ])
        }
        return documents
    }
}
