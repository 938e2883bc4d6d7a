// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Validation of machine and cluster")
struct MachineValidationTests {
    private static let metal = TestConfig().with { $0.mode = .metal }
    private static let container = TestConfig().with { $0.mode = .container }

    private static let machine: [ValidationCase] = [
        ValidationCase(
            "machine: is required: it says what the machine is", \.text,
            bad: "cluster: {controlPlane: {endpoint: 'https://a:1'}}", good: TestConfig().text),
        ValidationCase(
            "cluster: is required: it says which cluster the machine belongs to", \.text,
            bad: "machine: {type: worker, ca: {crt: YQ==}}", good: TestConfig.worker.text),
        ValidationCase(
            "machine.type: must be one of controlplane, worker, init", \.type, bad: "type: master",
            good: "type: init"),
        ValidationCase(
            "persist: must be true: Talos always keeps its configuration", \.head, bad: "persist: false",
            good: "persist: true"),
        ValidationCase(
            "machine.ca.key: is required on a control plane: the machine issues certificates of Talos' API",
            \.ca,
            bad: "ca: {crt: YQ==, key: ''}", good: "ca: {crt: YQ==, key: YQ==}"),
        ValidationCase(
            "machine.ca.key: must be empty on a worker, which issues no certificates", \.ca,
            bad: "ca: {crt: YQ==, key: YQ==}", good: "ca: {crt: YQ==, key: ''}", in: .worker),
        ValidationCase(
            "machine.ca.crt: is required, or else machine.acceptedCAs: the machine trusts nobody otherwise",
            \.ca,
            bad: "", good: "acceptedCAs: [{crt: YQ==}]", in: .worker),
        ValidationCase(
            "cluster.ca.key: must be empty on a worker, which issues no certificates", \.cluster,
            bad: "ca: {crt: YQ==, key: YQ==}", good: "ca: {crt: YQ==, key: ''}", in: .worker),
        ValidationCase(
            "machine.install: is required in metal mode", \.machine, bad: "",
            good: "install: {disk: /dev/sda}",
            in: metal),
        ValidationCase(
            "machine.install.disk: is required in metal mode, or else machine.install.diskSelector",
            \.machine,
            bad: "install: {wipe: false}", good: "install: {diskSelector: {size: '>= 100GB', type: ssd}}",
            in: metal),
        ValidationCase(
            #"machine.install.diskSelector.size: must be a size, or a comparison such as ">= 1TB", not "big""#,
            \.machine, bad: "install: {diskSelector: {size: big}}",
            good: "install: {diskSelector: {size: 4 GiB}}"),
        ValidationCase(
            #"machine.install.diskSelector.type: must be one of ssd, hdd, nvme, sd, not "tape""#,
            \.machine, bad: "install: {diskSelector: {type: tape}}",
            good: "install: {diskSelector: {type: nvme}}"),
        ValidationCase(
            "machine.install.diskSelector.name: is no longer supported by Talos: select by another field",
            \.machine, bad: "install: {diskSelector: {name: a}}", good: "install: {diskSelector: {model: a}}",
            in: TestConfig().with { $0.mode = .metal }),
        ValidationCase(
            "machine.install.extraKernelArgs: excludes machine.install.grubUseUKICmdline: true, which takes the "
                + "arguments of the boot image; set that to false, or leave the arguments to a schematic",
            \.machine, bad: "install: {disk: a, extraKernelArgs: [quiet], grubUseUKICmdline: true}",
            good: "install: {disk: a, extraKernelArgs: [quiet], grubUseUKICmdline: false}",
            in: TestConfig().with { $0.mode = .metal }),
        ValidationCase(
            "machine.install.extensions[1].image: names an extension that is there already", \.machine,
            bad: "install: {extensions: [{image: a}, {image: a}]}",
            good: "install: {extensions: [{image: a}, {image: b}]}"),
        ValidationCase(
            "machine.disks[0].partitions[0].size: is required: only a disk's last partition may take all that is left",
            \.machine,
            bad: "disks: [{device: /dev/sdb, partitions: [{mountpoint: /a}, {mountpoint: /b, size: 1GB}]}]",
            good: "disks: [{device: /dev/sdb, partitions: [{mountpoint: /b, size: 1GB}, {mountpoint: /a}]}]"),
        ValidationCase(
            "machine.logging.destinations[0].endpoint: is required: where logs are sent to", \.machine,
            bad: "logging: {destinations: [{format: json_lines}]}",
            good: "logging: {destinations: [{endpoint: 'udp://127.0.0.1:12345', format: json_lines}]}"),
        ValidationCase(
            #"machine.logging.destinations[0].format: must be one of json_lines, not "text""#, \.machine,
            bad: "logging: {destinations: [{endpoint: 'udp://127.0.0.1:12345', format: text}]}",
            good: "logging: {destinations: [{endpoint: 'tcp://127.0.0.1:12345', format: json_lines}]}"),
        ValidationCase(
            "machine.logging.destinations[0].format: is required: json_lines", \.machine,
            bad: "logging: {destinations: [{endpoint: 'udp://127.0.0.1:12345'}]}",
            good: "logging: {destinations: [{endpoint: 'udp://[::1]:12345/', format: json_lines}]}"),
        ValidationCase(
            "machine.logging.destinations[0].endpoint: must be a URL that begins with tcp:// or udp://, not "
                + #""http://127.0.0.1:12345""#, \.machine,
            bad: "logging: {destinations: [{endpoint: 'http://127.0.0.1:12345', format: json_lines}]}",
            good: "logging: {destinations: []}"),
    ]

