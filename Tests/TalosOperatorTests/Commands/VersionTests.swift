// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import TalosOperator

@Suite("Version")
struct VersionTests {
    @Test(
        "The text tells what the builder has told, and nothing else",
        arguments: [
            ("", 0, ""), ("abc", 0, " (commit abc)"), ("", 1, " (of 1970-01-01T00:00:01Z)"),
            ("abc-dirty", 1_732_204_800, " (commit abc-dirty of 2024-11-21T16:00:00Z)"),
            ("abc", Int64.max, " (commit abc)"),
        ])
    func text(revision: String, sourceDate: Int64, suffix: String) {
        let text = Version.text(revision: revision, sourceDate: sourceDate)
        #expect(text == "talos-operator \(Version.current)\(suffix)")
    }
}
