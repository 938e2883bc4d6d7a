// SPDX-License-Identifier: Apache-2.0

/// What is wrong, or doubtful, about one field of a document.
package struct FieldProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where, as in `spec.workers[1].name`.
    package let path: String
    /// What is wrong and what is allowed, as in `must be 1, 3, 5 or 7, not 4`.
    package let problem: String

    package init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    package var description: String { "\(path): \(problem)" }
}

/// Gathers what is wrong with a document, so that all of it can be said at once.
final class ProblemCollector {
    /// Nobody reads more, and a hostile document could have a million.
    static let limit = 100

    private(set) var problems: [FieldProblem] = []
    private(set) var warnings: [FieldProblem] = []

    /// Takes a problem once, however often the field is read.
    func report(_ problem: FieldProblem) {
        guard problems.count < Self.limit, !problems.contains(problem) else { return }
        problems.append(problem)
    }

    func warn(_ warning: FieldProblem) {
        warnings.append(warning)
    }
}
