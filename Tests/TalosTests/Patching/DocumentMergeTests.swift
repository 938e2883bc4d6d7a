// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Layers of several documents")
struct DocumentMergeTests {
    private static let link = """
        apiVersion: v1alpha1
        kind: LinkConfig
        name: eth0
        mtu: 1500
        """

    @Test("documents are merged by kind and name, and added at the end if there is none")
    func identities() throws {
        let result = try Patching.patched(
            "machine: {}\n---\n\(Self.link)",
            """
            apiVersion: v1alpha1
            kind: LinkConfig
            name: eth1
            ---
            apiVersion: v1alpha1
            kind: LinkConfig
            name: eth0
            up: true
            ---
            apiVersion: v1alpha1
            kind: ResolverConfig
            nameservers: [{address: 1.1.1.1}]
            """)
        #expect(
            result.documents.map(\.identity.description)
                == ["machine configuration", "LinkConfig eth0", "LinkConfig eth1", "ResolverConfig"])
        let link = try #require(result.document(.document(kind: "LinkConfig", name: "eth0")))
        #expect(link.root["mtu"]?.integer == 1500)
        #expect(link.root["up"]?.bool == true)
    }

    @Test("the document without a kind comes first, wherever it comes from")
    func machineFirst() throws {
        let result = try Patching.patched(Self.link, "machine: {type: worker}")
        #expect(result.documents.map(\.identity.description) == ["machine configuration", "LinkConfig eth0"])
    }

    @Test("a layer may have a document that is there several times")
    func repeated() throws {
        let result = try Patching.patched(
            "machine: {}\n---\n\(Self.link)", "\(Self.link)\nup: true\n---\n\(Self.link)\nmulticast: true")
        let link = try #require(result.document(.document(kind: "LinkConfig", name: "eth0")))
        #expect(link.root["up"]?.bool == true)
        #expect(link.root["multicast"]?.bool == true)
    }

    @Test("extension services merge their files by mount path, rules of ingress and ports replace")
    func documentLists() throws {
        let result = try Patching.patched(
            """
            apiVersion: v1alpha1
            kind: ExtensionServiceConfig
            name: frr
            configFiles: [{content: one, mountPath: /a}, {content: two, mountPath: /b}]
            environment: [A=1]
            ---
            apiVersion: v1alpha1
            kind: NetworkRuleConfig
            name: ssh
            portSelector: {ports: [22, 80-90], protocol: tcp}
            ingress: [{subnet: 10.0.0.0/8}]
            """,
            """
            apiVersion: v1alpha1
            kind: ExtensionServiceConfig
            name: frr
            configFiles: [{content: three, mountPath: /b}, {content: four, mountPath: /c}]
            environment: [B=2]
            ---
            apiVersion: v1alpha1
            kind: NetworkRuleConfig
            name: ssh
            portSelector: {ports: [2222]}
            ingress: [{subnet: 192.168.0.0/16}]
            """)
        #expect(
            result.yaml() == """
                apiVersion: v1alpha1
                kind: ExtensionServiceConfig
                name: frr
                configFiles:
                    - content: one
                      mountPath: /a
                    - content: three
                      mountPath: /b
                    - content: four
                      mountPath: /c
                environment:
                    - A=1
                    - B=2
                ---
                apiVersion: v1alpha1
                kind: NetworkRuleConfig
                name: ssh
                portSelector:
                    ports:
                        - 2222
                    protocol: tcp
                ingress:
                    - subnet: 192.168.0.0/16

                """)
    }

    @Test(
        "the default action of the firewall goes from accept to block, not back",
        arguments: [
            ("accept", "block", "block"), ("block", "accept", "block"), ("block", "block", "block"),
        ])
    func defaultAction(left: String, right: String, result: String) throws {
        let document = "apiVersion: v1alpha1\nkind: NetworkDefaultActionConfig\ningress: "
        #expect(try Patching.patched(document + left, document + right).yaml() == document + result + "\n")
    }

    @Test("rules of image verification are replaced by their pattern")
    func rules() throws {
        let result = try Patching.patched(
            """
            apiVersion: v1alpha1
            kind: ImageVerificationConfig
            rules: [{image: a, skip: true}, {image: b, deny: true}]
            """,
            """
            apiVersion: v1alpha1
            kind: ImageVerificationConfig
            rules: [{image: c, skip: true}, {image: a, deny: true}]
            """)
        #expect(
            result.documents.first?.root["rules"]?.json
                == [
                    ["image": "a", "deny": true], ["image": "b", "deny": true], ["image": "c", "skip": true],
                ])
    }

    @Test(
        "what must not stand beside each other is refused",
        arguments: [
            ("LinkConfig", "BondConfig", "links: [a]\nbondMode: 802.3ad"),
            ("LinkConfig", "VLANConfig", "vlanID: 5\nparent: eth1"),
            ("Layer2VIPConfig", "HCloudVIPConfig", "link: eth0"),
            ("UserVolumeConfig", "ExistingVolumeConfig", ""),
        ])
    func conflicts(first: String, second: String, fields: String) throws {
        let problems = try Patching.problems(
            "apiVersion: v1alpha1\nkind: \(first)\nname: x",
            "apiVersion: v1alpha1\nkind: \(second)\nname: x\n\(fields)")
        #expect(
            problems == [
                "layer1, line 1: conflicting documents: \(first)/x and \(second)/x, "
                    + "whose kinds share their names"
            ])
    }

    @Test("two new documents with the same name are refused")
    func duplicates() throws {
        let problems = try Patching.problems("machine: {}", "\(Self.link)\n---\n\(Self.link)")
        #expect(problems == ["layer1, document 2, line 6: duplicate document: LinkConfig/eth0"])
    }

    @Test(
        "a layer that says nothing is refused, or passed over where that is wanted",
        arguments: [
            "", "\n", "# nothing\n", "---\n", "---\n# a\n---\n", "null", "{}", "[]", "version: v1alpha1",
        ])
    func empty(text: String) throws {
        let layer = Layer(name: "ntp.yaml", content: .text(text))
        let problems = #expect(throws: ConfigProblems.self) {
            try ConfigPatch(layer, number: 1, version: Patching.version)
        }
        #expect(
            problems?.description.hasPrefix("ntp.yaml: is empty: neither documents to merge nor a list")
                == true)
        let patch = try ConfigPatch(layer, number: 1, version: Patching.version, allowsEmpty: true)
        #expect(patch.isEmpty)
        var configuration = try Patching.configuration("machine: {type: worker}")
        #expect(try configuration.apply(patch) == [])
        #expect(configuration["machine", "type"]?.string == "worker")
    }

    @Test("empty documents are passed over, and count")
    func emptyDocuments() throws {
        let problems = try Patching.problems("machine: {}", "---\n# a\n---\nmachine: {typo: 1}\n---\n")
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("layer1, document 2, line 4: machine.typo: unknown field") == true)
    }

    @Test("an object of an API object is a layer too, and text in one is read")
    func values() throws {
        var configuration = try Patching.configuration("machine: {type: worker}")
        for content in [
            Layer.Content.value(["machine": ["network": ["hostname": "a"]]]),
            .value(.string("machine: {certSANs: [b]}")),
            .value([["op": "replace", "path": "/machine/type", "value": "controlplane"]]),
        ] {
            let layer = Layer(name: "value", content: content)
            try configuration.apply(try ConfigPatch(layer, number: 1, version: Patching.version))
        }
        #expect(
            configuration["machine"]?.json
                == ["type": "controlplane", "network": ["hostname": "a"], "certSANs": ["b"]])
    }

    @Test("variables are replaced before anything is decoded, and their problems say where")
    func variables() throws {
        let layer = Layer(name: "spec.patches[0]", content: .text("machine:\n  certSANs: [NAME]"))
        let patch = try ConfigPatch(layer, number: 1, version: Patching.version) { node in
            node = YAMLNode(["machine": ["certSANs": ["cp-1"]]], line: node.line)
            return []
        }
        var configuration = try Patching.configuration("machine: {}")
        try configuration.apply(patch)
        #expect(configuration["machine", "certSANs"]?.json == ["cp-1"])
        let problems = #expect(throws: ConfigProblems.self) {
            try ConfigPatch(layer, number: 1, version: Patching.version) { _ in
                [ConfigProblem(line: 2, path: FieldPath("machine"), problem: "no variable NAME")]
            }
        }
        #expect(problems?.description == "spec.patches[0], line 2: machine: no variable NAME")
    }
}
