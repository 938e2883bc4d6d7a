// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Errors of configurations")
struct DecodingErrorTests {
    private func problems(_ text: String, minor: Int = 9) -> [String] {
        let error = #expect(throws: ConfigProblems.self) {
            try MachineConfiguration(reading: text, source: "config", version: TalosVersion(minor: minor))
        }
        return error?.problems.map(\.description) ?? []
    }

    @Test(
        "What is no configuration is refused with its place",
        arguments: [
            ("", "config: is empty: it has no document"),
            ("# nothing\n---\n", "config: is empty: it has no document"),
            (
                "a: [",
                "config: line 2: cannot be read: did not find expected node content while parsing a flow node"
            ),
            ("[]", "config: line 1: must be an object, not a list"),
            ("text", "config: line 1: must be an object, not a string"),
            ("version: v1alpha1", "config: line 1: missing kind"),
            ("apiVersion: v1alpha1", "config: line 1: missing kind"),
            ("kind: VolumeConfig", "config: line 1: missing apiVersion"),
            ("kind: VolumeConfig\napiVersion: v1", "config: line 2: apiVersion: must be v1alpha1"),
            (
                "apiVersion: v1alpha1\nkind: Nothing",
                "config: line 2: kind: \"Nothing\" \"v1alpha1\": not registered in Talos v1.9"
            ),
            (
                "apiVersion: v1alpha1\nkind: HostnameConfig",
                "config: line 2: kind: \"HostnameConfig\" \"v1alpha1\": not registered in Talos v1.9; "
                    + "it is known from Talos v1.12 on"
            ),
            (
                "apiVersion: v1alpha1\nkind: VolumeConfig",
                "config: line 1: name: missing: documents of kind VolumeConfig need a name"
            ),
            ("kind: [a]\napiVersion: v1alpha1", "config: line 1: kind: must be a string, not a list"),
            (
                "machine: {}\n---\n# none\n---\nmachine: {}\n",
                "config, document 3, line 5: machine configuration stands already in document 1"
            ),
            (
                "{apiVersion: v1alpha1, kind: KmsgLogConfig, name: a}\n---\n"
                    + "{apiVersion: v1alpha1, kind: KmsgLogConfig, name: a}\n",
                "config, document 2, line 3: KmsgLogConfig a stands already in document 1"
            ),
            (
                "machine: {}\nmachine: {}",
                "config: line 2: cannot be read: the key \"machine\" stands already at line 1, column 1"
            ),
        ])
    func documents(text: String, problem: String) {
        #expect(problems(text) == [problem.replacing("config: line", with: "config, line")])
    }

    @Test("Documents with other names, or of kinds that have none, may stand together")
    func severalDocuments() throws {
        let text = """
            {apiVersion: v1alpha1, kind: KmsgLogConfig, name: a}
            ---
            {apiVersion: v1alpha1, kind: KmsgLogConfig, name: b}
            ---
            {apiVersion: v1alpha1, kind: EventSinkConfig}
            """
        let configuration = try MachineConfiguration(
            reading: text, source: "config", version: TalosVersion(minor: 9))
        #expect(
            configuration.documents.map(\.identity.description)
                == ["KmsgLogConfig a", "KmsgLogConfig b", "EventSinkConfig"])
        let identity = DocumentIdentity.document(kind: "KmsgLogConfig", name: "b")
        #expect(configuration.document(identity)?.root["name"]?.string == "b")
        #expect(configuration.document(.machine) == nil)
    }

    @Test(
        "A value of the wrong type is refused with its path, and without the value",
        arguments: [
            (
                "machine: {install: {wipe: hello}}",
                "machine.install.wipe: must be true or false, not a string"
            ),
            (
                "machine: {install: {wipe: \"true\"}}",
                "machine.install.wipe: must be true or false, not a string in quotes"
            ),
            ("machine: {install: {wipe: 1}}", "machine.install.wipe: must be true or false, not a number"),
            ("machine: {certSANs: a}", "machine.certSANs: must be a list, not a string"),
            ("machine: {certSANs: [[a]]}", "machine.certSANs[0]: must be a string, not a list"),
            ("machine: {sysctls: [a]}", "machine.sysctls: must be an object, not a list"),
            ("machine: {sysctls: {a: {b: c}}}", "machine.sysctls.a: must be a string, not an object"),
            ("machine: {kubelet: x}", "machine.kubelet: must be an object, not a string"),
            (
                "machine: {kubelet: {extraConfig: x}}",
                "machine.kubelet.extraConfig: must be an object, not a string"
            ),
            (
                "cluster: {controlPlane: {localAPIServerPort: 1e3}}",
                "cluster.controlPlane.localAPIServerPort: must be a whole number, not a number with a fraction or an exponent"
            ),
            (
                "cluster: {controlPlane: {localAPIServerPort: a}}",
                "cluster.controlPlane.localAPIServerPort: must be a whole number, not a string"
            ),
            (
                "cluster: {controlPlane: {localAPIServerPort: '1'}}",
                "cluster.controlPlane.localAPIServerPort: must be a whole number, not a string in quotes"
            ),
            (
                "machine: {network: {interfaces: [{vlans: [{vlanId: 65536}]}]}}",
                "machine.network.interfaces[0].vlans[0].vlanId: must be at most 65535"
            ),
            (
                "machine: {network: {interfaces: [{vlans: [{vlanId: -1}]}]}}",
                "machine.network.interfaces[0].vlans[0].vlanId: must be at least 0"
            ),
            (
                "machine: {time: {bootTimeout: 5}}",
                "machine.time.bootTimeout: must be a duration such as 1m30s, not a number"
            ),
            (
                "machine: {time: {bootTimeout: 5x}}",
                "machine.time.bootTimeout: must be a duration such as 1m30s, not a string"
            ),
            ("machine: {ca: {crt: \"-\"}}", "machine.ca.crt: must be base64"),
            (
                "machine: {files: [{permissions: rw}]}",
                "machine.files[0].permissions: must be a whole number, not a string"
            ),
            (
                "machine: {disks: [{partitions: [{size: much}]}]}",
                "machine.disks[0].partitions[0].size: must be a number of bytes or a size such as 100GB, not a string"
            ),
            (
                "cluster: {apiServer: {extraArgs: {a: [b]}}}",
                "cluster.apiServer.extraArgs.a: must be a string; a list is taken from Talos v1.13 on, not in v1.9"
            ),
            ("machine: {wrong: 1}", "machine.wrong: unknown field; Talos v1.9 has here type, token,"),
            ("machine: {Kubelet: {}}", "machine.Kubelet: unknown field; "),
            (
                "machine: {install: {grubUseUKICmdline: true}}",
                "machine.install.grubUseUKICmdline: is known only from Talos v1.12 on, not in v1.9"
            ),
            (
                "machine: {nodeLabels: {$patch: delete}, $patch: delete}",
                "machine[\"$patch\"]: unknown field; "
            ),
            ("machine: {ca: {cert: x}}", "machine.ca.cert: unknown field; Talos v1.9 has here crt, key"),
        ])
    func types(text: String, problem: String) {
        let found = problems(text)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("config, line 1: " + problem) == true, "\(found)")
    }

    @Test("Every problem is reported, each with its line")
    func all() {
        let text = """
            machine:
              type: 5
              wrong: 1
              install:
                wipe: maybe
            ---
            apiVersion: v1alpha1
            kind: KmsgLogConfig
            name: a
            uri: x
            """
        #expect(
            problems(text).map { $0.prefix(60) }
                == [
                    "config, document 1, line 3: machine.wrong: unknown field; Tal",
                    "config, document 1, line 5: machine.install.wipe: must be tru",
                    "config, document 2, line 10: uri: unknown field; Talos v1.9 h",
                ].map { $0.prefix(60) })
    }

    @Test("No more than a hundred problems are reported")
    func limit() {
        let text = "machine:\n" + (1...1000).map { "  x\($0): 1\n" }.joined()
        #expect(problems(text).count == ConfigProblems.limit)
    }

    @Test("Messages hold no value")
    func canaries() {
        let secret = "c4n4ry"
        let texts = [
            "machine: {token: [\(secret)]}", "machine: {ca: {key: \"-\(secret)\"}}",
            "machine: {install: {wipe: \(secret)}}",
            "cluster: {secret: {a: \(secret)}}", "machine: {time: {bootTimeout: \(secret)}}",
            "machine: {env: {A: [\(secret)]}}",
            "machine: {files: [{permissions: \(secret)}]}", "\(secret)", "[\(secret)]",
        ]
        for text in texts { #expect(problems(text).allSatisfy { !$0.contains(secret) }, "\(text)") }
    }

    @Test("Texts that are too large or too deep, or expand without end, are refused")
    func gigantic() {
        let large = "machine:\n  token: " + String(repeating: "x", count: 4 << 20)
        #expect(problems(large) == ["config: cannot be read: the text is larger than 4194304 bytes"])
        let deep = "machine: {pods: " + String(repeating: "[", count: 100)
        #expect(problems(deep) == ["config, line 1: cannot be read: nested more than 64 levels deep"])
        let many = "machine: {certSANs: [" + String(repeating: "a,", count: 200_000) + "]}"
        #expect(
            problems(many) == ["config, line 1: cannot be read: more than 200000 values, aliases followed"])
    }

    @Test("A number or truth value of an API object is no string, since what its author wrote is lost")
    func values() {
        let value: JSONValue = [
            "machine": ["sysctls": ["a": 1, "b": "2", "c": true, "d": .double(1.1), "e": .null]]
        ]
        let error = #expect(throws: ConfigProblems.self) {
            try MachineConfiguration(decoding: [value], source: "spec", version: TalosVersion(minor: 9))
        }
        #expect(
            error?.description.split(separator: "\n") == [
                "spec: machine.sysctls.a: must be a string, not a number: put it into quotes",
                "spec: machine.sysctls.c: must be a string, not a boolean: put it into quotes",
                "spec: machine.sysctls.d: must be a string, not a number: put it into quotes",
            ])
    }
}
