// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Provenance")
struct ProvenanceTests {
    private static let names = ["generated", "layer1", "layer2"]

    private static let left = """
        machine:
          type: worker
          token: abc
          network:
            hostname: a
            interfaces: [{interface: eth0, dhcp: true}]
          sysctls:
            net.core.somaxconn: "1"
            vm.max_map_count: "2"
        ---
        apiVersion: v1alpha1
        kind: LinkConfig
        name: eth0
        mtu: 1500
        """

    private static func provenance(_ layers: String..., secret: Set<Int> = []) throws -> Provenance {
        var configuration = try Patching.configuration(left)
        for patch in try Patching.patches(layers) { try configuration.apply(patch) }
        return Provenance(configuration, layerNames: names, secretLayers: secret)
    }

    private static func entry(_ path: String, in provenance: Provenance) throws -> Provenance.Entry {
        let entries = try provenance.entries(at: path)
        #expect(entries.count == 1)
        return try #require(entries.first)
    }

    @Test("a value knows who set it and whom that overrode, equal values included")
    func overriding() throws {
        let provenance = try Self.provenance(
            "machine:\n  network:\n    hostname: b",
            "machine:\n  network:\n    hostname: b\n    nameservers: [x]")
        let hostname = try Self.entry("machine.network.hostname", in: provenance)
        #expect(hostname.value == "b")
        #expect(hostname.setBy.description == "layer2:3")
        #expect(hostname.overrode.map(\.description) == ["generated:5", "layer1:3"])
        let server = try Self.entry("machine.network.nameservers[0]", in: provenance)
        #expect(server.overrode == [])
        let type = try Self.entry("machine.type", in: provenance)
        #expect(type.setBy.description == "generated:2")
    }

