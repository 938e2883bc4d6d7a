// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Generated configurations")
struct GenerationTests {
    private func input(_ minor: Int, _ role: MachineRole) -> MachineConfigInput {
        MachineConfigInput(
            version: TalosVersion(minor: minor), role: role, clusterName: "sample",
            endpoint: "https://[2001:db8::1]:6443", kubernetesVersion: "v1.36.1", secrets: .readable)
    }

    @Test("a control plane gets everything, in Talos' order and layout")
    func controlPlane() throws {
        #expect(try MachineConfiguration(generating: input(13, .controlPlane)).yaml() == Self.controlPlane)
    }

    @Test("a worker gets no key and nothing of the control plane")
    func worker() throws {
        #expect(try MachineConfiguration(generating: input(13, .worker)).yaml() == Self.worker)
    }

    @Test("without a Kubernetes version there are no images of it")
    func noKubernetesVersion() throws {
        var input = input(9, .controlPlane)
        input.kubernetesVersion = nil
        let configuration = try MachineConfiguration(generating: input)
        #expect(configuration["machine", "kubelet", "image"] == nil)
        #expect(configuration["cluster", "apiServer", "image"] == nil)
        #expect(
            configuration.yaml().contains("    controllerManager: {}\n    proxy: {}\n    scheduler: {}\n"))
    }

    @Test("an IPv6 endpoint is named without brackets in the API server's certificate")
    func endpointInCertificate() throws {
        var input = input(11, .controlPlane)
        input.additionalSANs = ["api.example.com"]
        let names = try MachineConfiguration(generating: input)["cluster", "apiServer", "certSANs"]
        #expect(names?.json == ["2001:db8::1", "api.example.com"])
    }

    @Test("what the bundle has not is not invented, and what was redacted stays so")
    func bundles() throws {
        var input = input(12, .controlPlane)
        input.secrets.secretboxEncryptionSecret = nil
        input.secrets.aescbcEncryptionSecret = "old"
        input.secrets.os.key = SecretsBundle.redactionMarker
        let configuration = try MachineConfiguration(generating: input)
        #expect(configuration["cluster", "secretboxEncryptionSecret"] == nil)
        #expect(configuration["cluster", "aescbcEncryptionSecret"] == nil)
        #expect(configuration["machine", "ca", "key"]?.string == "******")
    }

    @Test("discovery that is off is said")
    func noDiscovery() throws {
        var input = input(12, .worker)
        input.discovery = false
        let discovery = try MachineConfiguration(generating: input)["cluster", "discovery"]
        #expect(
            discovery?.json == [
                "enabled": false, "registries": ["kubernetes": ["disabled": true], "service": [:]],
            ])
    }

    @Test("networks of one's own take the place of Talos'")
    func networks() throws {
        var input = input(12, .worker)
        input.podSubnets = ["10.1.0.0/16", "fd00::/56"]
        input.serviceSubnets = ["10.2.0.0/16"]
        let network = try MachineConfiguration(generating: input)["cluster", "network"]
        #expect(network?["podSubnets"]?.json == ["10.1.0.0/16", "fd00::/56"])
        #expect(network?["serviceSubnets"]?.json == ["10.2.0.0/16"])
    }

    @Test("all that is wrong with an input is told at once, by field")
    func problems() throws {
        var input = MachineConfigInput(
            version: TalosVersion(minor: 14), role: .worker, clusterName: "", endpoint: "10.0.0.1",
            kubernetesVersion: "1.33", secrets: .readable)
        input.dnsDomain = ""
        input.localAPIServerPort = 65536
        input.registries = [MachineConfigInput.Registry(host: "")]
        let error = try #require(throws: ConfigProblems.self) { try MachineConfiguration(generating: input) }
        #expect(
            error.problems.map { $0.path.description } == [
                "talosVersion", "clusterName", "clusterEndpoint", "kubernetesVersion", "dnsDomain",
                "localAPIServerPort", "registries[0].host",
            ])
    }

    @Test(
        "a Kubernetes version has three numbers",
        arguments: [
            ("1.33.0", true), ("v1.33.0", true), ("v1.33.0-rc.1", true), ("v1.33", false),
            ("vv1.33.0", false),
            ("1.33.0 ", false), ("1.33.0-", false), ("1.33.x", false), ("1..0", false), ("latest", false),
            ("", false),
            ("1.33.0-a/b", false), ("-1.33.0", false),
        ])
    func versions(text: String, isGood: Bool) {
        var input = input(13, .worker)
        input.kubernetesVersion = text
        #expect(input.problems.isEmpty == isGood)
    }
}

