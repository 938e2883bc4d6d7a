// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("$patch: delete")
struct DeleteTests {
    private static let left = """
        machine:
          network:
            hostname: cp-1
            interfaces:
              - {interface: eth0, dhcp: true, vlans: [{vlanId: 5, mtu: 1400}]}
              - {interface: eth1, addresses: [10.0.0.1/32]}
          nodeLabels: {zone: a, role: ""}
          sysctls: {a.b: "1"}
          kubelet:
            extraConfig: {a: {b: 1, c: 2}}
        cluster:
          apiServer:
            auditPolicy: {kind: Policy}
            admissionControl: [{name: A, configuration: {}}, {name: B, configuration: {}}]
        ---
        apiVersion: v1alpha1
        kind: SideroLinkConfig
        apiUrl: https://a
        ---
        apiVersion: v1alpha1
        kind: LinkConfig
        name: eth0
        addresses: [{address: 10.0.0.2/24}]
        """

    private static func result(_ layer: String) throws -> MachineConfiguration {
        try Patching.patched(left, layer)
    }

    @Test("keys go, and with the last one of a map the map")
    func keys() throws {
        let result = try Self.result(
            """
            machine:
              network: {hostname: {$patch: delete}}
              nodeLabels: {role: {$patch: delete}}
              sysctls: {a.b: {$patch: delete}}
              kubelet: {extraConfig: {a: {b: {$patch: delete}}}}
            cluster: {apiServer: {auditPolicy: {$patch: delete}}}
            """)
        #expect(result["machine", "network", "hostname"] == nil)
        #expect(result["machine", "nodeLabels"]?.json == ["zone": "a"])
        #expect(!result.yaml().contains("sysctls"))
        #expect(result["machine", "kubelet", "extraConfig"]?.json == ["a": ["c": 2]])
        #expect(result["cluster", "apiServer", "auditPolicy"] == nil)
    }

    @Test("the element goes that has the text of the first other key")
    func elements() throws {
        let result = try Self.result(
            """
            machine: {network: {interfaces: [{interface: eth0, dhcp: false, $patch: delete}]}}
            cluster: {apiServer: {admissionControl: [{$patch: delete, name: B}]}}
            ---
            apiVersion: v1alpha1
            kind: LinkConfig
            name: eth0
            addresses:
              - {address: 10.0.0.2/24, $patch: delete}
              - {address: 10.0.0.3/24}
            """)
        #expect(result["machine", "network", "interfaces"]?.list?.map { $0["interface"]?.string } == ["eth1"])
        #expect(result["cluster", "apiServer", "admissionControl"]?.list?.map { $0["name"]?.string } == ["A"])
        let link = result.document(.document(kind: "LinkConfig", name: "eth0"))
        #expect(link?.root["addresses"]?.json == [["address": "10.0.0.3/24"]])
    }

