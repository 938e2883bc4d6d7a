// SPDX-License-Identifier: Apache-2.0
import Platform

/// The table below a heading of a Markdown file of the repository.
package struct MarkdownTable {
    /// The cells of each row but those of the head, without the marks of code.
    package let rows: [[String]]

    /// Reads the first table whose head begins with `column`; no rows if there is none.
    package init(of file: String, column: String) throws {
        let text = String(
            decoding: try FileSystem.read("\(Repository.root)/\(file)", limit: 1 << 20), as: UTF8.self)
        let table = text.split(separator: "\n", omittingEmptySubsequences: false)
            .drop { !$0.hasPrefix("| \(column) |") }
            .prefix { $0.hasPrefix("|") }
        rows = table.dropFirst(2).map { line in
            line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map { cell in
                Self.trimmed(cell.filter { $0 != "`" })
            }
        }
    }

    private static func trimmed(_ text: String) -> String {
        let front = text.drop { $0 == " " }
        return String(front.reversed().drop { $0 == " " }.reversed())
    }
}
