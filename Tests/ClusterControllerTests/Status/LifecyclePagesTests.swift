// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import TestSupport
import Testing

@testable import ClusterController

/// Whoever is sent to a page by a word of a status has to find it there.
@Suite("The pages about the lifecycle")
struct LifecyclePagesTests {
    private static let pages = "Sources/TalosOperator/TalosOperator.docc"

    @Test(
        "every reason for a halt has a section, in the order of the code, and says what to look at and how it ends"
    )
    func halts() throws {
        let path = "\(Repository.root)/\(Self.pages)/Halts.md"
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        let sections = text.split(separator: "\n## ").dropFirst().filter { !$0.hasPrefix("Overview") }
        let titles = sections.map { String($0.prefix { $0 != "\n" }) }
        #expect(titles == HaltReason.allCases.map(\.rawValue))
        for section in sections {
            #expect(
                section.contains("\n- **Look at**: ") && section.contains("\n- **It ends**: "), "\(section)")
        }
    }

    @Test("every state has a row, in the order of the code")
    func states() throws {
        let rows = try MarkdownTable(of: "\(Self.pages)/Lifecycle.md", column: "state").rows
        #expect(rows.map { $0[0] } == LifecycleReport.State.allCases.map(\.rawValue))
    }

    @Test("every annotation of a cluster that people or the lifecycle use has a row")
    func annotations() throws {
        let rows = try MarkdownTable(of: "\(Self.pages)/Lifecycle.md", column: "annotation").rows
        #expect(
            rows.map { "cluster.vitistack.io/\($0[0])" } == [
                APINames.approvedPlanAnnotation, APINames.resumeAnnotation, APINames.pausedAnnotation,
                APINames.deletionProtectionAnnotation, APINames.skipResetAnnotation,
                APINames.bootstrappedAnnotation, APINames.configContractAnnotation,
            ])
    }
}
