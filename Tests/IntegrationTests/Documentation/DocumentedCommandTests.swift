// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport
import Testing

/// Every command of the documentation, run as it stands there by `hack/run-page.py`.
@Suite("Commands in the documentation", .serialized, .timeLimit(.minutes(20)))
struct DocumentedCommandTests {
    /// The pages about the commands of a laptop, whose blocks need no control plane.
    static let laptopPages = [
        "Laptop", "LaptopLifecycle", "Layers", "MovingFromTOPF", "MovingFromTalhelper", "Provenance",
        "Schematics",
        "TalosVersions",
        "Validation", "Variables",
    ].map { "Sources/TalosOperator/TalosOperator.docc/\($0).md" }

    /// Every page that has blocks of commands, by its path in the repository.
    static let pages: [String] = {
        let catalog = "Sources/TalosOperator/TalosOperator.docc"
        let folders = [".", "charts/talos-operator", "examples", catalog, "\(catalog)/Decisions"]
        let pages = folders.flatMap { folder in
            let names = (try? FileSystem.list("\(Repository.root)/\(folder)")) ?? []
            return names.filter { $0.hasSuffix(".md") }.sorted().map { "\(folder)/\($0)" }
        }
        return pages.filter { page in
            let bytes = (try? FileSystem.read("\(Repository.root)/\(page)", limit: 1 << 20)) ?? []
            return String(decoding: bytes, as: UTF8.self).contains("```sh\n")
        }
    }()

    @Test("there are pages with commands")
    func somePages() {
        #expect(Self.pages.contains("./README.md"))
        #expect(Self.pages.count > 2, "\(Self.pages)")
        #expect(Set(Self.laptopPages).subtracting(Self.pages).isEmpty)
    }

    /// Not with a sanitizer, which needs more memory than the chart gives.
    @Test(
        "every command of the page works as it stands there, on a clean control plane",
        .enabled(if: Sanitizer.current == nil), arguments: pages.filter { !laptopPages.contains($0) })
    func documentedCommands(_ page: String) async throws {
        let run = try await runPage("\(Repository.root)/\(page)")
        #expect(run.ending == .exited(0), "\(run.output)")
    }

    @Test(
        "every command of a page about the laptop works as it stands there, without any cluster",
        .enabled(if: Sanitizer.current == nil), arguments: laptopPages)
    func laptopCommands(_ page: String) async throws {
        let run = try await runPage("\(Repository.root)/\(page)", "--no-cluster")
        #expect(run.ending == .exited(0), "\(run.output)")
    }

    @Test(
        "a page that is wrong is reported with its line",
        arguments: [
            ("```sh\ntrue\n\nkubectl get nothing\n```\n", ":4: exit code 1: kubectl get nothing"),
            ("<!-- not run: it takes long -->\n```sh\nmake no-such-target\n```\n", "no-such-target"),
            ("<!-- not run: -->\n```sh\ntrue\n```\n", ":1: 'not run:' says nothing"),
            ("<!-- not run -->\n```sh\ntrue\n```\n", ":1: what does this comment mean?"),
            ("<!-- not run: slow -->\n\ntext\n", ":3: 'not run' must stand directly above an sh block"),
            ("<!-- not run: slow -->\n```yaml\n```\n", ":2: 'not run' stands above a block that is not sh"),
            ("<!-- setup: nothing -->\n", ":1: no setup 'nothing'"),
            ("<!-- fails: not found -->\n```sh\ntrue\n```\n", "this was to fail"),
            ("<!-- background: ready -->\n```sh\necho steady\n```\n", "it ended without \"ready\""),
            ("```bash\ntrue\n```\n", ":1: a block of bash: write sh"),
            ("```sh\ntrue\n", "the page ends too early"),
        ])
    func wrongPage(_ text: String, _ report: String) async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/Page.md"
        try FileSystem.replace(path, with: Array(text.utf8), mode: 0o644)
        let run = try await runPage(path)
        #expect(run.ending == .exited(1))
        #expect(run.output.contains(report), "\(run.output)")
    }

    private func runPage(
        _ path: String, _ options: String...
    ) async throws -> (ending: Subprocess.Ending, output: String) {
        let process = try Subprocess(
            ["\(Repository.root)/hack/run-page.py", "--binary", Repository.operatorBinary] + options + [path],
            environment: Repository.environment)
        return (await process.ending(), process.lines.joined(separator: "\n"))
    }
}
