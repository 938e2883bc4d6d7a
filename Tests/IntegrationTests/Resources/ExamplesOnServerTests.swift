// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// The examples as people use them.
@Suite("The examples on an API server", .timeLimit(.minutes(15)))
struct ExamplesOnServerTests {
    private static let directory = "\(Repository.root)/examples"

    @Test("each is taken as it is: nothing is refused, and no field dropped or changed")
    func kept() async throws {
        try await Scenario.run("examples") { scenario in
            let names = try FileSystem.list(Self.directory).filter { $0.hasSuffix(".yaml") }
            #expect(names.count >= 6)
            for name in names {
                let bytes = try FileSystem.read("\(Self.directory)/\(name)", limit: 1 << 20)
                for document in try YAML.documents(bytes) where document["kind"] == "KubernetesCluster" {
                    let stored = try await scenario.client.create(
                        StoredCluster.self, document, namespace: scenario.namespace)
                    let spec = document["spec"] ?? .null
                    #expect(Self.lost(spec, stored.document["spec"] ?? .null, at: "spec") == [], "\(name)")
                }
            }
        }
    }

    @Test(
        "kubectl applies all of them, the second time without a change, and the operator makes all that they ask for"
    )
    func applied() async throws {
        try await Scenario.run("applied") { scenario in
            // With layers for all clusters elsewhere: those of one example are not for another.
            try await scenario.startConfigOperator(layers: "kube-public")
            let controlPlane = scenario.controlPlane
            let apply = ["apply", "--namespace", scenario.namespace, "-f", Self.directory]
            let created = try await controlPlane.kubectl(apply)
            #expect(created.allSatisfy { $0.hasSuffix(" created") }, "\(created)")
            for cluster in try await clusters(scenario) { try await scenario.complete(cluster.name) }
            let before = try await clusters(scenario)
            _ = try await controlPlane.kubectl(apply)
            #expect(try await clusters(scenario).map(\.metadata) == before.map(\.metadata))
            let rows = try MarkdownTable(of: "examples/README.md", column: "file").rows
            let count = rows.compactMap { $0.last.flatMap { Int($0) } }.reduce(0, +)
            #expect(try await scenario.machines().count == count)
            for name in ["full-cluster", "layered-cluster"] { try await scenario.configured(name) }
        }
    }

    private func clusters(_ scenario: Scenario) async throws -> [StoredCluster] {
        try await scenario.client.list(StoredCluster.self, ObjectSelection(namespace: scenario.namespace))
            .items.sorted { $0.key < $1.key }
    }

    /// The paths of what was sent and is not there, or another value; a null may go.
    private static func lost(_ sent: JSONValue, _ stored: JSONValue, at path: String) -> [String] {
        if let members = sent.object?.members {
            guard let kept = stored.object else { return [path] }
            return members.flatMap { member in
                member.value == .null
                    ? [] : lost(member.value, kept[member.key] ?? .null, at: "\(path).\(member.key)")
            }
        }
        if let elements = sent.array {
            guard let kept = stored.array, kept.count == elements.count else { return [path] }
            return zip(elements, kept).enumerated().flatMap { index, pair in
                lost(pair.0, pair.1, at: "\(path)[\(index)]")
            }
        }
        return sent == stored ? [] : [path]
    }
}
