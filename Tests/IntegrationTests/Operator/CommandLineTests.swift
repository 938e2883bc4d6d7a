// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Operator: command line", .timeLimit(.minutes(15)))
struct CommandLineTests {
    /// Runs the program to its end, with standard input from a file.
    private func run(
        _ arguments: String..., input: String = "/dev/null", environment: [String: String] = [:]
    ) async throws -> (status: Subprocess.Ending, lines: [String]) {
        let line = "input=$1; shift; exec \"$0\" \"$@\" <\"$input\""
        let process = try Subprocess(
            ["/bin/sh", "-c", line, Repository.operatorBinary, input] + arguments, environment: environment)
        return (await process.ending(), process.lines)
    }

    @Test(
        "version and help say what they should, with status 0",
        arguments: [
            (["version"], "talos-operator "), (["--help"], "Usage: talos-operator [run] [flags]"),
            (["run", "--help"], "--reconcile-interval"), (["render", "--help"], "--filename"),
            (["version", "--help"], "Usage: talos-operator version"),
        ])
    func information(_ arguments: [String], _ text: String) async throws {
        let process = try Subprocess([Repository.operatorBinary] + arguments)
        #expect(await process.ending() == .exited(0))
        #expect(process.lines.contains { $0.contains(text) })
    }

    @Test(
        "a wrong command line ends with status 2 and names what is wrong",
        arguments: [
            (["--nonsense"], "--nonsense"), (["nonsense"], "nonsense"), (["render"], "-f FILE"),
            (["run", "--reconcile-interval", "often"], "--reconcile-interval"),
            (["--max-concurrent-reconciles=0"], "from 1 to 256"), (["--log-level", "loud"], "loud"),
            (["--leader-election-lease-duration=5s"], "longer than the renew deadline"),
        ])
    func wrongArguments(_ arguments: [String], _ text: String) async throws {
        let process = try Subprocess([Repository.operatorBinary] + arguments)
        #expect(await process.ending() == .exited(2))
        #expect(process.lines.contains { $0.contains(text) }, "\(process.lines)")
    }

    @Test("a wrong variable ends the start and is named with its value and what is allowed")
    func wrongVariable() async throws {
        let result = try await run("run", environment: ["RECONCILE_INTERVAL": "30 seconds"])
        #expect(result.status == .exited(2))
        let text = result.lines.joined()
        #expect(text.contains("RECONCILE_INTERVAL") && text.contains("30 seconds") && text.contains("1m30s"))
    }

    @Test("a kubeconfig that is not there ends the start with status 1 and its path")
    func missingKubeconfig() async throws {
        let result = try await run("run", "--kubeconfig", "/nonexistent/kubeconfig")
        #expect(result.status == .exited(1))
        #expect(result.lines.joined().contains("/nonexistent/kubeconfig"))
    }

    @Test("render writes what the operator writes, byte for byte")
    func renderEqualsOperator() async throws {
        try await Scenario.run("render") { scenario in
            let process = try scenario.startOperator()
            let document = ClusterDocument("app", controlPlane: 3, workers: [("w", 2), ("x", 1)])
            try await scenario.create(document)
            let cluster = try await scenario.complete("app")
            let directory = try TemporaryDirectory.make()
            let file = "\(directory)/cluster.json"
            try FileSystem.replace(file, with: cluster.document.encoded())
            let result = try await run("render", "-f", file, "-o", "\(directory)/out")
            #expect(result.status == .exited(0), "\(result.lines)")
            for machine in document.machineNames {
                let rendered = try FileSystem.read("\(directory)/out/app/\(machine).yaml", limit: 1 << 20)
                let written = try FileSystem.read(
                    "\(process.resultsPath)/app/\(machine).yaml", limit: 1 << 20)
                #expect(rendered == written, "\(machine)")
            }
            let printed = try await run("render", "-f", "-", input: file)
            #expect(printed.status == .exited(0))
            let documents = try YAML.documents(Array(printed.lines.joined(separator: "\n").utf8))
            #expect(documents.count == document.machineNames.count)
            _ = await (try Subprocess(["/bin/rm", "-r", directory])).ending()
        }
    }

    @Test("render prints what kubectl can apply")
    func renderedForKubectl() async throws {
        try await Scenario.run("apply-rendered") { scenario in
            let directory = try TemporaryDirectory.make()
            let result = try await run(
                "render", "-f", "\(Repository.root)/examples/full-cluster.yaml", "-o", directory)
            #expect(result.status == .exited(0))
            try await scenario.controlPlane.kubectl(
                "apply", "-n", scenario.namespace, "-f", "\(directory)/full-cluster")
            let machines = try await scenario.machines()
            #expect(machines.count == 6)
            #expect(machines.contains { $0.spec("serial") == 9_007_199_254_740_991 })
            _ = await (try Subprocess(["/bin/rm", "-r", directory])).ending()
        }
    }

    @Test("render tells every problem on a line with file and field, and writes nothing")
    func renderProblems() async throws {
        let directory = try TemporaryDirectory.make()
        var document = ClusterDocument("bad", controlPlane: 2, workers: [("cp", 1), ("a", 1), ("a", 1)])
        document.more = InvalidSpecificationTests.overlap
        let file = "\(directory)/bad.json"
        try FileSystem.replace(file, with: document.json.encoded())
        let result = try await run("render", "-f", file, "-o", "\(directory)/out")
        #expect(result.status == .exited(1))
        #expect(result.lines.count >= 4)
        #expect(result.lines.allSatisfy { $0.hasPrefix("\(file): spec.") }, "\(result.lines)")
        for field in ["spec.controlPlane.replicas", "spec.workers[0].name", "spec.workers[2].name"] {
            #expect(result.lines.contains { $0.contains("\(field): ") })
        }
        #expect(try FileSystem.list(directory) == ["bad.json"])

        let missing = try await run("render", "-f", "\(directory)/missing.yaml")
        #expect(missing.status == .exited(1))
        #expect(missing.lines.joined().contains("missing.yaml"))
        _ = await (try Subprocess(["/bin/rm", "-r", directory])).ending()
    }
}
