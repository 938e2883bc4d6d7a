// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Reading configurations")
struct DecodingTests {
    private func configuration(_ text: String, minor: Int = 9, layer: UInt16 = 0) throws
        -> MachineConfiguration
    {
        try MachineConfiguration(
            reading: text, source: "config", layer: layer, version: TalosVersion(minor: minor))
    }

    @Test(
        "Text that would be something else elsewhere is text in a field for text",
        arguments: ["off", "yes", "1.10", "0o644", "1e3", "2026-01-31", "12:30", "true", ".inf", "017"])
    func strings(text: String) throws {
        #expect(try configuration("machine: {token: \(text)}")["machine", "token"]?.string == text)
        #expect(
            try configuration("machine: {sysctls: {a: \(text)}}")["machine", "sysctls", "a"]?.string == text)
        #expect(
            try configuration("machine: {certSANs: [\(text)]}")["machine", "certSANs"]?.list?.map(\.string)
                == [text])
    }

    @Test(
        "Truth values may be written as in YAML 1.1",
        arguments: [
            ("true", true), ("True", true), ("FALSE", false), ("yes", true), ("no", false), ("on", true),
            ("off", false), ("y", true), ("N", false), ("\"yes\"", true), ("'off'", false),
        ])
    func truths(text: String, value: Bool) throws {
        #expect(
            try configuration("machine: {install: {wipe: \(text)}}")["machine", "install", "wipe"]?.bool
                == value)
    }

    @Test(
        "Permissions are numbers in any form, written in octal",
        arguments: [
            ("0o644", "0o644"), ("0644", "0o644"), ("420", "0o644"), ("0x1A4", "0o644"), ("0", "0o0"),
        ])
    func permissions(text: String, written: String) throws {
        let configuration = try configuration("machine: {files: [{permissions: \(text)}]}")
        #expect(configuration.yaml().contains("permissions: \(written)\n"))
    }

    @Test("Null is absent in a field, and the zero of its type in a list or map")
    func nulls() throws {
        let configuration = try configuration(
            "machine: {token: null, install: ~, certSANs: [~, a], sysctls: {a: }, disks: [null], kubelet: {extraConfig: {a: null}}}"
        )
        let machine = try #require(configuration["machine"])
        #expect(machine.members?.map(\.key) == ["certSANs", "sysctls", "disks", "kubelet"])
        #expect(machine["certSANs"]?.json == ["", "a"])
        #expect(machine["sysctls"]?.json == ["a": ""])
        #expect(machine["disks"]?.json == [.null])
        #expect(machine["kubelet"]?["extraConfig"]?.json == ["a": .null])
    }

    @Test("Values know their layer, document and line")
    func origins() throws {
        let text = "~\n---\nmachine:\n  certSANs:\n    - a\n  install: {disk: x}\n"
        let configuration = try configuration(text, layer: 3)
        #expect(configuration["machine", "certSANs"]?.origin == Origin(layer: 3, document: 2, line: 5))
        #expect(
            configuration["machine", "certSANs"]?.list?.first?.origin
                == Origin(layer: 3, document: 2, line: 5))
        #expect(configuration["machine", "install", "disk"]?.origin == Origin(layer: 3, document: 2, line: 6))
    }

    @Test("Values of an API object are read by the same rules, without lines")
    func values() throws {
        let value: JSONValue = ["machine": ["install": ["wipe": true], "time": ["bootTimeout": "90s"]]]
        let configuration = try MachineConfiguration(
            decoding: [.null, value], source: "spec", layer: 1, version: TalosVersion(minor: 9))
        #expect(configuration["machine", "time", "bootTimeout"]?.string == "1m30s")
        #expect(configuration["machine", "install", "wipe"]?.origin == Origin(layer: 1, document: 2))
    }

    @Test("White space before an inline manifest is cut off from Talos 1.6 on")
    func manifests() throws {
        let text = "cluster: {inlineManifests: [{name: a, contents: \"\\n\\t\\r\\n x: 1\\n\"}]}"
        let contents = { (minor: Int) in
            try configuration(text, minor: minor)["cluster", "inlineManifests"]?.list?.first?["contents"]?
                .string
        }
        #expect(try contents(5) == "\n\t\r\n x: 1\n")
        #expect(try contents(6) == " x: 1\n")
    }

    @Test("Arguments may be lists from Talos 1.13 on")
    func arguments() throws {
        let text = "cluster: {apiServer: {extraArgs: {a: b, c: [d, e], f: 5}}}"
        let arguments = try configuration(text, minor: 13)["cluster", "apiServer", "extraArgs"]
        #expect(arguments?.json == ["a": "b", "c": ["d", "e"], "f": "5"])
    }

    @Test("Base64 is read over several lines and written in one")
    func base64() throws {
        #expect(
            try configuration("machine: {ca: {crt: \"YWJj\\nZGVm\\n\"}}")["machine", "ca", "crt"]?.string
                == "YWJjZGVm")
        #expect(
            try configuration("machine: {ca: {key: '******'}}")["machine", "ca", "key"]?.string == "******")
        #expect(try configuration("machine: {ca: {crt: YR==}}")["machine", "ca", "crt"]?.string == "YQ==")
    }

    @Test("Secrets and what may hold them are not in a redacted configuration; empty ones stay empty")
    func redaction() throws {
        let text = """
            machine:
              type: worker
              token: c4n4ry
              ca: {crt: YWJj, key: ""}
              env: {A: c4n4ry}
              files: [{path: /x, content: c4n4ry}]
              registries: {config: {h: {auth: {username: u, password: c4n4ry}}}}
            cluster:
              ca: {crt: YWJj, key: YzRuNHJ5}
              extraManifestHeaders: {A: c4n4ry}
            ---
            {apiVersion: v1alpha1, kind: ExtensionServiceConfig, name: n, environment: [A=c4n4ry]}
            """
        let configuration = try configuration(text).redacted()
        let written = configuration.yaml()
        #expect(!written.contains("c4n4ry") && !written.contains("YzRuNHJ5"))
        #expect(configuration["machine", "token"]?.string == "******")
        #expect(configuration["machine", "ca", "key"]?.string == "")
        #expect(configuration["machine", "ca", "crt"]?.string == "YWJj")
        #expect(configuration["machine", "env"]?.json == ["A": "******"])
        #expect(configuration["machine", "registries", "config", "h", "auth", "username"]?.string == "u")
        #expect(configuration.documents.last?.root["environment"]?.json == ["******"])
    }
}
