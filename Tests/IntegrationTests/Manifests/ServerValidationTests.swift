// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

/// What is installed, shown to a real API server, the oldest that is supported.
@Suite("Manifests and the API server", .serialized)
struct ServerValidationTests {
    /// Kinds that others define, and those that kubectl wants to be told not to check.
    private static let unknown: Set<String> = [
        "Certificate", "CustomResourceDefinition", "Issuer", "PrometheusRule", "ServiceMonitor",
    ]
    private static let valuesFolder = "\(Repository.root)/Tests/PackagingTests/Chart/Values"

    /// What the chart makes of these values for the oldest server that it may be installed on.
    private func rendered(_ values: [String]) async throws -> [JSONValue] {
        let arguments = [
            "\(Repository.root)/hack/helm.py", "template", "talos-operator",
            "\(Repository.root)/charts/talos-operator", "-n", "manifests-of-the-chart", "--kube-version",
            "1.20.0",
        ]
        let output = try await ChildProcess.run(
            ChildProcess.Command(
                arguments + values, environment: Repository.environment, timeout: .seconds(300),
                outputLimit: 16 << 20))
        let complaint = String(decoding: output.standardError, as: UTF8.self)
        try #require(output.status == .exited(0), "\(values) \(complaint)")
        return try YAML.documents(output.standardOutput).filter { $0 != .null }
    }

    /// Has the server check every object, with all its fields known and allowed, and keep none but the namespaces: those
    /// of a dry run are not there for the objects that come next.
    private func expectAccepted(_ objects: [JSONValue]) async throws {
        let controlPlane = try await ControlPlane.shared()
        let names = Set(objects.compactMap { $0["metadata"]?["namespace"]?.string }).sorted()
        let namespaces: [JSONValue] = names.map {
            ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string($0)]]
        }
        _ = try await apply(namespaces, dryRun: "none", controlPlane)
        let checked = objects.filter { !Self.unknown.contains($0["kind"]?.string ?? "") }
        #expect(checked.contains { $0["kind"] == "Deployment" })
        let lines = try await apply(checked, dryRun: "server", controlPlane)
        #expect(lines.filter { $0.hasSuffix("(server dry run)") }.count == checked.count, "\(lines)")
    }

    private func apply(
        _ objects: [JSONValue], dryRun: String, _ controlPlane: ControlPlane
    ) async throws -> [String] {
        let list: JSONValue = ["apiVersion": "v1", "kind": "List", "items": .array(objects)]
        let directory = try TemporaryDirectory()
        let file = "\(directory.path)/objects.json"
        try FileSystem.replace(file, with: list.encoded())
        return try await controlPlane.kubectl("apply", "--dry-run=\(dryRun)", "--validate=true", "-f", file)
    }

    @Test("It accepts what the chart makes of every file of values")
    func chart() async throws {
        var objects: [JSONValue] = []
        for file in try FileSystem.list(Self.valuesFolder).sorted() where file.hasSuffix(".yaml") {
            objects += try await rendered(["-f", "\(Self.valuesFolder)/\(file)"])
        }
        try await expectAccepted(objects)
    }

    @Test("It accepts what kustomize builds")
    func kustomize() async throws {
        var objects: [JSONValue] = []
        for folder in ["config/default", "config/network-policy"] {
            let text = try await ControlPlane.shared().kubectl("kustomize", "\(Repository.root)/\(folder)")
            objects += try YAML.documents(Array(text.joined(separator: "\n").utf8))
        }
        try await expectAccepted(objects)
    }

    @Test("It refuses a field that it does not know, so that these tests can fail")
    func unknownField() async throws {
        let objects = try await rendered(["--set-json", #"podSecurityContext={"runAsNobody":true}"#])
        let error = await #expect(throws: ControlPlane.ScriptError.self) { try await expectAccepted(objects) }
        #expect(error?.description.contains("runAsNobody") == true, "\(String(describing: error))")
    }
}
