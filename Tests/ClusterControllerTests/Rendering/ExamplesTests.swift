// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
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

    @Test("The list of the examples names every one, with the number of its Machines")
    func list() throws {
        let rows = try MarkdownTable(of: "examples/README.md", column: "file").rows
        let names = try FileSystem.list(Self.directory).filter { $0.hasSuffix(".yaml") }
        #expect(rows.compactMap(\.first).sorted() == names)
        for row in rows {
            #expect(row.last == "\(try render(row[0]).manifests.count)", "\(row[0])")
        }
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
