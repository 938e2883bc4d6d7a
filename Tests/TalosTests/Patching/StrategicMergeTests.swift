// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Strategic merge")
struct StrategicMergeTests {
    /// A configuration, a layer, what comes out of both, and the version if it matters.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var version = 13
        var left: String
        var right: String
        var result: String

        var testDescription: String { name }
    }

    static func check(_ test: Case) throws {
        let version = TalosVersion(minor: test.version)
        let result = try Patching.patched(test.left, test.right, version: version)
        let expected = try Patching.configuration(test.result, version: version)
        #expect(result.yaml() == expected.yaml())
    }

    @Test(
        "scalars",
        arguments: [
            Case(
                name: "a text replaces a text", left: "machine: {network: {hostname: a}}",
                right: "machine: {network: {hostname: b}}", result: "machine: {network: {hostname: b}}"),
            Case(
                name: "an empty text replaces nothing", left: "machine: {network: {hostname: a}}",
                right: "machine: {network: {hostname: ''}}", result: "machine: {network: {hostname: a}}"),
            Case(
                name: "null is nothing", left: "machine: {network: {hostname: a, nameservers: [1.1.1.1]}}",
                right: "machine: {network: {hostname: null, nameservers: ~}, kubelet: null}",
                result: "machine: {network: {hostname: a, nameservers: [1.1.1.1]}}"),
            Case(
                name: "a number replaces a number, a zero does not",
                left:
                    "machine: {network: {interfaces: [{interface: a, mtu: 1500}, {interface: b, mtu: 1500}]}}",
                right:
                    "machine: {network: {interfaces: [{interface: a, mtu: 9000}, {interface: b, mtu: 0}]}}",
                result:
                    "machine: {network: {interfaces: [{interface: a, mtu: 9000}, {interface: b, mtu: 1500}]}}"
            ),
            Case(
                name: "false replaces true, true replaces false",
                left: "machine: {install: {wipe: true}, kubelet: {registerWithFQDN: false}}",
                right: "machine: {install: {wipe: false}, kubelet: {registerWithFQDN: true}}",
                result: "machine: {install: {wipe: false}, kubelet: {registerWithFQDN: true}}"),
            Case(
                name: "a zero behind a pointer replaces from 1.12 on", version: 12,
                left: "machine: {network: {kubespan: {mtu: 1400}}}",
                right: "machine: {network: {kubespan: {mtu: 0}}}",
                result: "machine: {network: {kubespan: {mtu: 0}}}"),
            Case(
                name: "a zero behind a pointer replaces nothing in 1.11", version: 11,
                left: "machine: {network: {kubespan: {mtu: 1400}}}",
                right: "machine: {network: {kubespan: {mtu: 0}}}",
                result: "machine: {network: {kubespan: {mtu: 1400}}}"),
            Case(
                name: "a duration of zero replaces nothing", left: "machine: {time: {bootTimeout: 2m}}",
                right: "machine: {time: {bootTimeout: 0s}}", result: "machine: {time: {bootTimeout: 2m}}"),
            Case(
                name: "objects are made where there are none", left: "machine: {}",
                right: "cluster: {discovery: {enabled: false}}",
                result: "machine: {}\ncluster: {discovery: {enabled: false}}"),
            Case(
                name: "a key pair is replaced as a whole", left: "machine: {ca: {crt: Zmlyc3Q=, key: b25l}}",
                right: "machine: {ca: {crt: c2Vjb25k}}", result: "machine: {ca: {crt: c2Vjb25k, key: ''}}"),
        ])
    func scalars(test: Case) throws {
        try Self.check(test)
    }

    @Test(
        "URLs are merged part by part",
        arguments: [
            ("https://a:6443/", "https://b", "https://b/"),
            ("https://a:6443/path", "https://b:443", "https://b:443/path"),
            ("https://a/path", "https://b/", "https://b/"), ("https://a", "https://b/path", "https://b/path"),
            ("https://a", "HTTPS://b:1", "HTTPS://b:1"), ("https://a:6443", "/path", "https://a:6443/path"),
            ("https://a:6443", "path", "https://a:6443/path"),
            ("https://a/?x=y#z", "https://b", "https://b/?x=y#z"),
            ("https://a?x=y", "https://b?z", "https://b?z"), ("https://a?x=y", "https://b?", "https://b?x=y"),
            ("https://u:p@a", "https://b", "https://u:p@b"), ("https://a", "https://u@b", "https://u@b"),
            ("https://[::1]:6443/", "https://[fd00::1]", "https://[fd00::1]/"),
            ("https://a/", "''", "https://a/"),
            ("https://a/", "//b:1", "https://b:1/"), ("https://a", "x:1", "x:1"),
            ("''", "https://b", "https://b"),
        ])
    func urls(left: String, right: String, result: String) throws {
        let configuration = try Patching.patched(
            "cluster:\n  controlPlane:\n    endpoint: \(left)\n",
            "cluster:\n  controlPlane:\n    endpoint: \(right)\n")
        #expect(configuration["cluster", "controlPlane", "endpoint"]?.string == result)
    }

    @Test("the URLs of documents are merged part by part too")
    func documentURLs() throws {
        let link = "apiVersion: v1alpha1\nkind: SideroLinkConfig\napiUrl: "
        let log = "---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\nurl: "
        let configuration = try Patching.patched(
            link + "grpc://a:1?jointoken=b\n" + log + "tcp://a:1/\n",
            link + "grpc://c:2\n" + log + "udp://d:3\n")
        #expect(configuration.documents.map { $0.root["apiUrl"]?.string } == ["grpc://c:2?jointoken=b", nil])
        #expect(configuration.documents.map { $0.root["url"]?.string } == [nil, "udp://d:3/"])
    }

    @Test(
        "maps and what Talos passes on",
        arguments: [
            Case(
                name: "maps merge key by key", left: "machine: {sysctls: {a.b: '1', c.d: '2'}}",
                right: "machine: {sysctls: {c.d: '3', e.f: '4'}}",
                result: "machine: {sysctls: {a.b: '1', c.d: '3', e.f: '4'}}"),
            Case(
                name: "an empty text sets a new key, but replaces nothing",
                left: "machine: {nodeLabels: {a: x}}", right: "machine: {nodeLabels: {a: '', b: ''}}",
                result: "machine: {nodeLabels: {a: x, b: ''}}"),
            Case(
                name: "maps of objects merge within them",
                left: "machine: {registries: {mirrors: {ghcr.io: {endpoints: [https://a]}}}}",
                right:
                    "machine: {registries: {mirrors: {ghcr.io: {endpoints: [https://b], overridePath: true}, quay.io: {endpoints: [https://c]}}}}",
                result:
                    "machine: {registries: {mirrors: {ghcr.io: {endpoints: [https://a, https://b], overridePath: true}, quay.io: {endpoints: [https://c]}}}}"
            ),
            Case(
                name: "arguments replace each other",
                left: "machine: {kubelet: {extraArgs: {v: '2', x: [a, b]}}}",
                right: "machine: {kubelet: {extraArgs: {v: '', x: [c]}}}",
                result: "machine: {kubelet: {extraArgs: {v: '', x: [c]}}}"),
            Case(
                name: "empty arguments replace nothing in 1.12", version: 12,
                left: "machine: {kubelet: {extraArgs: {v: '2'}}}",
                right: "machine: {kubelet: {extraArgs: {v: '', w: ''}}}",
                result: "machine: {kubelet: {extraArgs: {v: '2', w: ''}}}"),
            Case(
                name: "unstructured values merge key by key, and their lists append",
                left:
                    "machine: {kubelet: {extraConfig: {a: {b: [1], c: x, n: null}, serverTLSBootstrap: true}}}",
                right:
                    "machine: {kubelet: {extraConfig: {a: {b: [2], c: '', d: 1.5, n: [3]}, serverTLSBootstrap: false}}}",
                result:
                    "machine: {kubelet: {extraConfig: {a: {b: [1, 2], c: x, d: 1.5, n: [3]}, serverTLSBootstrap: false}}}"
            ),
            Case(
                name: "an audit policy is replaced as a whole",
                left:
                    "cluster: {apiServer: {auditPolicy: {kind: Policy, rules: [{level: Metadata}], omitStages: [a]}}}",
                right: "cluster: {apiServer: {auditPolicy: {kind: Policy, rules: [{level: None}]}}}",
                result: "cluster: {apiServer: {auditPolicy: {kind: Policy, rules: [{level: None}]}}}"),
            Case(
                name: "an empty audit policy replaces nothing",
                left: "cluster: {apiServer: {auditPolicy: {kind: Policy}}}",
                right: "cluster: {apiServer: {auditPolicy: {}}}",
                result: "cluster: {apiServer: {auditPolicy: {kind: Policy}}}"),
        ])
    func maps(test: Case) throws {
        try Self.check(test)
    }

    @Test(
        "lists",
        arguments: [
            Case(
                name: "lists append, with what is there already", left: "machine: {certSANs: [a, b]}",
                right: "machine: {certSANs: [b, c]}", result: "machine: {certSANs: [a, b, b, c]}"),
            Case(
                name: "an empty list changes no other", left: "machine: {network: {nameservers: [a]}}",
                right: "machine: {network: {nameservers: []}}",
                result: "machine: {network: {nameservers: [a]}}"),
            Case(
                name: "subnets replace, an empty list too",
                left: "cluster: {network: {podSubnets: [a], serviceSubnets: [b]}}",
                right: "cluster: {network: {podSubnets: [c, d], serviceSubnets: []}}",
                result: "cluster: {network: {podSubnets: [c, d], serviceSubnets: []}}"),
            Case(
                name: "interfaces merge by name, their vlans by ID, new ones come last",
                left: """
                    machine:
                      network:
                        interfaces:
                          - {interface: eth0, dhcp: true, addresses: [a], vlans: [{vlanId: 1, addresses: [x]}]}
                          - {interface: eth1, mtu: 1500}
                    """,
                right: """
                    machine:
                      network:
                        interfaces:
                          - {interface: bond0, dhcp: true}
                          - {interface: eth0, dhcp: false, addresses: [b],
                             vlans: [{vlanId: 2, mtu: 9000}, {vlanId: 1, addresses: [y], dhcp: true}]}
                    """,
                result: """
                    machine:
                      network:
                        interfaces:
                          - {interface: eth0, dhcp: false, addresses: [a, b],
                             vlans: [{vlanId: 1, addresses: [x, y], dhcp: true}, {vlanId: 2, mtu: 9000}]}
                          - {interface: eth1, mtu: 1500}
                          - {interface: bond0, dhcp: true}
                    """),
            Case(
                name: "interfaces without a name merge by an equal selector",
                left: """
                    machine:
                      network:
                        interfaces:
                          - {deviceSelector: {busPath: "0*", driver: virtio}, mtu: 1500}
                          - {deviceSelector: {busPath: "0*"}, mtu: 1500}
                    """,
                right: """
                    machine:
                      network:
                        interfaces:
                          - {deviceSelector: {busPath: "0*"}, mtu: 9000}
                          - {deviceSelector: {busPath: "1*"}, mtu: 9000}
                          - {dhcp: true}
                          - {dhcp: true}
                    """,
                result: """
                    machine:
                      network:
                        interfaces:
                          - {deviceSelector: {busPath: "0*", driver: virtio}, mtu: 1500}
                          - {deviceSelector: {busPath: "0*"}, mtu: 9000}
                          - {deviceSelector: {busPath: "1*"}, mtu: 9000}
                          - {dhcp: true}
                          - {dhcp: true}
                    """),
            Case(
                name: "selectors are equal in any order and but for empty texts",
                left: "machine: {network: {interfaces: [{deviceSelector: {driver: a, busPath: b}, mtu: 1}]}}",
                right: """
                    machine:
                      network:
                        interfaces:
                          - {deviceSelector: {busPath: b, pciID: '', driver: a}, mtu: 2}
                          - {deviceSelector: {busPath: b}, mtu: 3}
                    """,
                result: """
                    machine:
                      network:
                        interfaces:
                          - {deviceSelector: {driver: a, busPath: b}, mtu: 2}
                          - {deviceSelector: {busPath: b}, mtu: 3}
                    """),
            Case(
                name: "a selector that says whether a device is physical equals no other",
                left:
                    "machine: {network: {interfaces: [{deviceSelector: {driver: a, physical: true}, mtu: 1}]}}",
                right:
                    "machine: {network: {interfaces: [{deviceSelector: {driver: a, physical: true}, mtu: 2}]}}",
                result: """
                    machine:
                      network:
                        interfaces:
                          - {deviceSelector: {driver: a, physical: true}, mtu: 1}
                          - {deviceSelector: {driver: a, physical: true}, mtu: 2}
                    """),
            Case(
                name: "elements of a new list merge with each other",
                left: "machine: {network: {hostname: a}}",
                right:
                    "machine: {network: {interfaces: [{interface: a, mtu: 1}, {interface: a, dhcp: true}]}}",
                result: "machine: {network: {hostname: a, interfaces: [{interface: a, mtu: 1, dhcp: true}]}}"),
            Case(
                name: "admission plugins merge by name",
                left: "cluster: {apiServer: {admissionControl: [{name: A, configuration: {x: {n: [a]}}}]}}",
                right:
                    "cluster: {apiServer: {admissionControl: [{name: B, configuration: {}}, {name: A, configuration: {x: {n: [b]}, y: 1}}]}}",
                result:
                    "cluster: {apiServer: {admissionControl: [{name: A, configuration: {x: {n: [a, b]}, y: 1}}, {name: B, configuration: {}}]}}"
            ),
        ])
    func lists(test: Case) throws {
        try Self.check(test)
    }
}