extension GenerationTests {
    fileprivate static let worker = """
        version: v1alpha1
        debug: false
        persist: true
        machine:
            type: worker
            token: trustd.token
            ca:
                crt: b3MgY3J0
                key: ""
            certSANs: []
            kubelet:
                image: ghcr.io/siderolabs/kubelet:v1.36.1
                defaultRuntimeSeccompProfileEnabled: true
                disableManifestsDirectory: true
            install:
                wipe: false
                grubUseUKICmdline: true
            features:
                diskQuotaSupport: true
                kubePrism:
                    enabled: true
                    port: 7445
                hostDNS:
                    enabled: true
                    forwardKubeDNSToHost: true
        cluster:
            id: cluster-id
            secret: cluster-secret
            controlPlane:
                endpoint: https://[2001:db8::1]:6443
            clusterName: sample
            network:
                dnsDomain: cluster.local
                podSubnets:
                    - 10.244.0.0/16
                serviceSubnets:
                    - 10.96.0.0/12
            token: bootstrap.token
            ca:
                crt: azhzIGNydA==
                key: ""
            discovery:
                enabled: true
                registries:
                    kubernetes:
                        disabled: true
                    service: {}
        ---
        apiVersion: v1alpha1
        kind: HostnameConfig
        auto: stable

        """

    fileprivate static let controlPlane = """
        version: v1alpha1
        debug: false
        persist: true
        machine:
            type: controlplane
            token: trustd.token
            ca:
                crt: b3MgY3J0
                key: b3Mga2V5
            certSANs: []
            kubelet:
                image: ghcr.io/siderolabs/kubelet:v1.36.1
                defaultRuntimeSeccompProfileEnabled: true
                disableManifestsDirectory: true
            install:
                wipe: false
                grubUseUKICmdline: true
            features:
                diskQuotaSupport: true
                kubePrism:
                    enabled: true
                    port: 7445
                hostDNS:
                    enabled: true
                    forwardKubeDNSToHost: true
            nodeLabels:
                node.kubernetes.io/exclude-from-external-load-balancers: ""
        cluster:
            id: cluster-id
            secret: cluster-secret
            controlPlane:
                endpoint: https://[2001:db8::1]:6443
            clusterName: sample
            network:
                dnsDomain: cluster.local
                podSubnets:
                    - 10.244.0.0/16
                serviceSubnets:
                    - 10.96.0.0/12
            token: bootstrap.token
            secretboxEncryptionSecret: secretbox
            ca:
                crt: azhzIGNydA==
                key: azhzIGtleQ==
            aggregatorCA:
                crt: ZnJvbnQgY3J0
                key: ZnJvbnQga2V5
            serviceAccount:
                key: c2Ega2V5
            apiServer:
                image: registry.k8s.io/kube-apiserver:v1.36.1
                admissionControl:
                    - name: PodSecurity
                      configuration:
                        apiVersion: pod-security.admission.config.k8s.io/v1alpha1
                        defaults:
                            audit: restricted
                            audit-version: latest
                            enforce: baseline
                            enforce-version: latest
                            warn: restricted
                            warn-version: latest
                        exemptions:
                            namespaces:
                                - kube-system
                            runtimeClasses: []
                            usernames: []
                        kind: PodSecurityConfiguration
                auditPolicy:
                    apiVersion: audit.k8s.io/v1
                    kind: Policy
                    rules:
                        - level: Metadata
            controllerManager:
                image: registry.k8s.io/kube-controller-manager:v1.36.1
            proxy:
                image: registry.k8s.io/kube-proxy:v1.36.1
            scheduler:
                image: registry.k8s.io/kube-scheduler:v1.36.1
            discovery:
                enabled: true
                registries:
                    kubernetes:
                        disabled: true
                    service: {}
            etcd:
                ca:
                    crt: ZXRjZCBjcnQ=
                    key: ZXRjZCBrZXk=
        ---
        apiVersion: v1alpha1
        kind: HostnameConfig
        auto: stable

        """
}