    private static let encryption: [ValidationCase] = ["state", "ephemeral"].flatMap { label in
        let path = "machine.systemDiskEncryption.\(label)"
        let text = { (keys: String) in "systemDiskEncryption: {\(label): {provider: luks2, keys: \(keys)}}" }
        return [
            ValidationCase(
                "\(path).keys: is required: what the volume is unlocked with", \.machine, bad: text("[]"),
                good: text("[{slot: 0, nodeID: {}}]")),
            ValidationCase(
                "\(path).keys[1].slot: must be unique, but another key has the same slot", \.machine,
                bad: text("[{nodeID: {}, slot: 0}, {static: {passphrase: a}, slot: 0}]"),
                good: text("[{nodeID: {}, slot: 0}, {static: {passphrase: a}, slot: 1}]")),
            ValidationCase(
                "\(path).keys: is required: what the volume is unlocked with", \.machine,
                bad: "systemDiskEncryption: {\(label): {}}", good: "systemDiskEncryption: {}"),
            ValidationCase(
                "\(path).keys[0]: must have one of static, nodeID, kms, tpm", \.machine,
                bad: text("[{slot: 0}]"),
                good: text("[{slot: 0, tpm: {}}]")),
        ]
    }

    private static let features: [ValidationCase] = [
        ValidationCase(
            #"machine.features.nodeAddressSortAlgorithm: must be one of v1, v2, not "v3""#, \.machine,
            bad: "features: {nodeAddressSortAlgorithm: v3}", good: "features: {nodeAddressSortAlgorithm: v2}"),
        ValidationCase(
            "machine.features.hostDNS.forwardKubeDNSToHost: needs machine.features.hostDNS.enabled: true",
            \.machine,
            bad: "features: {hostDNS: {forwardKubeDNSToHost: true}}",
            good: "features: {hostDNS: {enabled: true, forwardKubeDNSToHost: true}}"),
        ValidationCase(
            "machine.features.hostDNS.enabled: must be true in container mode\n"
                + "machine.features.hostDNS.forwardKubeDNSToHost: must be true in container mode", \.machine,
            bad: "", good: "features: {hostDNS: {enabled: true, forwardKubeDNSToHost: true}}", in: container),
        ValidationCase(
            "machine.features.kubernetesTalosAPIAccess.enabled: must be false on a worker", \.machine,
            bad: "features: {kubernetesTalosAPIAccess: {enabled: true}}",
            good: "features: {kubernetesTalosAPIAccess: {enabled: false}}", in: .worker),
        ValidationCase(
            "machine.features.kubernetesTalosAPIAccess.allowedRoles[1]: must be one of os:admin, os:etcd:backup, "
                + "os:image:verifier, os:impersonator, os:meta:writer, os:operator, os:reader", \.machine,
            bad:
                "features: {kubernetesTalosAPIAccess: {enabled: true, allowedRoles: ['os:reader', 'os:root']}}",
            good:
                "features: {kubernetesTalosAPIAccess: {enabled: true, allowedRoles: ['os:reader', 'os:admin']}}"
        ),
        ValidationCase(
            "machine.features.rbac: must be true for machine.features.kubernetesTalosAPIAccess", \.machine,
            bad: "features: {kubernetesTalosAPIAccess: {enabled: true}}",
            good: "features: {rbac: true, kubernetesTalosAPIAccess: {enabled: true}}",
            in: TestConfig().with { $0.version = TalosVersion(minor: 11) }),
    ]

    private static let key =
        "must have a key of Kubernetes, name or domain/name, the name of 63 characters at most"

