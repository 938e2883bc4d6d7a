// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// What rules found so far.
struct ConfigFindings: Sendable {
    /// The names of the layers, by the number that origins have.
    private let sources: [String]
    private(set) var errors: [ConfigProblem] = []
    private(set) var warnings: [ConfigProblem] = []

    init(sources: [String]) {
        self.sources = sources
    }

    /// Talos refuses the configuration for what is at `field`.
    mutating func error(_ field: ConfigField, _ problem: String) {
        guard errors.count < ConfigProblems.limit else { return }
        errors.append(finding(field, problem))
    }

    /// Talos takes what is at `field`, but it is doubtful.
    mutating func warning(_ field: ConfigField, _ problem: String) {
        guard warnings.count < ConfigProblems.limit else { return }
        warnings.append(finding(field, problem))
    }

    private func finding(_ field: ConfigField, _ problem: String) -> ConfigProblem {
        let (layer, origin) = (Int(field.origin.layer), field.origin)
        return ConfigProblem(
            source: sources.indices.contains(layer) ? sources[layer] : "",
            document: origin.document == 0 ? nil : Int(origin.document),
            line: origin.line == 0 ? nil : Int(origin.line), path: field.path, problem: problem)
    }
}
