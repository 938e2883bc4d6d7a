// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

/// A configuration while layers are laid over it.
struct PartialConfig: Sendable {
    private(set) var configuration: MachineConfiguration
    private var warnings: [ConfigProblem] = []

    init(_ configuration: MachineConfiguration) {
        self.configuration = configuration
    }

    mutating func apply(_ patch: ConfigPatch) throws(ConfigProblems) {
        warnings += try configuration.apply(patch)
    }

    /// The configuration as it is to be stored, after Talos' own rules have been held against it.
    ///
    /// - Throws: everything that Talos would refuse, and an install image that is not the schematic's.
    func finish(
        machine: String, _ spec: ClusterSpec, layers: LayerNames
    ) throws(ConfigProblems) -> RenderedConfig {
        let validation = ConfigValidation(
            configuration, mode: spec.validationMode, sources: layers.names,
            secretLayers: Set(layers.secret.map { UInt16(clamping: $0) }))
        let errors = validation.errors + imageProblems(spec, layers)
        guard errors.isEmpty else { throw ConfigProblems(errors.map(\.withoutFirstDocument)) }
        return RenderedConfig(
            machine: machine, configuration: configuration,
            warnings: warnings + validation.warnings.map(\.withoutFirstDocument),
            layerNames: layers.names, secretLayers: layers.secret)
    }

    /// Another image than the schematic's would be installed without complaint, and without its extensions.
    private func imageProblems(_ spec: ClusterSpec, _ layers: LayerNames) -> [ConfigProblem] {
        guard let installer = spec.installer else { return [] }
        let image = configuration["machine", "install", "image"]
        guard
            var problem = installer.problem(with: image?.string ?? "", schematic: spec.schematic?.schematic)
        else { return [] }
        if let origin = image?.origin {
            problem.source = layers[origin]
            problem.line = origin.line > 0 ? Int(origin.line) : nil
        }
        return [problem]
    }
}

extension ConfigProblem {
    /// The same without saying that it is in the first document: most layers have no other, and then it says nothing.
    fileprivate var withoutFirstDocument: ConfigProblem {
        var problem = self
        if document == 1 { problem.document = nil }
        return problem
    }
}