    private static let node: [ValidationCase] = [
        ValidationCase(
            #"machine.nodeLabels["a b"]: \#(key)"#, \.machine, bad: "nodeLabels: {a b: c}",
            good: "nodeLabels: {'a.example/b': ''}"),
        ValidationCase(
            "machine.nodeLabels.a: must be up to 63 letters, digits, -, _ and ., a letter or digit at both ends",
            \.machine, bad: "nodeLabels: {a: 'b c'}", good: "nodeLabels: {a: b_c}"),
        ValidationCase(
            #"machine.nodeAnnotations["a/b/c"]: \#(key)"#, \.machine, bad: "nodeAnnotations: {a/b/c: d}",
            good: "nodeAnnotations: {b.c/A: any thing}"),
        ValidationCase(
            #"machine.nodeAnnotations["B.c/a"]: \#(key)"#, \.machine, bad: "nodeAnnotations: {B.c/a: d}",
            good: "nodeAnnotations: {b.c/a: d}"),
        ValidationCase(
            #"machine.nodeAnnotations["talos.dev/owned-labels"]: is set by Talos and cannot be changed here"#,
            \.machine, bad: "nodeAnnotations: {talos.dev/owned-labels: '[]'}",
            good: "nodeAnnotations: {talos.dev/owned: '[]'}"),
        ValidationCase(
            "machine.nodeAnnotations: must have no more than 262144 bytes in all, but has 262145", \.machine,
            bad: "nodeAnnotations: {a: \(String(repeating: "b", count: 262_144))}",
            good: "nodeAnnotations: {a: \(String(repeating: "b", count: 262_143))}"),
        ValidationCase(
            #"machine.nodeTaints["A.b/c"]: \#(key)"#, \.machine, bad: "nodeTaints: {A.b/c: NoSchedule}",
            good: "nodeTaints: {a.b/C: NoSchedule}"),
        ValidationCase(
            "machine.nodeTaints.a: must be effect or value:effect, the effect one of NoSchedule, PreferNoSchedule, "
                + "NoExecute", \.machine, bad: "nodeTaints: {a: 'b:Never'}",
            good: "nodeTaints: {a: 'b:NoExecute'}"),
        ValidationCase(
            "machine.kubelet.nodeIP.validSubnets[1]: must be a network such as 10.0.0.0/8 or an address, with ! "
                + #"before it to leave it out, not "10.0.0""#, \.machine,
            bad: "kubelet: {nodeIP: {validSubnets: ['!10.0.0.1/32', 10.0.0]}}",
            good: "kubelet: {nodeIP: {validSubnets: ['!10.0.0.1', 10.0.0.0/8, 'fd00::1']}}"),
    ]

    private static let kubelet: [ValidationCase] = [
        "apiVersion", "authentication", "authorization", "cgroupRoot", "kind", "kubeletCgroups", "port",
        "protectKernelDefaults", "resolvConf", "rotateCertificates", "systemCgroups", "staticPodPath",
        "seccompDefault",
    ].map { key in
        ValidationCase(
            "machine.kubelet.extraConfig.\(key): is set by Talos and cannot be changed here", \.machine,
            bad: "kubelet: {extraConfig: {\(key): x}}",
            good: "kubelet: {extraConfig: {serverTLSBootstrap: true}}")
    }

