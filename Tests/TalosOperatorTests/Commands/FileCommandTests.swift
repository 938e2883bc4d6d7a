// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

@Suite("Schematics, patches and differences on the command line")
struct FileCommandTests {
    private static let configuration = """
        version: v1alpha1
        machine:
            type: worker
            token: canary-1.token
            install:
                disk: /dev/sda
        cluster:
            controlPlane:
                endpoint: https://10.0.0.1:6443
        """
    private let bench: CommandBench

    init() throws {
        bench = try CommandBench()
    }

    @Test("the ID of a schematic is the Image Factory's, and an image can be named after it")
    func schematic() async throws {
        let file = try bench.file("s.yaml", "customization:\n  extraKernelArgs: [noapic, nolapic]\n")
        #expect(try await bench.run("schematic", "id", file) == 0)
        #expect(bench.printed == "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c\n")
        bench.clear()
        #expect(
            try await bench.run(
                "schematic", "id", file, "--installer", "1.12.3", "--platform", "aws", "--secureboot",
                "--factory", "factory.example") == 0)
        #expect(
            bench.printed
                == "factory.example/aws-installer-secureboot/9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c:v1.12.3\n"
        )
        #expect(
            try await bench.run("schematic", "id", file, "--installer", "v1.12.3", "--platform", "tin") == 1)
        #expect(bench.errors.hasPrefix("--platform: "))
        let wrong = try bench.file("w.yaml", "customisation: {}\n")
        #expect(try await bench.run("schematic", "id", wrong) == 1)
        #expect(bench.errors.contains("customisation"))
    }

    @Test("patches are files or texts, applied in their order")
    func patch() async throws {
        let file = try bench.file("c.yaml", Self.configuration)
        let layer = try bench.file("p.yaml", "machine:\n  install:\n    disk: /dev/vda\n")
        #expect(
            try await bench.run(
                "patch", file, "-p", "@\(layer)", "-p", "machine: {install: {wipe: true}}", "--patch",
                "[{\"op\": \"add\", \"path\": \"/machine/certSANs\", \"value\": [\"a.b\"]}]") == 0,
            "\(bench.errors)")
        #expect(bench.printed.contains("disk: /dev/vda\n"))
        #expect(bench.printed.contains("wipe: true\n"))
        #expect(bench.printed.contains("- a.b\n"))
        #expect(try await bench.run("patch", file, "-p", layer, "-o", "\(bench.path)/out.yaml") == 0)
        #expect(try bench.mode("out.yaml") == 0o600)
        #expect(try bench.text("out.yaml").contains("disk: /dev/vda\n"))
    }

    @Test(
        "a wrong patch is named with its line, and nothing is written",
        arguments: [
            ("machine:\n  instal: {}\n", "patch 1, line 2: machine.instal"),
            ("# nothing\n", "is empty"),
            ("machine: {kubelet: off}", "machine.kubelet"),
        ])
    func wrongPatch(patch: String, problem: String) async throws {
        let file = try bench.file("c.yaml", Self.configuration)
        #expect(try await bench.run("patch", file, "-p", patch, "-o", "\(bench.path)/out.yaml") == 1)
        #expect(bench.errors.contains(problem), "\(bench.errors)")
        #expect(try FileSystem.list(bench.path) == ["c.yaml"])
    }

    @Test("differences are told by meaning, without secrets, in colour where that is wanted")
    func diff() async throws {
        let old = try bench.file("a.yaml", Self.configuration)
        let other = Self.configuration.replacing("canary-1", with: "canary-2").replacing("sda", with: "vda")
        let new = try bench.file("b.yaml", other)
        let same = try bench.file("c.yaml", Self.configuration.replacing("    ", with: "  ") + "\n")
        #expect(try await bench.run("diff", old, same) == 0)
        #expect(bench.printed == "")
        #expect(try await bench.run("diff", old, new) == 1)
        #expect(bench.printed.contains("- /dev/sda\n+ /dev/vda\n"))
        #expect(bench.printed.contains("******"))
        #expect(!bench.printed.contains("canary"))
        #expect(!bench.printed.contains("\u{1B}["))
        #expect(try await bench.run("diff", old, new, "--color", "always") == 1)
        #expect(bench.printed.contains("\u{1B}["))
        #expect(try await bench.run("diff", old, "/nowhere.yaml") == 2)
        #expect(try await bench.run("diff", old, bench.path) == 2)
        #expect(bench.errors.contains("is a directory, the other is not"))
    }

    @Test("directories are compared file by file, and other files are passed over")
    func directories() async throws {
        try bench.file("x/talos/a.yaml", Self.configuration)
        try bench.file("x/talos/b.yaml", Self.configuration)
        try bench.file("x/machine.yaml", "kind: Machine\napiVersion: vitistack.io/v1alpha1\n")
        try bench.file("y/talos/a.yaml", Self.configuration)
        try bench.file("y/talos/c.yaml", Self.configuration)
        #expect(try await bench.run("diff", "\(bench.path)/x", "\(bench.path)/y") == 1)
        let headings = bench.printed.split(separator: "\n").filter { $0.hasPrefix("===") }
        #expect(headings == ["=== talos/b.yaml", "=== talos/c.yaml"])
        #expect(!bench.printed.contains("canary"))
    }

    @Test("validation says what talosctl would, and counts warnings if told so")
    func validation() async throws {
        let file = try bench.file("c.yaml", Self.configuration)
        #expect(try await bench.run("validate", file) == 1)
        let first = bench.errors
        #expect(first.contains("c.yaml"))
        #expect(!first.contains("canary"))
        let broken = try bench.file("d.yaml", "machine:\n  typ: worker\n")
        #expect(try await bench.run("validate", broken) == 1)
        #expect(
            bench.errors.contains("d.yaml, document 1, line 2: machine.typ")
                || bench.errors.contains("line 2"))
    }
}
