// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Layout of configurations")
struct LayoutTests {
    private func configuration(_ text: String, minor: Int = 13) throws -> MachineConfiguration {
        try MachineConfiguration(reading: text, source: "config", version: TalosVersion(minor: minor))
    }

    /// A configuration in the layout that Talos writes.
    private static let sample = """
        version: v1alpha1
        debug: false
        machine:
            type: controlplane
            token: abcdef.0123456789abcdef
            ca:
                crt: Y2VydGlmaWNhdGU=
                key: ""
            certSANs: []
            kubelet:
                extraArgs:
                    feature-gates:
                        - A=true
                        - B=true
                    v: "4"
                extraConfig:
                    a:
                        - - 1
                          - 1.5
                        - b: null
                          c:
                            d: {}
                            e: []
            pods:
                - kind: Pod
                  spec:
                    containers:
                        - name: x
            network:
                interfaces:
                    - interface: eth0
                      vlans:
                        - routes:
                            - network: ""
                              gateway: 10.0.0.1
                          vlanId: 5
                      mtu: 1500
                      dhcp: false
            install:
                disk: /dev/sda
                wipe: null
            files:
                - content: |
                    first

                     second
                  permissions: 0o644
                  path: /var/x
                  op: create
            time:
                bootTimeout: 1m30s
            nodeLabels:
                eth2: ""
                eth10: "true"
        cluster:
            controlPlane:
                endpoint: null
            clusterName: base
            network:
                dnsDomain: ""
                podSubnets: []
                serviceSubnets: []
            discovery:
                registries:
                    kubernetes: {}
                    service: {}
            etcd:
                ca: null
        ---
        apiVersion: v1alpha1
        kind: HostnameConfig
        auto: "off"
        ---
        apiVersion: v1alpha1
        kind: NetworkRuleConfig
        name: api
        portSelector:
            ports:
                - 80
                - 8000-8080
            protocol: tcp
        ingress:
            - subnet: 10.0.0.0/8
        ---
        apiVersion: v1alpha1
        kind: RegistryTLSConfig
        name: registry.internal:5000
        clientIdentity:
            cert: |-
                -----BEGIN CERTIFICATE-----
                AAAA
                -----END CERTIFICATE-----
            key: BBBB
        ca: CCCC

        """

    @Test("What Talos wrote is written back byte for byte")
    func roundTrip() throws {
        #expect(try configuration(Self.sample).yaml() == Self.sample)
    }

    @Test("A configuration written as JSON, with comments or aliases comes out in the same layout")
    func anyForm() throws {
        let documents = try YAML.nodes(Array(Self.sample.utf8)).compactMap { $0?.json }
        let text = documents.map { String(decoding: $0.encoded(), as: UTF8.self) }.joined(
            separator: "\n---\n")
        // What is a string has quotes in JSON, whole numbers are decimal.
        #expect(try configuration(text).yaml() == Self.sample)
        let other = "version: v1alpha1\nmachine: {type: &t worker} # why\n---\nauto: *t"
        #expect(throws: ConfigProblems.self) { try configuration(other) }
        let aliased = "machine:\n  type: &t worker\n  sysctls: {b: *t, a: *t}\n"
        let expected = """
            version: ""
            machine:
                type: worker
                token: ""
                certSANs: []
                sysctls:
                    a: worker
                    b: worker
            cluster: null

            """
        #expect(try configuration(aliased).yaml() == expected)
    }

    @Test("Empty values are left out but for pointers and what is always written")
    func empty() throws {
        let text = """
            version: v1alpha1
            debug: false
            machine:
              token:
              kubelet: {}
              registries: {mirrors: {}}
              sysctls: {}
              time: {bootTimeout: 0s, servers: []}
              network: {hostname: "", kubespan: {mtu: 0}}
            cluster: {clusterName: "", apiServer: {auditPolicy: {}, extraVolumes: [{readonly: false}]}}
            """
        let expected = """
            version: v1alpha1
            debug: false
            machine:
                type: ""
                token: ""
                certSANs: []
                kubelet: {}
                network:
                    kubespan:
                        mtu: 0
                time: {}
            cluster:
                apiServer:
                    extraVolumes:
                        - hostPath: ""
                          mountPath: ""

            """
        #expect(try configuration(text).yaml() == expected)
    }