    private static let cluster: [ValidationCase] = [
        ValidationCase(
            "cluster.controlPlane.endpoint: is required: where the Kubernetes API answers", \.endpoint,
            bad: "controlPlane: {localAPIServerPort: 443}", good: "controlPlane: {endpoint: 'https://a'}"),
        ValidationCase(
            "cluster.controlPlane.endpoint: must be a URL such as https://10.0.0.1:6443, an IPv6 address in brackets",
            \.endpoint, bad: "controlPlane: {endpoint: 'https://fd00::1:6443'}",
            good: "controlPlane: {endpoint: 'https://[fd00::1]:6443'}"),
        ValidationCase(
            #"cluster.network.dnsDomain: must be a DNS name, not "a..b""#, \.cluster,
            bad: "network: {dnsDomain: a..b}", good: "network: {dnsDomain: cluster.local}"),
        ValidationCase(
            "cluster.network.cni.name: must be one of flannel, custom, none", \.cluster,
            bad: "network: {cni: {name: cilium}}", good: "network: {cni: {name: none}}"),
        ValidationCase(
            "cluster.network.cni.urls: must be empty unless cluster.network.cni.name is custom", \.cluster,
            bad: "network: {cni: {name: none, urls: ['https://a/b']}}",
            good: "network: {cni: {name: custom, urls: ['https://a/b']}}"),
        ValidationCase(
            "cluster.network.cni.urls[0]: must be a URL with a host, and a port of 1 to 65535 if any",
            \.cluster,
            bad: "network: {cni: {name: custom, urls: [b.yaml]}}",
            good: "network: {cni: {name: custom, urls: ['http://a:80/b.yaml']}}"),
        ValidationCase(
            "cluster.network.cni.flannel.extraArgs: must not be set unless cluster.network.cni.name is flannel",
            \.cluster,
            bad: "network: {cni: {name: none, flannel: {extraArgs: [a]}}}",
            good: "network: {cni: {name: flannel, flannel: {extraArgs: [a]}}}"),
        ValidationCase(
            "cluster.network.cni.flannel.kubeNetworkPoliciesEnabled: must not be set unless "
                + "cluster.network.cni.name is flannel", \.cluster,
            bad: "network: {cni: {name: none, flannel: {kubeNetworkPoliciesEnabled: true}}}",
            good: "network: {cni: {name: none, flannel: {kubeNetworkPoliciesEnabled: false}}}"),
        ValidationCase(
            "cluster.etcd: must not be set on a worker", \.cluster, bad: "etcd: {ca: {crt: YQ==, key: YQ==}}",
            good: "", in: .worker),
        ValidationCase(
            "cluster.etcd.ca: is required: etcd's certificates are signed with it", \.cluster,
            bad: "etcd: {image: a}", good: "etcd: {ca: {crt: '', key: ''}}"),
        ValidationCase(
            "cluster.etcd.subnet: excludes cluster.etcd.advertisedSubnets, which is its newer name",
            \.cluster,
            bad: "etcd: {ca: {crt: YQ==, key: YQ==}, subnet: 10.0.0.0/8, advertisedSubnets: [10.0.0.0/8]}",
            good: "etcd: {ca: {crt: YQ==, key: YQ==}, subnet: 10.0.0.0/8, listenSubnets: [10.0.0.0/8]}"),
    ]

    private static let etcdSubnets: [ValidationCase] = [
        ("subnet", "subnet: 10.0.0.0/33", "subnet: 10.0.0.0/8"),
        ("advertisedSubnets[0]", "advertisedSubnets: [10.0.0.0/33]", "advertisedSubnets: ['!10.0.0.0/8']"),
        ("listenSubnets[0]", "listenSubnets: [10.0.0.0/33]", "listenSubnets: ['fd00::/8', 10.0.0.1]"),
    ].map { path, bad, good in
        ValidationCase(
            "cluster.etcd.\(path): must be a network such as 10.0.0.0/8 or an address, with ! before it to leave "
                + #"it out, not "10.0.0.0/33""#, \.cluster, bad: "etcd: {ca: {crt: YQ==, key: YQ==}, \(bad)}",
            good: "etcd: {ca: {crt: YQ==, key: YQ==}, \(good)}")
    }

    private static let services: [ValidationCase] = [
        ValidationCase(
            "cluster.id: is required for the discovery service, cluster.discovery\n"
                + "cluster.secret: is required for the discovery service, cluster.discovery", \.identity,
            bad: "", good: "id: a\nsecret: b",
            in: TestConfig().with { $0.cluster = "discovery: {enabled: true}" }),
        ValidationCase(
            "cluster.discovery.registries.service.endpoint: must be a URL without a path", \.cluster,
            bad: "discovery: {enabled: true, registries: {service: {endpoint: 'https://a/b'}}}",
            good: "discovery: {enabled: true, registries: {service: {endpoint: 'https://a/'}}}"),
        ValidationCase(
            "cluster.inlineManifests[0].name: is required", \.cluster,
            bad: "inlineManifests: [{contents: a}]",
            good: "inlineManifests: [{name: a, contents: a}]"),
        ValidationCase(
            "cluster.inlineManifests[0].name: is required", \.cluster,
            bad: "inlineManifests: [{name: ' '}]", good: "inlineManifests: []"),
        ValidationCase(
            #"cluster.inlineManifests[1].name: must be unique, but another manifest has the name "a""#,
            \.cluster,
            bad: "inlineManifests: [{name: a}, {name: a}]", good: "inlineManifests: [{name: a}, {name: b}]"),
        ValidationCase(
            "cluster.externalCloudProvider.manifests: must be empty unless cluster.externalCloudProvider.enabled "
                + "is true", \.cluster, bad: "externalCloudProvider: {manifests: ['https://a/b']}",
            good: "externalCloudProvider: {enabled: true, manifests: ['https://a/b']}"),
        ValidationCase(
            "cluster.externalCloudProvider.manifests[0]: must be a URL with a host, and a port of 1 to 65535 if any",
            \.cluster, bad: "externalCloudProvider: {enabled: true, manifests: [/b]}",
            good: "externalCloudProvider: {enabled: true, manifests: ['https://a:443/b']}"),
    ]

