// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport
import Testing

@testable import Talos

@Suite("ConfigValidation")
struct ConfigValidationTests {
    private static let doubtful: [(message: String, config: TestConfig)] = [
        (
            "machine.type: should be worker, which is what Talos takes it for",
            TestConfig(type: "type: join", ca: "ca: {crt: YQ==}")
        ),
        (
            "machine.type: should be worker, which is what Talos takes it for",
            TestConfig(type: "", ca: "ca: {crt: YQ==}")
        ),
        (
            "machine.install.extensions: is deprecated: extensions belong into the installer's image",
            TestConfig().with { $0.machine = "install: {extensions: [{image: a}]}" }
        ),
        (
            "machine.network.interfaces[0].cidr: is deprecated: use addresses",
            TestConfig().with { $0.machine = "network: {interfaces: [{interface: a, cidr: 10.0.0.1/8}]}" }
        ),
        (
            "cluster.network.cni.urls: should name manifests; a network from elsewhere is cni.name none",
            TestConfig().with { $0.cluster = "network: {cni: {name: custom}}" }
        ),
    ]

    /// What breaks rules that only warn, or that hold for some versions.
    static let cases = (doubtful.map(\.config) + versions.map(\.config)).map {
        ValidationCase("", bad: $0, good: TestConfig())
    }

    @Test("What is only doubtful is a warning, and an error if asked strictly", arguments: doubtful)
    func warns(message: String, config: TestConfig) throws {
        let validation = try config.validated()
        #expect(validation.errors == [])
        #expect(validation.warnings.map(\.withoutPlace) == [message])
        let strict = try config.validated(isStrict: true)
        #expect(strict.errors == validation.warnings)
        #expect(strict.warnings == [])
    }

    /// Rules that came with a version of Talos: it, and a configuration that breaks it.
    private static let versions: [(minor: Int, config: TestConfig)] = [
        (6, TestConfig().with { $0.head = "persist: false" }),
        (6, TestConfig.worker.with { $0.cluster = "etcd: {ca: {crt: YQ==, key: YQ==}}" }),
        (7, TestConfig(type: "type: worker", ca: "ca: {crt: YQ==, key: YQ==}")),
        (7, TestConfig(type: "type: worker", ca: "")),
        (7, TestConfig.worker.with { $0.cluster = "ca: {crt: YQ==, key: YQ==}" }),
        (7, TestConfig().with { $0.mode = .container }),
        (8, TestConfig(type: "type: controlplane", ca: "")),
    ]

    @Test("A rule holds from the version on that it came with", arguments: versions)
    func since(minor: Int, config: TestConfig) throws {
        #expect(try config.with { $0.version = TalosVersion(minor: minor - 1) }.validated().errors == [])
        #expect(try config.with { $0.version = TalosVersion(minor: minor) }.validated().errors.count > 0)
    }

    @Test("From Talos 1.12 on the API needs no leave to ask for roles")
    func roles() throws {
        var config = TestConfig().with {
            $0.machine = "features: {kubernetesTalosAPIAccess: {enabled: true}}"
        }
        #expect(try config.validated().errors == [])
        config.version = TalosVersion(minor: 12)
        #expect(try config.validated().errors == [])
    }

    @Test("An install disk is needed in metal mode alone", arguments: ValidationMode.allCases)
    func disk(mode: ValidationMode) throws {
        let config = TestConfig().with {
            $0.mode = mode
            $0.machine = "features: {hostDNS: {enabled: true, forwardKubeDNSToHost: true}}"
        }
        #expect(try config.validated().errors.isEmpty == (mode != .metal))
    }

