// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import StructuredData

/// Where a test of a fault says what it measured, as a row of the fault table in the documentation.
///
/// Nothing depends on what was measured: a test fails by its expectations alone.
package enum FaultReport {
    /// A number with its unit, or words.
    package enum Measurement: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
        case duration(Duration)
        case count(Int)
        case bytes(Int)
        case text(String)

        package init(integerLiteral count: Int) { self = .count(count) }
        package init(stringLiteral text: String) { self = .text(text) }
    }

    /// Reports a row as a line `FAULT {json}` on standard output, and in the file that `FAULT_REPORT` names, if it does.
    ///
    /// - Parameters:
    ///   - row: The name of the row, in small letters with dashes. Write it as a literal behind `row:`, so that
    ///     `hack/fault-table.py` finds it; it may be reported more than once, and the last report counts.
    ///   - fault: What goes wrong, a sentence.
    ///   - promise: What holds all the same, a sentence.
    ///   - measured: Names and values, in the order in which the table shows them.
    ///   - test: The function that shows it.
    package static func record(
        row: String, fault: String, promise: String, measured: KeyValuePairs<String, Measurement>,
        test: String = #function
    ) {
        let line = String(
            decoding: document(row, fault, promise, measured, test, FaultForm.current).encoded(),
            as: UTF8.self)
        print("FAULT \(line)")
        guard let path = Repository.environment["FAULT_REPORT"], !path.isEmpty else { return }
        append("\(line)\n", to: path)
    }

    /// The JSON form of a row.
    private static func document(
        _ row: String, _ fault: String, _ promise: String, _ measured: KeyValuePairs<String, Measurement>,
        _ test: String, _ form: FaultForm
    ) -> JSONValue {
        [
            "row": .string(row), "form": .string(form.rawValue), "fault": .string(fault),
            "promise": .string(promise),
            "measured": .array(
                measured.map { name, value in
                    ["name": .string(name), "value": value.json, "unit": .string(value.unit)]
                }),
            "test": .string(String(test.prefix { $0 != "(" })),
        ]
    }

    /// One call of `write` to a file opened to append, so that test processes do not mix their lines.
    private static func append(_ line: String, to path: String) {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            return print("FAULT_REPORT: cannot open \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        let bytes = Array(line.utf8)
        let count = Glibc.write(descriptor, bytes, bytes.count)
        if count != bytes.count { print("FAULT_REPORT: cannot write \(path)") }
    }
}

extension FaultReport.Measurement {
    fileprivate var json: JSONValue {
        switch self {
        case .duration(let duration): .double((duration.seconds * 1000).rounded() / 1000)
        case .count(let count), .bytes(let count): .integer(Int64(count))
        case .text(let text): .string(text)
        }
    }

    fileprivate var unit: String {
        switch self {
        case .duration: "s"
        case .bytes: "B"
        case .count, .text: ""
        }
    }
}