    private static let authorization: [ValidationCase] = [
        (
            "extraArgs.authorization-mode: excludes cluster.apiServer.authorizationConfig: set one of both",
            "authorizationConfig: [], extraArgs: {authorization-mode: Node}",
            "extraArgs: {authorization-mode: Node}"
        ),
        (
            "extraArgs.authorization-webhook-version: excludes cluster.apiServer.authorizationConfig: "
                + "set one of both",
            "authorizationConfig: [], extraArgs: {authorization-webhook-version: v1}",
            "authorizationConfig: [], extraArgs: {authorization-config: a}"
        ),
        (
            "authorizationConfig[0].type: is required: Node, RBAC or Webhook",
            "authorizationConfig: [{name: a}]", "authorizationConfig: [{type: Node, name: a}]"
        ),
        (
            #"authorizationConfig[0].type: must be one of Node, RBAC, Webhook, not "ABAC""#,
            "authorizationConfig: [{type: ABAC, name: a}]", "authorizationConfig: [{type: Webhook, name: a}]"
        ),
        (
            "authorizationConfig[0].name: is required: how the authorizer is called",
            "authorizationConfig: [{type: RBAC}]", "authorizationConfig: [{type: RBAC, name: a}]"
        ),
    ].map { message, bad, good in
        ValidationCase(
            "cluster.apiServer.\(message)", \.cluster, bad: "apiServer: {\(bad)}",
            good: "apiServer: {\(good)}")
    }

    private static let resources: [ValidationCase] = ["apiServer", "controllerManager", "scheduler"].flatMap {
        name in
        ["requests", "limits"].flatMap { part in
            [
                ValidationCase(
                    #"cluster.\#(name).resources.\#(part).cpu: must be a quantity such as 500m or 1Gi, "#
                        + #"not "much""#, \.cluster, bad: "\(name): {resources: {\(part): {cpu: much}}}",
                    good: "\(name): {resources: {\(part): {cpu: 500m, memory: 1Gi}}}"),
                ValidationCase(
                    "cluster.\(name).resources.\(part).pods: is not supported by Talos, only cpu and memory are",
                    \.cluster, bad: "\(name): {resources: {\(part): {pods: 3}}}",
                    good: "\(name): {resources: {\(part): {cpu: 3}}}"),
            ]
        }
    }

    private static let registries: [ValidationCase] = ["mirrors", "config"].map { key in
        ValidationCase(
            "machine.registries.\(key).a: must not be null", \.machine,
            bad: "registries: {\(key): {a: null}}",
            good: "registries: {\(key): {a: {}}}")
    }

    /// Each place of the runtime's specification with a value of the wrong type, in a map that is of the right one.
    private static let runtimeSpec: [ValidationCase] = RuntimeSpecRules.shapes.map { place, shape in
        let value = { (value: String) in
            let parts = place.replacing("[]", with: ".[").replacing("{}", with: ".{").split(separator: ".")
            return parts.reversed().reduce(value) { inner, part in
                part == "[" ? "[\(inner)]" : part == "{" ? "{a: \(inner)}" : "{\(part): \(inner)}"
            }
        }
        let good = [
            ValueShape.map: "{}", .list: "[]", .text: "a", .number: "1024", .truth: "true",
        ]
        let path = place.replacing("[]", with: "[0]").replacing("{}", with: ".a")
        return ValidationCase(
            "machine.baseRuntimeSpecOverrides.\(path): must be \(shape.rawValue)", \.machine,
            bad: "baseRuntimeSpecOverrides: \(value(shape == .text ? "1" : "a"))",
            good: "baseRuntimeSpecOverrides: \(value(good[shape] ?? ""))")
    }

    static let cases =
        machine + encryption + features + node + kubelet + cluster + etcdSubnets + services + runtimeSpec
        + authorization + resources + registries

    @Test("Talos before 1.13 takes a forwarding that host DNS does not do")
    func forwarding() throws {
        let config = TestConfig().with {
            $0.machine = "features: {hostDNS: {forwardKubeDNSToHost: true}}"
            $0.version = TalosVersion(minor: 12)
        }
        #expect(try config.validated().errors == [])
    }

    @Test("A rule refuses what breaks it, and nothing else", arguments: cases)
    func refuses(_ row: ValidationCase) throws {
        #expect(try row.bad.validated().errors.map(\.withoutPlace).joined(separator: "\n") == row.message)
        #expect(try row.good.validated().errors == [])
    }
}