    @Test("A finding names the layer, its document and line; what is missing, the object that lacks it")
    func places() throws {
        let text = """
            kind: EventSinkConfig
            apiVersion: v1alpha1
            endpoint: a
            ---
            machine:
              type: worker
              ca: {crt: YQ==}
              kubelet:
                extraConfig:
                  port: 1
            cluster:
              clusterName: a
            """
        let configuration = try MachineConfiguration(
            reading: text, source: "file", layer: 1, version: TalosVersion(minor: 13))
        let validation = ConfigValidation(
            configuration, mode: .cloud, sources: ["generated", "spec.patches[0]"])
        #expect(
            Set(validation.errors.map(\.description)) == [
                "spec.patches[0], document 2, line 10: machine.kubelet.extraConfig.port: is set by Talos and cannot be "
                    + "changed here",
                "spec.patches[0], document 2, line 12: cluster.controlPlane.endpoint: is required: where the "
                    + "Kubernetes API answers",
                "spec.patches[0], document 1, line 3: EventSinkConfig.endpoint: must be host:port, not \"a\"",
            ])
    }

    @Test("A value of a secret layer is not shown")
    func secretLayers() throws {
        let configuration = try MachineConfiguration(
            reading: TestConfig().with { $0.cluster = "network: {dnsDomain: hunter2!}" }.text, source: "",
            layer: 3,
            version: TalosVersion(minor: 13))
        let findings = { (layers: Set<UInt16>) in
            ConfigValidation(configuration, mode: .cloud, secretLayers: layers).errors.map(\.withoutPlace)
        }
        #expect(findings([3]) == ["cluster.network.dnsDomain: must be a DNS name"])
        #expect(findings([]) == [#"cluster.network.dnsDomain: must be a DNS name, not "hunter2!""#])
    }

    @Test("A long value is shown in part")
    func longValues() throws {
        let value = String(repeating: "a", count: 300)
        let config = TestConfig().with { $0.cluster = "network: {dnsDomain: \(value)}" }
        let shown = String(repeating: "a", count: 80) + "…"
        #expect(
            try config.validated().errors.map(\.problem) == ["must be a DNS name, not \"\(shown)\""])
    }

    @Test("No more is reported than anybody reads")
    func limit() throws {
        let key = "nodeTaints: {" + (0..<1000).map { "a\($0): x" }.joined(separator: ", ") + "}"
        #expect(
            try TestConfig().with { $0.machine = key }.validated().errors.count == ConfigProblems.limit)
    }

    @Test("A finding is one line that cannot act on a terminal")
    func controlCharacters() {
        let problem = ConfigProblem(
            source: "a\u{9B}", path: FieldPath("b\u{7F}"), problem: "c\u{1B}[31m\n\u{E9}")
        #expect(problem.description == #"a\u009b: ["b\u007f"]: c\u001b[31m\u000a\#u{E9}"#)
    }

    @Test("Findings of others are taken in")
    func additions() throws {
        var validation = try TestConfig().validated()
        let (error, warning) = (ConfigProblem(problem: "a"), ConfigProblem(problem: "b"))
        validation.add(errors: [error], warnings: [warning])
        #expect(validation.errors == [error])
        #expect(validation.warnings == [warning])
    }

    @Test("Documents without that of the machine may stand alone")
    func partial() throws {
        let configuration = try MachineConfiguration(
            reading: "{apiVersion: v1alpha1, kind: HostnameConfig, auto: stable}", source: "",
            version: TalosVersion(minor: 13))
        #expect(ConfigValidation(configuration, mode: .metal).errors == [])
    }
}

@Suite("Validation of golden configurations", .enabled(if: TalosReference.isThere))
struct GoldenValidationTests {
    private static let files =
        TalosReference.files(endingIn: "-controlplane.yaml") + TalosReference.files(endingIn: "-worker.yaml")

    private static func validation(_ path: String, _ mode: ValidationMode) throws -> ConfigValidation {
        let version = try #require(path.split(separator: "/").compactMap { TalosVersion($0) }.last)
        let configuration = try MachineConfiguration(
            reading: try TalosReference.text(of: path), source: "", version: version)
        return ConfigValidation(configuration, mode: mode)
    }

    @Test("What talosctl generates is taken in cloud mode, without a warning", arguments: files)
    func cloud(path: String) throws {
        let validation = try Self.validation(path, .cloud)
        #expect(validation.errors == [])
        #expect(validation.warnings == [])
    }

    @Test("In metal mode a configuration without a disk lacks that alone", arguments: files)
    func metal(path: String) throws {
        // The one set of overrides gives kernel arguments beside grubUseUKICmdline, which Talos refuses there.
        let errors = try Self.validation(path, .metal).errors.map { "\($0.path)" }
        #expect(
            errors == (path.contains("base") ? ["machine.install.disk"] : ["machine.install.extraKernelArgs"])
                || errors == [])
    }
}
