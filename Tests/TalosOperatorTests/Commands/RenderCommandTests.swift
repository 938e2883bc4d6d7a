// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport
import Testing

@testable import TalosOperator

@Suite("talos-operator render")
struct RenderCommandTests {
    /// What a command printed.
    private final class Printed: Sendable {
        private let texts = Locked((output: "", errors: ""))

        var output: String { texts.withLock { $0.output } }
        var errors: String { texts.withLock { $0.errors } }

        var sink: Output {
            Output(
                print: { text in self.texts.withLock { $0.output += text } },
                printError: { text in self.texts.withLock { $0.errors += text } })
        }
    }

    private let directory: TemporaryDirectory
    private let printed = Printed()

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func file(_ name: String, _ text: String) throws -> String {
        let path = "\(directory.path)/\(name)"
        try FileSystem.replace(path, with: Array(text.utf8))
        return path
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

    private func render(_ files: [String], to output: String? = nil) -> Int32 {
        RenderCommand.execute(
            RenderOptions(files: files, outputDirectory: output), output: printed.sink)
    }

    @Test("Machines of all files are printed as one stream of documents")
    func printing() throws {
        let files = [try file("a.yaml", cluster("a", replicas: 3)), try file("b.yaml", cluster("b"))]
        #expect(render(files) == 0)
        let documents = printed.output.split(separator: "---\n")
        #expect(documents.count == 4)
        #expect(documents.first?.hasPrefix("apiVersion: vitistack.io/v1alpha1\nkind: Machine\n") == true)
        #expect(documents.last?.contains("name: b-cp-0\n") == true)
        #expect(printed.errors == "")
    }

    @Test("with a directory there is a file for each Machine, and nothing is printed")
    func writing() throws {
        let output = "\(directory.path)/deep/out"
        #expect(render([try file("a.yaml", cluster("a", replicas: 3))], to: output) == 0)
        #expect(try FileSystem.list("\(output)/a") == ["a-cp-0.yaml", "a-cp-1.yaml", "a-cp-2.yaml"])
        let text = String(
            decoding: try FileSystem.read("\(output)/a/a-cp-1.yaml", limit: 1 << 20), as: UTF8.self)
        #expect(text.contains("name: a-cp-1\n"))
        #expect(printed.output == "")
    }

    @Test("one bad file keeps the good one from being printed; each problem is a line")
    func problems() throws {
        let bad = try file("bad.yaml", cluster("bad", replicas: 2))
        #expect(render([try file("good.yaml", cluster("good")), bad, "/nowhere.yaml"]) == 1)
        #expect(printed.output == "")
        let lines = printed.errors.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first == "\(bad): spec.controlPlane.replicas: must be 1, 3, 5 or 7, not 2")
        #expect(lines.last?.contains("/nowhere.yaml") == true)
    }

    @Test("a file that is no YAML is named with the place of the mistake")
    func syntax() throws {
        let path = try file("broken.yaml", "spec: [\n")
        #expect(render([path]) == 1)
        #expect(printed.errors.hasPrefix("\(path): "))
        #expect(printed.errors.contains("line "))
    }

    @Test("a file of 100 MiB is refused by its size, before it is read")
    func huge() throws {
        let path = try file("huge.yaml", "")
        #expect(truncate(path, 100 << 20) == 0)
        #expect(render([path]) == 1)
        #expect(printed.errors == "cannot read \(path): larger than the limit of 16777216 bytes\n")
    }

    @Test("a cluster that names another place is not written there")
    func leadsOut() throws {
        let odd = cluster("a").replacing("{name: a}", with: "{name: a, namespace: /../../x}")
        #expect(render([try file("a.yaml", cluster("a") + "---\n" + odd)], to: "\(directory.path)/out") == 1)
        #expect(printed.errors.contains("metadata.namespace: must be a DNS-1123 label"))
        #expect(try FileSystem.list(directory.path) == ["a.yaml"])
    }

    @Test("a directory that cannot be written is an error")
    func unwritable() throws {
        let blocked = try file("blocked", "")
        #expect(render([try file("a.yaml", cluster("a"))], to: blocked) == 1)
        #expect(printed.errors.contains(blocked))
    }
}
