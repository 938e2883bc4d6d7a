// SPDX-License-Identifier: Apache-2.0

/// How a `Manager` ended.
package struct ManagerOutcome: Sendable, Hashable {
    /// Why a runnable stopped the program.
    package struct Failure: Sendable, Hashable, CustomStringConvertible {
        /// The runnable.
        package var name: String
        package var reason: String

        package var description: String { "\(name): \(reason)" }
    }

    /// In the order in which they came; the first is what stopped the program.
    package var failures: [Failure] = []
    /// What had not returned when the grace period was over.
    package var stillRunning: [String] = []

    /// Whether the program ended because it was asked to, and in good order.
    package var isClean: Bool { failures.isEmpty && stillRunning.isEmpty }
    /// What the process is to return: 0 if the end was clean, otherwise 1.
    package var exitCode: Int32 { isClean ? 0 : 1 }
}

extension ManagerOutcome: CustomStringConvertible {
    package var description: String {
        guard !isClean else { return "stopped" }
        var parts = failures.map(\.description)
        if !stillRunning.isEmpty {
            parts.append("still running after the grace period: \(stillRunning.joined(separator: ", "))")
        }
        return parts.joined(separator: "; ")
    }
}
