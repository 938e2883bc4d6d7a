// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("ConfigDifference")
struct ConfigDifferenceTests {
    static func read(_ text: String, minor: Int = 13, layer: UInt16 = 0) throws -> MachineConfiguration {
        try MachineConfiguration(
            reading: text, source: "test", layer: layer, version: TalosVersion(minor: minor))
    }

    private static func text(_ old: String, _ new: String) throws -> String {
        ConfigDifference(from: try read(old), to: try read(new)).text()
    }

    @Test(
        "Configurations that mean the same have no difference",
        arguments: [
            ("machine: {type: worker, token: a}", "machine:\n    token: \"a\"\n    type: 'worker'\n"),
            ("machine: {type: worker, certSANs: []}", "machine: {type: worker}"),
            ("machine: {type: worker, sysctls: {}}", "machine: {type: worker, env: {}}"),
            ("machine: {time: {bootTimeout: 60s}}", "machine: {time: {bootTimeout: 1m}}"),
            (
                "{apiVersion: v1alpha1, kind: LinkConfig, name: a}\n---\nmachine: {type: worker}",
                "machine: {type: worker}\n---\n{name: a, kind: LinkConfig, apiVersion: v1alpha1}"
            ),
            (
                "machine: {network: {interfaces: [{interface: a}, {interface: b}]}}",
                "machine: {network: {interfaces: [{interface: b}, {interface: a}]}}"
            ),
        ])
    func equal(_ old: String, _ new: String) throws {
        let difference = ConfigDifference(from: try Self.read(old), to: try Self.read(new))
        #expect(difference.entries == [])
        #expect(difference.text(colored: true) == "")
        #expect(difference.json == [])
    }

