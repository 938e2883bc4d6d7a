// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension MachineConfiguration {
    /// Lays a layer over this configuration, or leaves it as it is and says everything that is wrong.
    ///
    /// A document of the layer is merged into the one with its kind and name, and is added at the end if there is none.
    /// Deleting a document that is not there is no error, as in Talos: that one layer serves for configurations
    /// with and without it is what people want. It comes back as a warning instead, since a wrong name looks the same.
    /// Deleting something within a document that is not there is an error.
    ///
    /// `source` is what messages call the layer, if not by its own name. What comes back is no error, but may not be
    /// meant.
    @discardableResult
    package mutating func apply(
        _ patch: ConfigPatch, source: String? = nil
    ) throws(ConfigProblems) -> [ConfigProblem] {
        let source = source ?? patch.name
        switch patch.body {
        case .empty: return []
        case .operations(let operations):
            try apply(operations, of: patch.number, source: source)
            return []
        case .strategic(let steps):
            var merged = Merging(self, patch, source: source)
            merged.apply(steps)
            guard merged.problems.isEmpty else { throw ConfigProblems(merged.problems) }
            self = merged.configuration
            return merged.warnings
        }
    }
}

/// A strategic merge under way.
private struct Merging {
    private(set) var configuration: MachineConfiguration
    private(set) var problems: [ConfigProblem] = []
    private(set) var warnings: [ConfigProblem] = []

    private let patch: ConfigPatch
    private let source: String
    /// The documents that the layer is merged into; those that it adds itself are not among them.
    private var targets: Set<DocumentIdentity>

    init(_ configuration: MachineConfiguration, _ patch: ConfigPatch, source: String) {
        self.configuration = configuration
        self.patch = patch
        self.source = source
        targets = Set(configuration.documents.map(\.identity))
    }

    mutating func apply(_ steps: [ConfigPatch.Step]) {
        for step in steps {
            switch step {
            case .delete(let selector, let identity): delete(selector, in: identity)
            case .merge(let document): merge(document)
            }
        }
        if problems.isEmpty { check() }
    }

    /// What says which document it is.
    private static let identity = ["version", "apiVersion", "kind", "name"]

    private func place(of identity: DocumentIdentity) -> Int? {
        guard targets.contains(identity) else { return nil }
        return configuration.documents.firstIndex { $0.identity == identity }
    }

    private mutating func merge(_ document: ConfigDocument) {
        guard let place = place(of: document.identity) else {
            add(document)
            return
        }
        var merge = StrategicMerge(version: configuration.version)
        do throws(StrategicMerge.Mismatch) {
            try merge.merge(
                document.root, into: &configuration.documents[place].root, document.kind.type,
                identity: Self.identity)
        } catch {
            report(error.problem, error.path, error.origin, in: document.identity)
        }
    }

    private mutating func add(_ document: ConfigDocument) {
        if document.identity == .machine {
            configuration.documents.insert(document, at: 0)
        } else {
            configuration.documents.append(document)
        }
    }

    private mutating func delete(_ selector: DeleteSelector, in identity: DocumentIdentity) {
        guard let place = place(of: identity) else {
            if selector.isWholeDocument {
                warnings.append(
                    problem(
                        "$patch: delete: there is no \(identity) to delete", .root, selector.origin))
            } else {
                report(
                    "$patch: delete: lookup failed: there is no \(identity)", selector.path, selector.origin,
                    in: identity)
            }
            return
        }
        if selector.isWholeDocument {
            let document = configuration.documents.remove(at: place)
            targets.remove(identity)
            configuration.remember(document.root, at: ConfigPath(identity), removedBy: selector.origin)
            return
        }
        do throws(Deletion.Failure) {
            let type = configuration.documents[place].kind.type
            let deletion = Deletion(selector, version: configuration.version, isSecret: patch.isSecret)
            if let deleted = try deletion.apply(to: &configuration.documents[place].root, type) {
                let steps = selector.steps(ofElement: deleted.element)
                configuration.remember(
                    deleted.node, at: ConfigPath(identity, steps), removedBy: selector.origin)
            }
        } catch {
            report(
                "$patch: delete: failed to delete path '\(selector.pathText)': \(error.problem)",
                selector.path, selector.origin, in: identity)
        }
    }

    /// Checks what must not stand beside each other.
    private mutating func check() {
        for conflict in DocumentConflict.all(in: configuration.documents) {
            problems.append(problem(conflict.problem, .root, conflict.origin))
        }
    }

    private mutating func report(
        _ text: String, _ path: FieldPath, _ origin: Origin, in identity: DocumentIdentity
    ) {
        problems.append(problem(identity == .machine ? text : "\(identity): \(text)", path, origin))
    }

    private func problem(_ text: String, _ path: FieldPath, _ origin: Origin) -> ConfigProblem {
        // Lines of other layers mean nothing in this one.
        let isOwn = origin.layer == patch.number
        return ConfigProblem(
            source: source, document: isOwn && patch.isNumbered ? Int(origin.document) : nil,
            line: isOwn && origin.line > 0 ? Int(origin.line) : nil, path: path, problem: text)
    }
}