    @Test("what is deleted and set in one layer is new, and comes last")
    func again() throws {
        let result = try Self.result(
            """
            machine:
              network:
                interfaces:
                  - {interface: eth0, $patch: delete}
                  - {interface: eth1, addresses: [10.0.0.9/32]}
                  - {interface: eth0, dummy: true}
            """)
        #expect(
            result["machine", "network", "interfaces"]?.json
                == [
                    ["interface": "eth1", "addresses": ["10.0.0.1/32", "10.0.0.9/32"]],
                    ["interface": "eth0", "dummy": true],
                ])
    }

    @Test("documents go, and can come again at the end")
    func documents() throws {
        let result = try Self.result(
            """
            apiVersion: v1alpha1
            kind: SideroLinkConfig
            $patch: delete
            ---
            apiVersion: v1alpha1
            kind: SideroLinkConfig
            apiUrl: https://b
            """)
        #expect(
            result.documents.map(\.identity.description)
                == ["machine configuration", "LinkConfig eth0", "SideroLinkConfig"])
        #expect(result.documents.last?.root["apiUrl"]?.string == "https://b")
    }

    @Test("deleting comes before merging, wherever it stands")
    func order() throws {
        let result = try Self.result(
            """
            machine: {sysctls: {c.d: "2"}}
            ---
            machine: {sysctls: {$patch: delete}}
            """)
        #expect(result["machine", "sysctls"]?.json == ["c.d": "2"])
    }

    @Test("a field that is not set can be deleted, since to Talos it is there and empty")
    func unsetFields() throws {
        let result = try Self.result("machine: {network: {searchDomains: {$patch: delete}}}")
        #expect(result.yaml() == (try Patching.configuration(Self.left)).yaml())
    }

    @Test("a document that is not there is no error but a warning")
    func missingDocuments() throws {
        var configuration = try Patching.configuration(Self.left)
        let before = configuration.yaml()
        let layer = Layer(
            name: "a", content: .text("apiVersion: v1alpha1\nkind: NoSuchConfig\n$patch: delete"))
        let warnings = try configuration.apply(try ConfigPatch(layer, number: 1, version: Patching.version))
        #expect(
            warnings.map(\.description)
                == ["a, line 3: $patch: delete: there is no NoSuchConfig to delete"])
        #expect(configuration.yaml() == before)
    }

    @Test(
        "what is not there is an error that says what is missing",
        arguments: [
            (
                "machine: {time: {disabled: {$patch: delete}}}",
                "machine.time.disabled: $patch: delete: failed to delete path 'machine.time.disabled': "
                    + "lookup failed: machine.time is not set"
            ),
            (
                "machine: {nodeLabels: {none: {$patch: delete}}}",
                "machine.nodeLabels.none: $patch: delete: failed to delete path 'machine.nodeLabels.none': "
                    + "lookup failed: machine.nodeLabels.none is not set"
            ),
            (
                "machine: {network: {interfaces: [{interface: eth7, $patch: delete}]}}",
                "machine.network.interfaces[0]: $patch: delete: failed to delete path "
                    + "'machine.network.interfaces.[0]': lookup failed: no element has interface: eth7"
            ),
            (
                "machine: {network: {typo: {$patch: delete}}}",
                "machine.network.typo: $patch: delete: failed to delete path 'machine.network.typo': "
                    + "lookup failed: machine.network has no field \"typo\""
            ),
            (
                "machine: {network: {hostname: {x: {$patch: delete}}}}",
                "machine.network.hostname.x: $patch: delete: failed to delete path 'machine.network.hostname.x': "
                    + "lookup failed: machine.network.hostname has nothing in it that could be deleted"
            ),
            (
                "machine: {network: {interfaces: [{interface: eth0, vlans: [{vlanId: 5, $patch: delete}]}]}}",
                "machine.network.interfaces[0].vlans[0]: $patch: delete: failed to delete path "
                    + "'machine.network.interfaces.[0].vlans.[0]': searching for complex paths in slices "
                    + "is not supported"
            ),
            (
                "machine: {network: {interfaces: [{interface: eth0, dhcp: {$patch: delete}}]}}",
                "machine.network.interfaces[0].dhcp: $patch: delete: cannot delete an inner key in "
                    + "'machine.network.interfaces.[0].dhcp', an element of a list"
            ),
            (
                "machine: {network: {interfaces: [{$patch: delete}]}}",
                "machine.network.interfaces[0]: $patch: delete: no key:val found in sequence node: "
                    + "tell which element to delete"
            ),
            (
                "machine: {}\n$patch: delete",
                "missing kind in document for which $patch: delete is used; "
                    + "the machine configuration itself cannot be deleted"
            ),
            (
                "kind: LinkConfig\n$patch: delete",
                "missing apiVersion in document for which $patch: delete is used"
            ),
            (
                "apiVersion: v1alpha1\nkind: LinkConfig\nname: eth9\nmtu: {$patch: delete}",
                "mtu: LinkConfig eth9: $patch: delete: lookup failed: there is no LinkConfig eth9"
            ),
        ])
    func failures(layer: String, problem: String) throws {
        let problems = try Patching.problems(Self.left, layer)
        #expect(problems.count == 1)
        #expect(problems.first?.hasSuffix(problem) == true, "\(problems)")
    }

    @Test("Talos before 1.8 does not know the marker")
    func oldVersions() throws {
        let problems = try Patching.problems(
            "machine: {network: {hostname: a}}", "machine: {network: {hostname: {$patch: delete}}}",
            version: TalosVersion(minor: 7))
        #expect(
            problems == [
                "layer1, line 1: unknown key \"$patch\": Talos deletes from v1.8 on, and this is for v1.7"
            ])
    }

    @Test("a marker that is none is an unknown field")
    func otherMarkers() throws {
        let problems = try Patching.problems(Self.left, "machine: {network: {$patch: replace}}")
        #expect(
            problems.first?.hasPrefix("layer1, document 1, line 1: machine.network.$patch") == true
                || problems.first?.contains("$patch") == true, "\(problems)")
    }
}
