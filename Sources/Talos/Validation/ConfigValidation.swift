// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// What Talos would say about a configuration, as `talosctl validate` finds it out: without the machine.
///
/// Whatever can only be known on the machine is not checked. Values are shown where that helps, never those of fields
/// that hold secrets or of layers that are secret.
package struct ConfigValidation: Sendable {
    /// Why Talos would refuse the configuration; at most `ConfigProblems.limit`.
    package private(set) var errors: [ConfigProblem]
    /// What Talos takes though it should be another; as many at most.
    package private(set) var warnings: [ConfigProblem]

    /// Checks a configuration for its version of Talos.
    ///
    /// `sources` are the names of its layers by their numbers, for messages; `isStrict` makes errors of warnings, as
    /// `talosctl validate --strict` does.
    package init(
        _ configuration: MachineConfiguration, mode: ValidationMode, sources: [String] = [],
        secretLayers: Set<UInt16> = [], isStrict: Bool = false
    ) {
        let scope = Self.scope(configuration, mode: mode, secretLayers: secretLayers)
        var findings = ConfigFindings(sources: sources)
        for document in configuration.documents {
            let field = ConfigField(root: document.root, path: Self.path(of: document))
            let rules = document.kind.kind.map { DocumentRules.kinds[$0] ?? [] } ?? DocumentRules.machine
            for rule in rules { rule.apply(to: field, scope, &findings) }
        }
        ConflictRules.check(scope, &findings)
        errors = findings.errors
        warnings = findings.warnings
        if isStrict {
            errors += warnings
            warnings = []
        }
    }

    /// Takes in what was found out elsewhere, such as a version of Kubernetes that Talos does not support.
    package mutating func add(errors: [ConfigProblem] = [], warnings: [ConfigProblem] = []) {
        self.errors += errors
        self.warnings += warnings
    }

    /// Fields of the document without a kind stand alone, others behind their document: `LinkConfig.eth0.mtu`.
    private static func path(of document: ConfigDocument) -> FieldPath {
        switch document.identity {
        case .machine: .root
        case .document(let kind, nil): FieldPath(kind)
        case .document(let kind, let name?): FieldPath(kind, name)
        }
    }

    /// What rules may know of a configuration.
    static func scope(
        _ configuration: MachineConfiguration, mode: ValidationMode, secretLayers: Set<UInt16> = []
    ) -> ValidationScope {
        var machine: ConfigField?
        var documents: [String: [ConfigField]] = [:]
        for document in configuration.documents {
            let field = ConfigField(root: document.root, path: path(of: document))
            if let kind = document.kind.kind {
                documents[kind, default: []].append(field)
            } else {
                machine = field
            }
        }
        return ValidationScope(
            version: configuration.version, mode: mode, role: machine.flatMap { role($0["machine"]) },
            machine: machine, documents: documents, secretLayers: secretLayers)
    }

    private static func role(_ machine: ConfigField) -> ValidationScope.Role? {
        switch machine["type"].text {
        case "init", "controlplane": .controlPlane
        case "", "join", "worker": machine.isSet ? .worker : nil
        default: nil
        }
    }
}
