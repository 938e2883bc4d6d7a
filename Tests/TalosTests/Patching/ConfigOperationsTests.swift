// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("RFC 6902 layers")
struct ConfigOperationsTests {
    private static let left = """
        machine:
          type: worker
          network:
            hostname: a
            interfaces: [{interface: eth0, dhcp: true}, {interface: eth1}]
          files: [{content: x, permissions: 0o644, path: /a, op: create}]
          kubelet:
            extraArgs: {v: "2"}
        """

    @Test("operations are read as YAML and as JSON")
    func forms() throws {
        let yaml = try Patching.patched(
            Self.left,
            """
            - op: replace
              path: /machine/network/hostname
              value: b
            - {op: remove, path: /machine/network/interfaces/0}
            - {op: copy, from: /machine/network/hostname, path: /machine/kubelet/extraArgs/hostname-override}
            - {op: move, from: /machine/files, path: /machine/files}
            """)
        let json = try Patching.patched(
            Self.left,
            """
            [{"op": "replace", "path": "/machine/network/hostname", "value": "b"},
             {"op": "remove", "path": "/machine/network/interfaces/0"},
             {"op": "add", "path": "/machine/kubelet/extraArgs/hostname-override", "value": "b"}]
            """)
        #expect(yaml["machine", "network"]?.json == ["hostname": "b", "interfaces": [["interface": "eth1"]]])
        #expect(yaml["machine", "kubelet", "extraArgs"]?.json == ["v": "2", "hostname-override": "b"])
        #expect(yaml.yaml() == json.yaml())
    }

    @Test("an operation sees what Talos writes though it is empty, which stays away if it is left alone")
    func printedFields() throws {
        let result = try Patching.patched(
            Self.left,
            """
            - {op: test, path: /machine/token, value: ""}
            - {op: test, path: /cluster, value: null}
            - {op: add, path: /machine/certSANs/-, value: x.example}
            - {op: add, path: /cluster, value: {clusterName: c}}
            """)
        #expect(result["machine", "certSANs"]?.json == ["x.example"])
        #expect(result["cluster"]?.json == ["clusterName": "c"])
        #expect(result["machine"]?.members?.contains { $0.key == "token" } == false)
        let origins = result["machine", "certSANs"]?.list?.map(\.origin.layer)
        #expect(origins == [1])
    }

    @Test(
        "numbers and truth values are text where text is wanted, as in the YAML that Talos makes of the result"
    )
    func scalars() throws {
        let result = try Patching.patched(
            Self.left,
            """
            - {op: add, path: /machine/sysctls, value: {a: 1, b: true, c: off}}
            - {op: add, path: /machine/files/0/permissions, value: 0o600}
            """)
        #expect(result["machine", "sysctls"]?.json == ["a": "1", "b": "true", "c": "off"])
        #expect(result.yaml().contains("permissions: 0o600"))
    }

    @Test(
        "an operation that does not apply, or whose result Talos would not read, changes nothing",
        arguments: [
            (
                "- {op: add, path: /machine/type, value: controlplane}\n- {op: remove, path: /machine/x}",
                "layer1, line 2: operation 2 (remove /machine/x) does not apply: no key \"x\" at /machine, which has"
            ),
            ("- {op: add, path: /machine/typo, value: 1}", "layer1, line 1: machine.typo: unknown field"),
            (
                "- op: replace\n  path: /machine/type\n  value: [1]",
                "layer1, line 3: machine.type: must be a string"
            ),
            ("- {op: add, path: '', value: []}", "layer1, line 1: must be an object"),
            (
                "- {op: add, path: machine, value: 1}",
                "layer1, line 1: operation 1: path: must be a JSON pointer"
            ),
            ("- {op: ad, path: /machine}", "layer1, line 1: operation 1: op: must be add, remove"),
            ("- {path: /machine}", "layer1, line 1: operation 1: op: missing; must be add, remove"),
            ("- {op: add, path: /machine/type}", "layer1, line 1: operation 1: value: missing"),
            ("- {op: move, path: /machine}", "layer1, line 1: operation 1: from: missing"),
            ("- a", "layer1, line 1: operation 1: must be an object with op and path"),
            (
                "- {op: test, path: /machine/type, value: x}",
                "layer1, line 1: operation 1 (test /machine/type) does not"
            ),
            ("[]\n---\n- {op: remove, path: /a}", "layer1, document 1, line 1: must be an object: a list"),
        ])
    func failures(layer: String, problem: String) throws {
        let problems = try Patching.problems(Self.left, layer)
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix(problem) == true, "\(problems)")
    }

    @Test("what is copied again and again is stopped, and so is what nests too deep")
    func limits() throws {
        let doubling = (0..<40).map { "- {op: copy, from: /machine, path: /machine/sysctls/k\($0)}" }
        let problems = try Patching.problems(
            "machine: {sysctls: {}}", doubling.joined(separator: "\n"))
        #expect(problems.first?.contains("does not apply: the") == true, "\(problems)")
        let wide = (0..<40).map { "- {op: copy, from: /machine/sysctls, path: /machine/env/k\($0)}" }
        let source = (0..<9000).map { "k\($0): x" }.joined(separator: ", ")
        let many = try Patching.problems(
            "machine: {env: {}, sysctls: {\(source)}}", wide.joined(separator: "\n"))
        #expect(many.first?.contains("the patch copies too many values") == true, "\(many)")
    }

    @Test("what an operation leaves alone keeps its origin, what it sets gets the layer's")
    func origins() throws {
        let result = try Patching.patched(
            Self.left, "machine: {network: {interfaces: [{interface: eth1, mtu: 1500}]}}",
            """
            - {op: remove, path: /machine/network/interfaces/0}
            - {op: replace, path: /machine/network/interfaces/0/mtu, value: 9000}
            """)
        let interface = try #require(result["machine", "network", "interfaces"]?.list?.first)
        #expect(interface["interface"]?.origin == Origin(layer: 0, document: 1, line: 5))
        #expect(interface["mtu"]?.origin == Origin(layer: 2, document: 1, line: 2))
        #expect(interface["mtu"]?.overridden == [Origin(layer: 1, document: 1, line: 1)])
        #expect(result.removed.map(\.path.description) == ["machine.network.interfaces[0]"])
        #expect(result.removed.map(\.removedBy) == [Origin(layer: 2, document: 1, line: 1)])
    }
}