    @Test("A value that changed stands below its path, what was before first")
    func scalars() throws {
        #expect(
            try Self.text(
                "machine: {type: worker, install: {disk: /dev/sda, wipe: false}}",
                "machine: {type: controlplane, install: {disk: /dev/vda, wipe: true, image: a}}") == """
                    @@ machine configuration @@
                      machine.type
                    - worker
                    + controlplane
                      machine.install.disk
                    - /dev/sda
                    + /dev/vda
                      machine.install.image
                    + a
                      machine.install.wipe
                    - false
                    + true

                    """)
    }

    @Test("Documents are matched by kind and name; one that is new or gone is shown whole")
    func documents() throws {
        #expect(
            try Self.text(
                """
                machine: {type: worker}
                ---
                {apiVersion: v1alpha1, kind: LinkConfig, name: a, mtu: 1500}
                ---
                {apiVersion: v1alpha1, kind: LinkConfig, name: b, mtu: 1500}
                """,
                """
                machine: {type: worker}
                ---
                {apiVersion: v1alpha1, kind: HostnameConfig, auto: off, hostname: a}
                ---
                {apiVersion: v1alpha1, kind: LinkConfig, name: b, mtu: 9000}
                """) == """
                    @@ HostnameConfig @@
                    + apiVersion: v1alpha1
                    + kind: HostnameConfig
                    + auto: "off"
                    + hostname: a
                    @@ LinkConfig b @@
                      mtu
                    - 1500
                    + 9000
                    @@ LinkConfig a @@
                    - apiVersion: v1alpha1
                    - kind: LinkConfig
                    - name: a
                    - mtu: 1500

                    """)
    }

    @Test(
        "An element that was put in or taken out is one entry",
        arguments: [
            ("[a, b, c]", "[a, x, b, c]", ["added certSANs[1]"]),
            ("[a, b, c]", "[b, c]", ["removed certSANs[0]"]),
            ("[a, b, c]", "[a, x, c]", ["changed certSANs[1]"]),
            ("[a, b]", "[b, a]", ["removed certSANs[0]", "added certSANs[1]"]),
            ("[a, a]", "[a]", ["removed certSANs[1]"]),
            ("[]", "[a, b]", ["added certSANs"]),
            ("[a]", "[b, c, d]", ["changed certSANs[0]", "added certSANs[1]", "added certSANs[2]"]),
            (
                "[a, b, c, d]", "[a, d, e]",
                ["removed certSANs[1]", "removed certSANs[2]", "added certSANs[2]"]
            ),
        ])
    func lists(_ old: String, _ new: String, expected: [String]) throws {
        let difference = ConfigDifference(
            from: try Self.read("machine: {certSANs: \(old)}"),
            to: try Self.read("machine: {certSANs: \(new)}"))
        #expect(
            difference.entries.map { "\($0.change) \($0.path)".replacing("machine.", with: "") } == expected)
    }

    @Test("Interfaces are matched by name or selector, VLANs by number, admission plugins by name")
    func mergeKeys() throws {
        #expect(
            try Self.text(
                """
                machine:
                  network:
                    interfaces:
                      - {interface: a, mtu: 1500, vlans: [{vlanId: 1, mtu: 1400}, {vlanId: 2}]}
                      - {deviceSelector: {driver: b}, dhcp: true}
                      - {interface: c}
                """,
                """
                machine:
                  network:
                    interfaces:
                      - {deviceSelector: {driver: b}, dhcp: false}
                      - {interface: d}
                      - {interface: a, mtu: 1500, vlans: [{vlanId: 2}, {vlanId: 1, mtu: 1300}]}
                """) == """
                    @@ machine configuration @@
                      machine.network.interfaces[2]
                    - interface: c
                      machine.network.interfaces[0].dhcp
                    - true
                    + false
                      machine.network.interfaces[1]
                    + interface: d
                      machine.network.interfaces[2].vlans[1].mtu
                    - 1400
                    + 1300

                    """)
    }

    @Test("Secrets are said to differ, never how")
    func secrets() throws {
        #expect(
            try Self.text(
                "machine: {token: secret1, ca: {crt: YQ==, key: c2VjcmV0MQ==}}\ncluster: {secret: secret2}",
                "machine: {token: secret3, ca: {crt: Yg==}}\ncluster: {token: secret4, etcd: {ca: {key: YQ==}}}"
            )
                == """
                @@ machine configuration @@
                  machine.token
                ~ ****** (changed)
                  machine.ca.crt
                - YQ==
                + Yg==
                  machine.ca.key
                - ****** (removed)
                  cluster.secret
                - ****** (removed)
                  cluster.token
                + ****** (added)
                  cluster.etcd
                + ca:
                +   key: "******"

                """)
    }

    @Test("Values of a secret layer are hidden on both sides")
    func secretLayers() throws {
        let old = try Self.read("machine: {sysctls: {a: secret1}, install: {disk: x}}", layer: 2)
        let new = try Self.read(
            "machine: {sysctls: {a: secret2}, install: {disk: y}, certSANs: [secret3]}", layer: 0)
        #expect(
            ConfigDifference(from: old, to: new, oldSecretLayers: [2]).text() == """
                @@ machine configuration @@
                  machine.certSANs
                + - secret3
                  machine.install.disk
                ~ ****** (changed)
                  machine.sysctls.a
                ~ ****** (changed)

                """)
        let hidden = ConfigDifference(from: nil, to: new, newSecretLayers: [0])
        #expect(!hidden.text().contains("secret"))
        #expect(!String(decoding: hidden.json.encoded(), as: UTF8.self).contains("secret3"))
    }

    @Test("Colours are for lines that were removed and added")
    func colors() throws {
        let difference = ConfigDifference(
            from: try Self.read("machine: {type: worker}"), to: try Self.read("machine: {type: controlplane}")
        )
        #expect(
            difference.text(colored: true)
                == "@@ machine configuration @@\n  machine.type\n\u{1B}[31m- worker\u{1B}[0m\n"
                + "\u{1B}[32m+ controlplane\u{1B}[0m\n")
    }

    @Test("The form for programs says all that the text does")
    func json() throws {
        let difference = ConfigDifference(
            from: try Self.read("machine: {type: worker, token: a}"),
            to: try Self.read(
                "machine: {type: init, token: b}\n---\n{apiVersion: v1alpha1, kind: LinkConfig, name: a, mtu: 1500}"
            ))
        #expect(
            difference.json == [
                ["path": "machine.type", "change": "changed", "old": "worker", "new": "init"],
                [
                    "path": "machine.token", "change": "changed", "old": "******", "new": "******",
                    "secret": true,
                ],
                [
                    "kind": "LinkConfig", "name": "a", "path": "", "change": "added",
                    "new": ["apiVersion": "v1alpha1", "kind": "LinkConfig", "name": "a", "mtu": 1500],
                ],
            ])
    }

    @Test("Configurations of different versions are compared as well")
    func versions() throws {
        let old = try Self.read("machine: {kubelet: {extraArgs: {a: b}}}", minor: 5)
        let new = try Self.read("machine: {kubelet: {extraArgs: {a: [b, c]}}}", minor: 13)
        #expect(
            ConfigDifference(from: old, to: new).text() == """
                @@ machine configuration @@
                  machine.kubelet.extraArgs.a
                - b
                + - b
                + - c

                """)
    }

    @Test("Nothing that is written can act on a terminal")
    func controlCharacters() throws {
        let new = try Self.read(
            #"""
            machine: {sysctls: {"a\e[31m": "b\e[31m"}}
            ---
            {apiVersion: v1alpha1, kind: LinkConfig, name: "c\e[31m", mtu: 1}
            """#)
        let text = ConfigDifference(from: try Self.read("machine: {sysctls: {}}"), to: new).text()
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" })
        #expect(text.contains("LinkConfig"))
    }

    @Test("Long lists are compared without a table as large as both together")
    func longLists() throws {
        let names = (0..<3000).map { "a\($0)" }
        let old = try Self.read("machine: {certSANs: [x, \(names.joined(separator: ", ")), y]}")
        let new = try Self.read("machine: {certSANs: [v, \(names.reversed().joined(separator: ", ")), w]}")
        #expect(ConfigDifference(from: old, to: new).entries.count == 3002)
        #expect(ConfigDifference(from: old, to: old).entries == [])
    }
}