    @Test(
        "An argument that is an empty text is one in Talos 1.12, and none in 1.13",
        arguments: [(12, #""""#), (13, "null")])
    func emptyArgument(minor: Int, written: String) throws {
        let text = try MachineConfiguration(
            reading: "machine: {kubelet: {extraArgs: {a: '', b: x}}}", source: "config",
            version: TalosVersion(minor: minor)
        ).yaml()
        #expect(text.contains("            a: \(written)\n            b: x\n"))
        let again = try MachineConfiguration(
            reading: text, source: "config", version: TalosVersion(minor: minor))
        #expect(again.yaml() == text)
    }

    @Test("The document without a kind comes first, the others stay in their order")
    func order() throws {
        let text = """
            {apiVersion: v1alpha1, kind: OOMConfig}
            ---
            {apiVersion: v1alpha1, kind: EnvironmentConfig}
            ---
            {debug: true}
            """
        let expected = """
            version: ""
            debug: true
            machine: null
            cluster: null
            ---
            apiVersion: v1alpha1
            kind: OOMConfig
            ---
            apiVersion: v1alpha1
            kind: EnvironmentConfig
            variables: {}

            """
        #expect(try configuration(text).yaml() == expected)
    }

    @Test("Long keys and keys of several lines stand after a question mark")
    func longKeys() throws {
        let key = String(repeating: "k", count: 129)
        let node: JSONValue = [
            "machine": ["kubelet": ["extraConfig": [:]]],
            "version": "v1alpha1",
        ]
        var configuration = try MachineConfiguration(
            decoding: [node], source: "config", version: TalosVersion(minor: 9))
        let string = { (text: String) in ConfigNode(.string(text)) }
        let value = ConfigNode(
            .map([
                ConfigNode.Member(key: key, node: ConfigNode(.map([.init(key: "a", node: string("b"))]))),
                ConfigNode.Member(key: "x\ny", node: ConfigNode(.list([string("1"), string("c")]))),
                ConfigNode.Member(key: "z", node: string("x\n\n")),
            ]))
        configuration.documents[0].root = ConfigNode(
            .map([
                .init(
                    key: "machine",
                    node: ConfigNode(.map([.init(key: "pods", node: ConfigNode(.list([value])))])))
            ]))
        let expected = """
            version: ""
            machine:
                type: ""
                token: ""
                certSANs: []
                pods:
                    - ? \(key)
                      : a: b
                      ? |-
                        x
                        y
                      : - "1"
                        - c
                      z: |+
                        x

            cluster: null

            """
        #expect(configuration.yaml() == expected)
    }

    @Test(
        "Strings of several lines are blocks where those read back as the same string",
        arguments: [
            ("a\nb", "|-\n        a\n        b"), ("a\nb\n", "|\n        a\n        b"),
            ("a\n\n b\n\n", "|+\n        a\n\n         b\n"), (" a\nb", "|4-\n         a\n        b"),
            ("\na", #""\na""#), ("a \nb", #""a \nb""#), ("\ta\nb", #""\ta\nb""#), ("a\n\u{7}", #""a\n\a""#),
            ("a\n\tb", "|-\n        a\n        \tb"), ("a\nb ", #""a\nb ""#),
        ])
    func blocks(string: String, written: String) throws {
        let value: JSONValue = ["machine": ["token": .string(string)]]
        let configuration = try MachineConfiguration(
            decoding: [value], source: "config", version: TalosVersion(minor: 9))
        let text = configuration.yaml()
        #expect(text.contains("    token: \(written)\n    certSANs"))
        #expect(try self.configuration(text)["machine", "token"]?.string == string)
    }

    @Test(
        "Sizes of partitions are written as Talos shortens them",
        arguments: [
            ("100GB", "100 GB"), ("1.5 GiB", "1610612736"), ("1000", "1.0 kB"),
            ("12345678000", "12345678000"),
            ("0", nil), ("5", "5"), ("2TB", "2.0 TB"), ("'1,000 MB'", "1.0 GB"), ("1024", "1024"),
            ("10mb", "10 MB"),
        ])
    func sizes(text: String, written: String?) throws {
        let value = try configuration("machine: {disks: [{partitions: [{size: \(text), mountpoint: x}]}]}")
            .yaml()
        let expected = written.map { "- size: \($0)\n" } ?? "- mountpoint: x\n"
        #expect(value.contains(expected))
    }
}
