// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

/// Whoever searches the page for a word that the operator has used has to find it.
@Suite("The page about troubles")
struct TroubleshootingPageTests {
    private static let page = "Sources/TalosOperator/TalosOperator.docc/Troubleshooting.md"

    private func rows(_ column: String) throws -> [[String]] {
        try MarkdownTable(of: Self.page, column: column).rows
    }

    /// The text of a source file without its line breaks.
    private func source(_ path: String) throws -> Substring {
        Substring(String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self))
    }

    private func sources(below path: String) throws -> [Substring] {
        try FileSystem.list(path).flatMap { name in
            if name.hasSuffix(".swift") { return [try source("\(path)/\(name)")] }
            return name.contains(".") ? [] : try sources(below: "\(path)/\(name)")
        }
    }

    @Test("every reason of a condition has a row, and no row has another")
    func reasons() throws {
        let file = "\(Repository.root)/Sources/ClusterController/Status/ConditionReason.swift"
        let constants = try source(file).matches(of: /static let \w+ = "(\w+)"/).map { String($0.1) }
        let rows = try rows("condition")
        #expect(!constants.isEmpty && Set(rows.map { $0[2] }) == Set(constants))
        #expect(Set(rows.map { $0[0] }) == Set(ConditionType.allCases.map(\.rawValue)))
        #expect(rows.allSatisfy { $0.count == 6 && !$0[4].isEmpty && !$0[5].isEmpty })
    }

    @Test("it agrees with the page about reconciling on what goes with what")
    func pairs() throws {
        let reconciling = "Sources/TalosOperator/TalosOperator.docc/Reconciling.md"
        let expected = try MarkdownTable(of: reconciling, column: "condition").rows.flatMap { row in
            row[1].split(separator: ", ").map { "\(row[0]) \($0)" }
        }
        #expect(try rows("condition").map { "\($0[0]) \($0[2])" }.sorted() == expected.sorted())
    }

    @Test("the Events are those that a flip to each of these conditions brings")
    func events() throws {
        for row in try rows("condition") {
            let type = try #require(ConditionType(rawValue: row[0]))
            let turned: Condition.Status = row[1] == "True" ? .true : .false
            let announcements = Announcement.all(
                from: status(type, turned == .true ? .false : .true, "Before"),
                to: status(type, turned, row[2]))
            let expected = row[3] == "none" ? [] : ["\(row[3]) \(row[2])"]
            // What follows from another condition is told with that.
            let isConsequence = type == .ready && row[2] == ConditionReason.validationFailed
            #expect(
                isConsequence || announcements.map { "\($0.type.rawValue) \($0.reason)" } == expected,
                "\(row)")
        }
    }

    private func status(_ type: ConditionType, _ status: Condition.Status, _ reason: String) -> ClusterStatus
    {
        var result = ClusterStatus()
        result.conditions[type] = Condition(
            type: type.rawValue, status: status, reason: reason, message: reason, observedGeneration: 1,
            lastTransitionTime: Fixture.noon)
        return result
    }

    @Test("every warning and every error of the log has a row, and every row is one")
    func messages() throws {
        var found: Set<String> = []
        for text in try sources(below: "\(Repository.root)/Sources") {
            for match in text.matches(of: /logger\.(warning|error)\(\s*"([^"]+)"/) {
                found.insert("\(match.1) \(match.2)")
            }
        }
        #expect(found.count > 10)
        #expect(Set(try rows("level").map { "\($0[0]) \($0[1])" }) == found)
    }

    @Test("every kind of error has a row")
    func errors() throws {
        let text = try source("\(Repository.root)/Sources/ClusterController/Metrics/ClusterMetrics.swift")
        let list = try #require(text.firstMatch(of: /errorTypes = \[([^\]]+)\]/)).1
        let types = list.matches(of: /"(\w+)"/).map { String($0.1) }
        #expect(Set(try rows("error type").map { $0[0] }) == Set(types))
    }

    @Test("every check of a probe has a row")
    func checks() throws {
        let text = try source("\(Repository.root)/Sources/TalosOperator/Run/OperatorParts.swift")
        let found = text.matches(of: /checks\.add\("([\w-]+)", to: \.(\w+)\)/).map { match in
            "\(match.2 == "readiness" ? "/readyz" : "/healthz") \(match.1)"
        }
        #expect(!found.isEmpty)
        #expect(Set(try rows("probe").map { "\($0[0]) \($0[1])" }) == Set(found))
    }
}
