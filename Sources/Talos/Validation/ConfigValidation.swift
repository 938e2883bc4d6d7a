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
        let documents = configuration.documents.map {
            ($0, ConfigField(root: $0.root, path: Self.path(of: $0)))
        }
        let scope = ValidationScope(configuration, documents, mode: mode, secretLayers: secretLayers)
        var findings = ConfigFindings(sources: sources)
        for (document, field) in documents {
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
}

extension ValidationScope {
    fileprivate init(
        _ configuration: MachineConfiguration, _ documents: [(ConfigDocument, ConfigField)],
        mode: ValidationMode, secretLayers: Set<UInt16>
    ) {
        version = configuration.version
        self.mode = mode
        self.secretLayers = secretLayers
        machine = documents.first { $0.0.kind.kind == nil }?.1
        self.documents = Dictionary(grouping: documents.filter { $0.0.kind.kind != nil }) { document, _ in
            document.kind.kind ?? ""
        }.mapValues { $0.map(\.1) }
        let section = machine?["machine"]
        switch section?["type"].text {
        case "init", "controlplane": role = .controlPlane
        case "", "join", "worker": role = section?.isSet == true ? .worker : nil
        default: role = nil
        }
    }
}
