// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

/// A configuration that breaks one rule, its twin that does not, and what is said about the first.
struct ValidationCase: Sendable, CustomTestStringConvertible {
    let message: String
    private(set) var bad: TestConfig
    private(set) var good: TestConfig

    /// Both differ in one part of the same configuration.
    init(
        _ message: String, _ part: WritableKeyPath<TestConfig, String>, bad: String, good: String,
        in config: TestConfig = TestConfig()
    ) {
        self.message = message
        (self.bad, self.good) = (config, config)
        self.bad[keyPath: part] = bad
        self.good[keyPath: part] = good
    }

    /// Both differ in anything.
    init(_ message: String, bad: TestConfig, good: TestConfig) {
        (self.message, self.bad, self.good) = (message, bad, good)
    }

    var testDescription: String { message }
}

/// A small configuration that Talos would take as it is.
struct TestConfig: Sendable {
    var version = TalosVersion(minor: 13)
    var mode = ValidationMode.cloud
    var head = ""
    var type = "type: controlplane"
    var ca = "ca: {crt: YQ==, key: YQ==}"
    /// More of `machine`, a line or several.
    var machine = ""
    var endpoint = "controlPlane: {endpoint: 'https://10.0.0.1:6443'}"
    var identity = "id: a\nsecret: b"
    /// More of `cluster`.
    var cluster = ""
    /// Documents after the first, without their dashes and `apiVersion`.
    var documents: [String] = []
    /// The only one of them.
    var document: String {
        get { documents.first ?? "" }
        set { documents = newValue.isEmpty ? [] : [newValue] }
    }
    /// The text, if it is not put together from parts.
    var text: String {
        get { written ?? composed }
        set { written = newValue }
    }
    private var written: String?

    static let worker = TestConfig(type: "type: worker", ca: "ca: {crt: YQ==}")

    init(type: String = "type: controlplane", ca: String = "ca: {crt: YQ==, key: YQ==}") {
        (self.type, self.ca) = (type, ca)
    }

    func with(_ change: (inout TestConfig) -> Void) -> TestConfig {
        var config = self
        change(&config)
        return config
    }

    func validated(isStrict: Bool = false) throws -> ConfigValidation {
        let configuration = try MachineConfiguration(reading: text, source: "config", version: version)
        return ConfigValidation(configuration, mode: mode, sources: ["config"], isStrict: isStrict)
    }

    private var composed: String {
        let indented = { (text: String) in
            text.split(separator: "\n").map { "  \($0)\n" }.joined()
        }
        return head + "\nmachine:\n" + [type, ca, machine].map(indented).joined() + "cluster:\n"
            + [endpoint, identity, cluster].map(indented).joined()
            + documents.map { "---\napiVersion: v1alpha1\n\($0)\n" }.joined()
    }
}

extension ConfigProblem {
    /// The problem without the layer and line.
    var withoutPlace: String { path == .root ? problem : "\(path): \(problem)" }
}
