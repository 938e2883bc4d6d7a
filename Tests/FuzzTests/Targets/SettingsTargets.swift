// SPDX-License-Identifier: Apache-2.0
@testable import TalosOperator

extension FuzzTarget {
    static let settings = [
        FuzzTarget(
            "duration", words: ["h", "m", "s", "ms", "us", "µs", "ns", ".", "9999999999", "-1"], duration),
        FuzzTarget(
            "command-line", words: ["--", "=", "run", "render", "-f"] + Setting.all.map { "--\($0.flag)" }
        ) {
            bytes in
            let parts = bytes.parts.map(\.text)
            var environment: [String: String] = [:]
            for (setting, text) in zip(Setting.all, parts) {
                if let variable = setting.variable { environment[variable] = text }
            }
            for variables in [environment, [:]] {
                do throws(UsageError) {
                    _ = try CommandParser.parse(parts, environment: variables)
                } catch {
                    try require(!error.description.isEmpty, "says what is wrong")
                }
            }
        },
    ]

    /// A duration is printed and reads back as the same.
    private static func duration(_ bytes: [UInt8]) throws {
        guard let duration = GoDuration.parse(bytes.text) else { return }
        try require(duration >= .zero, "\(duration) is not negative")
        let text = GoDuration.text(duration)
        // Numbers of more than 15 digits are read to the nearest double.
        guard let again = GoDuration.parse(text) else { throw Violation(description: "\(text) reads back") }
        try require(again == duration, "\(bytes.text) became \(text)")
    }
}
