// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ControllerRuntime
import Observability
import Platform
import TestSupport
import Testing

@testable import TalosOperator

@Suite("What the documents say")
struct ReadmeTests {
    private static let pages = "Sources/TalosOperator/TalosOperator.docc"

    private func text(_ file: String) throws -> String {
        String(decoding: try FileSystem.read("\(Repository.root)/\(file)", limit: 1 << 20), as: UTF8.self)
    }

    @Test("the settings of the README are those of the program, in its order and words")
    func settings() throws {
        let expected = Setting.all.map { setting in
            ["--\(setting.flag)", setting.variable ?? "", setting.defaultText, setting.help]
        }
        #expect(try MarkdownTable(of: "README.md", column: "flag").rows == expected)
    }

    @Test("the README lists the metrics of the specification, with type and labels")
    func ownMetrics() throws {
        let rows = try MarkdownTable(of: "README.md", column: "metric").rows
        #expect(rows.map { Array($0.prefix(3)) } == ClusterMetricTable.specified.map(Self.row))
    }

    @Test("the page about metrics lists every one, with type, labels and help")
    func allMetrics() throws {
        let rows = try MarkdownTable(of: "\(Self.pages)/Metrics.md", column: "metric").rows
        let tables =
            ClusterMetricTable.definitions + BuildMetrics.definitions + RuntimeMetricTable.all
            + CertificateMetricTable.definitions
            + ProcessMetrics.definitions
        #expect(rows == tables.map { Self.row($0) + [$0.help] })
    }

    private static func row(_ definition: MetricDefinition) -> [String] {
        [definition.name, definition.kind.rawValue, definition.labels.joined(separator: ", ")]
    }

    @Test("every page is reachable from the first, and every link leads to a page")
    func links() throws {
        let root = "\(Repository.root)/\(Self.pages)"
        let files = try FileSystem.list(root) + FileSystem.list("\(root)/Decisions")
        let names = Set(files.filter { $0.hasSuffix(".md") }.map { String($0.dropLast(3)) })
        let start = try links(in: "\(Self.pages)/TalosOperator.md")
        #expect(start == names.subtracting(["TalosOperator"]))
        for name in names {
            let folder = name.first?.isNumber == true ? "Decisions/" : ""
            let unknown = try links(in: "\(Self.pages)/\(folder)\(name).md").subtracting(names)
            #expect(unknown.isEmpty, "\(name): \(unknown)")
        }
    }

    private func links(in file: String) throws -> Set<String> {
        Set(try text(file).split(separator: "<doc:").dropFirst().map { String($0.prefix { $0 != ">" }) })
    }

    @Test("the types that the README sends a newcomer to exist")
    func readingOrder() throws {
        let readme = try text("README.md")
        let order = try #require(
            readme.split(separator: "\n\n").first { $0.contains("Read the code in this order") })
        let names = order.split(separator: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            .filter { !$0.contains(".") }
        #expect(names.count > 8)
        let sources = try swiftFiles(below: "\(Repository.root)/Sources")
        for name in names { #expect(sources.contains("\(name).swift"), "\(name)") }
    }

    private func swiftFiles(below path: String) throws -> Set<String> {
        var found: Set<String> = []
        for name in try FileSystem.list(path) {
            if name.hasSuffix(".swift") {
                found.insert(name)
            } else if !name.contains(".") {
                found.formUnion(try swiftFiles(below: "\(path)/\(name)"))
            }
        }
        return found
    }

    @Test("the make targets that the documents name exist")
    func makeTargets() throws {
        let makefile = try text("Makefile")
        let targets = Set(
            makefile.split(separator: "\n").filter { $0.hasPrefix(".PHONY: ") }.map { $0.dropFirst(8) })
        for file in ["README.md", "CHANGELOG.md", "\(Self.pages)/Testing.md"] {
            for use in try text(file).split(separator: "make ").dropFirst() {
                let name = use.prefix { $0.isLetter || $0 == "-" }
                // A word of a sentence, as in "to make one", is no target.
                guard use.dropFirst(name.count).hasPrefix("`") else { continue }
                #expect(targets.contains(name), "\(file): make \(name)")
            }
        }
    }
}