    @Test("what layers changed fits into an annotation, without values and lines, and says what was left out")
    func changes() throws {
        let first =
            "machine:\n  network:\n    hostname: canary\n  sysctls: {vm.max_map_count: {$patch: delete}}"
        let provenance = try Self.provenance(first, "machine:\n  network:\n    hostname: other")
        let text = provenance.changes(toBytes: 16_000)
        #expect(
            text == """
                machine.network.hostname: layer2 over generated, layer1
                machine.sysctls["vm.max_map_count"]: removed by layer1, set by generated

                """)
        #expect(try Self.provenance("# moved\n\n" + first).changes(toBytes: 10) == "and 2 more\n")
        #expect(
            try Self.provenance("# moved\n\n" + first).changes(toBytes: 99)
                == Self.provenance(first).changes(toBytes: 99))
        #expect(try Self.provenance("machine: {}").changes(toBytes: 99) == "")
    }

    @Test("what only says which element or document is meant keeps its origin")
    func identities() throws {
        let provenance = try Self.provenance(
            """
            machine: {network: {interfaces: [{interface: eth0, dhcp: true}]}}
            ---
            apiVersion: v1alpha1
            kind: LinkConfig
            name: eth0
            up: true
            """)
        #expect(
            try Self.entry("machine.network.interfaces[0].interface", in: provenance).setBy.layer
                == "generated")
        #expect(try Self.entry("machine.network.interfaces[0].dhcp", in: provenance).setBy.layer == "layer1")
        #expect(try Self.entry("LinkConfig/eth0:name", in: provenance).setBy.layer == "generated")
        #expect(try Self.entry("LinkConfig/eth0:up", in: provenance).setBy.description == "layer1#2:6")
    }

    @Test("an element that is appended has its own origin, one that is replaced its predecessor's too")
    func lists() throws {
        let provenance = try Self.provenance(
            "machine: {certSANs: [a]}\ncluster: {network: {podSubnets: [a, b]}}",
            "machine: {certSANs: [b]}\ncluster: {network: {podSubnets: [c]}}")
        let names = try provenance.entries(at: "machine.certSANs")
        #expect(names.map(\.setBy.layer) == ["layer1", "layer2"])
        #expect(names.allSatisfy { $0.overrode.isEmpty })
        let subnet = try Self.entry("cluster.network.podSubnets", in: provenance)
        #expect(subnet.setBy.layer == "layer2")
        #expect(subnet.overrode.map(\.layer) == ["layer1"])
    }

    @Test("what was removed tells who did it and who had set it")
    func removing() throws {
        let provenance = try Self.provenance(
            """
            machine:
              network:
                interfaces: [{interface: eth0, $patch: delete}]
              sysctls:
                vm.max_map_count: {$patch: delete}
            ---
            apiVersion: v1alpha1
            kind: LinkConfig
            name: eth0
            $patch: delete
            """)
        let removed = provenance.entries.filter(\.isRemoved)
        #expect(
            removed.map(\.path.description) == [
                #"machine.network.interfaces["interface=eth0"]"#, #"machine.sysctls["vm.max_map_count"]"#,
                "LinkConfig/eth0",
            ])
        #expect(removed.map(\.setBy.description) == ["layer1:3", "layer1:5", "layer1#2:10"])
        #expect(
            removed.allSatisfy { !$0.overrode.isEmpty && $0.overrode.allSatisfy { $0.layer == "generated" } })
        #expect(try provenance.entries(at: "LinkConfig/eth0").map(\.isRemoved) == [true])
        #expect(try provenance.entries(at: "machine.network.interfaces").map(\.isRemoved) == [false, true])
    }

    @Test("what is removed and set again counts as overridden")
    func settingAgain() throws {
        let provenance = try Self.provenance(
            "machine: {sysctls: {vm.max_map_count: {$patch: delete}}}",
            "machine: {sysctls: {vm.max_map_count: '3'}}")
        let entry = try Self.entry("machine.sysctls.vm.max_map_count", in: provenance)
        #expect(entry.value == "3")
        #expect(entry.setBy.layer == "layer2")
        #expect(entry.overrode.map(\.layer) == ["generated"])
    }

    @Test(
        "a path may name a value, what it is in, a document or all of a kind",
        arguments: [
            ("machine.network.interfaces[0].dhcp", 1), ("machine.network.interfaces", 2),
            ("machine.network", 3),
            ("machine.sysctls.net.core.somaxconn", 1), (#"machine.sysctls["net.core.somaxconn"]"#, 1),
            ("LinkConfig/eth0:mtu", 1), ("LinkConfig/eth0", 4), ("LinkConfig", 4), ("v1alpha1", 7), ("", 11),
            ("v1alpha1:machine.type", 1),
        ])
    func paths(path: String, count: Int) throws {
        #expect(try Self.provenance("machine: {type: worker}").entries(at: path).count == count)
    }

    @Test(
        "a path that leads nowhere is refused and told what is there",
        arguments: [
            ("machine.netwrk.x", "nothing is set at netwrk.x; machine has network, sysctls, token, type"),
            (
                "machine.network.interfaces[1]",
                "nothing is set at [1]; machine.network.interfaces is a list of 1"
            ),
            ("machine.type.x", "nothing is set at x; machine.type has nothing in it"),
            ("nothing", "nothing is set at nothing; the document has machine"),
            ("LinkConfig/eth1:mtu", "no document LinkConfig/eth1:mtu; there are v1alpha1, LinkConfig/eth0"),
            ("LinkConfig/eth0:up", "nothing is set at up; LinkConfig/eth0 has apiVersion, kind, mtu, name"),
        ])
    func noPaths(path: String, message: String) throws {
        let provenance = try Self.provenance("machine: {type: worker}")
        let problem = #expect(throws: ConfigProblem.self) { try provenance.entries(at: path) }
        #expect(problem?.problem == message)
    }

    @Test("secrets and whatever comes from a Secret are never shown")
    func secrets() throws {
        let provenance = try Self.provenance(
            """
            machine:
              network: {hostname: CANARY1}
              env: {A: CANARY2}
              token: CANARY3
              ca: {crt: Q0FOQVJZ, key: Q0FOQVJZ}
            """,
            "machine: {network: {interfaces: [{interface: eth0, $patch: delete}]}, nodeLabels: {a: b}}",
            secret: [1])
        for text in [provenance.text, String(decoding: provenance.json.encoded(), as: UTF8.self)] {
            #expect(!text.contains("CANARY"))
            #expect(!text.contains("Q0FOQVJZ"))
            #expect(text.contains("******"))
            #expect(text.contains("nodeLabels"))
        }
        #expect(try Self.entry("machine.token", in: provenance).isSecret)
    }

    @Test("the table is aligned, and one line a value")
    func table() throws {
        let provenance = try Self.provenance(
            """
            machine:
              network: {hostname: b, searchDomains: [""]}
              kernel: {modules: [{name: "a\\nb"}]}
            """,
            """
            machine:
              network: {hostname: {$patch: delete}}
              install: {extraKernelArgs: [\(String(repeating: "x", count: 60))]}
            """
        ).at("machine")
        #expect(
            provenance.text == """
                PATH                                     VALUE                                     SET BY       OVERRODE
                machine.type                             worker                                    generated:2
                machine.token                            ******                                    generated:3
                machine.network.interfaces[0].interface  eth0                                      generated:6
                machine.network.interfaces[0].dhcp       true                                      generated:6
                machine.network.searchDomains[0]         ""                                        layer1:2
                machine.install.extraKernelArgs[0]       \(String(repeating: "x", count: 39))…  layer2:3
                machine.sysctls["net.core.somaxconn"]    1                                         generated:8
                machine.sysctls["vm.max_map_count"]      2                                         generated:9
                machine.kernel.modules[0].name           "a\\nb"                                    layer1:3
                machine.network.hostname                 (removed)                                 layer2:2     \
                generated:5, layer1:2

                """)
    }

    @Test("programs get the same as JSON")
    func json() throws {
        let provenance = try Self.provenance("machine: {network: {hostname: b}}").at(
            "machine.network.hostname")
        #expect(
            provenance.json == [
                "values": [
                    [
                        "document": "v1alpha1", "path": "machine.network.hostname", "value": "b",
                        "setBy": ["layer": "layer1", "line": 1],
                        "overrode": [["layer": "generated", "line": 5]],
                    ]
                ],
                "layers": [["name": "generated", "values": 10], ["name": "layer1", "values": 1]],
            ])
    }

    @Test("every value of a configuration is there once, and the summary counts them all")
    func completeness() throws {
        let provenance = try Self.provenance(
            "machine: {certSANs: [a, b], nodeLabels: {}}", "cluster: {id: x}")
        let entries = provenance.entries
        #expect(Set(entries.map(\.path)).count == entries.count)
        #expect(provenance.summary.reduce(0) { $0 + $1.values } == entries.count)
        for entry in entries where !entry.isSecret {
            let root = provenance.configuration.document(entry.path.document)?.root
            let node = entry.path.steps.reduce(root) { node, step in
                switch step {
                case .key(let key): node?[key]
                case .index(let index): node?.list?[index]
                }
            }
            #expect(node?.json == entry.value)
        }
    }
}
