// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import Talos
import TestSupport
import Testing

@testable import ClusterController

@Suite("The examples")
struct ExamplesTests {
    private static let directory = "\(Repository.root)/examples"

    private func render(_ name: String) throws -> Rendering {
        let bytes = try FileSystem.read("\(Self.directory)/\(name)", limit: 1 << 20)
        return Rendering(try YAML.documents(bytes), file: name)
    }

    @Test("Every example is valid, without a warning")
    func valid() throws {
        let names = try FileSystem.list(Self.directory).filter { $0.hasSuffix(".yaml") }
        #expect(names.count >= 3)
        for name in names {
            let rendering = try render(name)
            #expect(rendering.problems == [])
            #expect(rendering.warnings == [])
            #expect(!rendering.manifests.isEmpty)
        }
    }

    @Test("Where the operator makes configurations, it can make them all, of the layers in the same file")
    func configurations() throws {
        var count = 0
        for name in try FileSystem.list(Self.directory).filter({ $0.hasSuffix(".yaml") }) {
            let documents = try YAML.documents(FileSystem.read("\(Self.directory)/\(name)", limit: 1 << 20))
            let objects = try documents.filter { $0["kind"] == "ConfigMap" }.map {
                try LayerObject(.configMap, $0)
            }
            let document = try #require(documents.first { $0["kind"] == "KubernetesCluster" })
            let cluster = try KubernetesCluster(document)
            let spec = try Fixture.validSpec(of: cluster)
            guard spec.management != .machines else { continue }
            let renderer = try MachineConfigRenderer(
                spec: spec, secrets: ConfigFixture.secrets.get(),
                layers: LayerCatalog(objects: objects, operatorNamespace: nil).resolve(
                    spec, for: cluster.metadata))
            for (machine, result) in renderer.renderAll() {
                count += 1
                switch result {
                case .success(let config): #expect(config.warnings == [], "\(name): \(machine)")
                case .failure(let problems): Issue.record("\(name): \(machine): \(problems)")
                }
            }
        }
        #expect(count >= 2)
    }

    @Test("The list of the examples names every one, with the number of its Machines")
    func list() throws {
        let rows = try MarkdownTable(of: "examples/README.md", column: "file").rows
        let names = try FileSystem.list(Self.directory).filter { $0.hasSuffix(".yaml") }
        #expect(rows.compactMap(\.first).sorted() == names.sorted())
        for row in rows {
            #expect(row.last == "\(try render(row[0]).manifests.count)", "\(row[0])")
        }
    }

    @Test("The full cluster has every field of the schema")
    func fullCluster() throws {
        let definition = "\(Repository.root)/config/crd/vitistack.io_kubernetesclusters.yaml"
        let version = try YAML.documents(FileSystem.read(definition, limit: 1 << 20)).first?["spec"]?[
            "versions"]
        let schema = try #require(
            version?.array?.first?["schema"]?["openAPIV3Schema"]?["properties"]?["spec"])
        let bytes = try FileSystem.read("\(Self.directory)/full-cluster.yaml", limit: 1 << 20)
        let spec = try #require(YAML.documents(bytes).first?["spec"])
        let missing = Self.fields(schema, at: "spec").subtracting(Self.values(spec, at: "spec"))
        // Other ways to say what it says already.
        let alternatives = [
            "id", "extensions", "extraKernelArgs", "meta", "meta.*", "meta.*.key", "meta.*.value",
        ]
        .map { "spec.schematic.\($0)" }
        #expect(
            missing.subtracting(alternatives).subtracting([
                "spec.schematic.extensions.*", "spec.schematic.extraKernelArgs.*",
            ]) == [])
    }

    /// The paths of everything that a schema names; the elements of a list share one.
    private static func fields(_ schema: JSONValue, at path: String) -> Set<String> {
        if let items = schema["items"] { return fields(items, at: "\(path).*") }
        let members = schema["properties"]?.object?.members ?? []
        return members.reduce(into: [path]) { paths, member in
            paths.formUnion(fields(member.value, at: "\(path).\(member.key)"))
        }
    }

    /// The paths of everything that has a value.
    private static func values(_ value: JSONValue, at path: String) -> Set<String> {
        if let elements = value.array {
            return elements.reduce(into: []) { $0.formUnion(values($1, at: "\(path).*")) }
        }
        let members = value.object?.members ?? []
        return members.reduce(into: [path]) { paths, member in
            paths.formUnion(values(member.value, at: "\(path).\(member.key)"))
        }
    }

    @Test("What a template says about nodes is beside what the operator adds")
    func nodeTaints() throws {
        let manifests = try render("ha-cluster.yaml").manifests
        let machine = try #require(manifests.first { $0.path.hasSuffix("storage-0.yaml") }?.document)
        let talosConfig = machine["spec"]?["talosConfig"]
        #expect(talosConfig?["nodeTaints"] == ["node.example.com/storage": "true:NoSchedule"])
        #expect(talosConfig?["machineType"] == "worker")
        #expect(machine["metadata"]?["labels"]?["example.com/tier"] == "storage")
    }

    @Test("The simple cluster has the five Machines of the specification")
    func simpleCluster() throws {
        #expect(
            try render("simple-cluster.yaml").manifests.map(\.path) == [
                "simple-cluster/simple-cluster-cp-0.yaml", "simple-cluster/simple-cluster-cp-1.yaml",
                "simple-cluster/simple-cluster-cp-2.yaml", "simple-cluster/simple-cluster-workers-0.yaml",
                "simple-cluster/simple-cluster-workers-1.yaml",
            ])
    }
}
