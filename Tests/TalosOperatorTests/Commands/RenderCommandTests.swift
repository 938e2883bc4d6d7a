// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport
import Testing

@testable import TalosOperator

@Suite("talos-operator render")
struct RenderCommandTests {
    private let bench: CommandBench

    init() throws {
        bench = try CommandBench()
    }

    private func cluster(_ name: String, replicas: Int = 1) -> String {
        """
        apiVersion: vitistack.io/v1alpha1
        kind: KubernetesCluster
        metadata: {name: \(name)}
        spec:
          clusterName: \(name)
          kubernetesVersion: v1.28.3
          talosVersion: v1.5.5
          clusterEndpoint: https://192.168.1.100:6443
          controlPlane: {replicas: \(replicas)}

        """
    }

    private func render(_ files: [String], to output: String? = nil) async -> Int32 {
        await RenderCommand.execute(
            RenderOptions(files: files, outputDirectory: output), output: bench.output)
    }

    @Test("Machines of all files are printed as one stream of documents")
    func printing() async throws {
        let files = [
            try bench.file("a.yaml", cluster("a", replicas: 3)), try bench.file("b.yaml", cluster("b")),
        ]
        #expect(await render(files) == 0)
        let documents = bench.printed.split(separator: "---\n")
        #expect(documents.count == 4)
        #expect(documents.first?.hasPrefix("apiVersion: vitistack.io/v1alpha1\nkind: Machine\n") == true)
        #expect(documents.last?.contains("name: b-cp-0\n") == true)
        #expect(bench.errors == "")
    }

    @Test("with a directory there is a file for each Machine, and nothing is printed")
    func writing() async throws {
        let output = "\(bench.path)/deep/out"
        #expect(await render([try bench.file("a.yaml", cluster("a", replicas: 3))], to: output) == 0)
        #expect(
            try FileSystem.list("\(output)/a") == [
                "a-cp-0.yaml", "a-cp-1.yaml", "a-cp-2.yaml", "secrets", "talos", "talosconfig",
            ])
        let text = String(
            decoding: try FileSystem.read("\(output)/a/a-cp-1.yaml", limit: 1 << 20), as: UTF8.self)
        #expect(text.contains("name: a-cp-1\n"))
        #expect(bench.printed == "")
    }

    @Test("one bad file keeps the good one from being printed; each problem is a line")
    func problems() async throws {
        let bad = try bench.file("bad.yaml", cluster("bad", replicas: 2))
        #expect(await render([try bench.file("good.yaml", cluster("good")), bad, "/nowhere.yaml"]) == 1)
        #expect(bench.printed == "")
        let lines = bench.errors.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first == "\(bad): spec.controlPlane.replicas: must be 1, 3, 5 or 7, not 2")
        #expect(lines.last?.contains("/nowhere.yaml") == true)
    }

    @Test("a file that is no YAML is named with the place of the mistake")
    func syntax() async throws {
        let path = try bench.file("broken.yaml", "spec: [\n")
        #expect(await render([path]) == 1)
        #expect(bench.errors.hasPrefix("\(path): "))
        #expect(bench.errors.contains("line "))
    }

    @Test("a file of 100 MiB is refused by its size, before it is read")
    func huge() async throws {
        let path = try bench.file("huge.yaml", "")
        #expect(truncate(path, 100 << 20) == 0)
        #expect(await render([path]) == 1)
        #expect(bench.errors == "cannot read \(path): larger than the limit of 16777216 bytes\n")
    }

    @Test("a cluster that names another place is not written there")
    func leadsOut() async throws {
        let odd = cluster("a").replacing("{name: a}", with: "{name: a, namespace: /../../x}")
        #expect(
            await render([try bench.file("a.yaml", cluster("a") + "---\n" + odd)], to: "\(bench.path)/out")
                == 1)
        #expect(bench.errors.contains("metadata.namespace: must be a DNS-1123 label"))
        #expect(try FileSystem.list(bench.path) == ["a.yaml"])
    }

    @Test("a directory that cannot be written is an error")
    func unwritable() async throws {
        let blocked = try bench.file("blocked", "")
        #expect(await render([try bench.file("a.yaml", cluster("a"))], to: blocked) == 1)
        #expect(bench.errors.contains(blocked))
    }
}
