// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Reads the content of one layer.
struct PatchReader {
    let source: String
    let number: UInt16
    let version: TalosVersion

    /// The first version of Talos that knows `$patch: delete`.
    private static let firstWithDeletes = TalosVersion(minor: 8)

    /// What the content comes to, and whether it has more than one document.
    func read(
        _ content: Layer.Content, substituting variables: ConfigPatch.Substitution?
    ) throws(ConfigProblems) -> (ConfigPatch.Body, isNumbered: Bool) {
        var documents = try nodes(of: content)
        if let variables { try substitute(variables, in: &documents) }
        guard documents.contains(where: { $0.map(Self.hasContent) ?? false }) else { return (.empty, false) }
        let isNumbered = documents.count > 1
        if let list = documents.firstIndex(where: { $0?.elements != nil }) {
            return (try operations(documents, at: list), isNumbered)
        }
        return (try strategic(documents), isNumbered)
    }

    private func nodes(of content: Layer.Content) throws(ConfigProblems) -> [YAMLNode?] {
        switch content {
        case .value(.string(let text)), .text(let text):
            do throws(YAMLError) {
                return try YAML.nodes(Array(text.utf8), limits: MachineConfiguration.limits)
            } catch {
                throw ConfigProblems(ConfigProblem(source: source, yaml: error))
            }
        case .value(let value):
            let node = YAMLNode(value)
            return node.isNull ? [] : [node]
        }
    }

    private func substitute(
        _ variables: ConfigPatch.Substitution, in documents: inout [YAMLNode?]
    ) throws(ConfigProblems) {
        var problems: [ConfigProblem] = []
        for place in documents.indices {
            guard var document = documents[place] else { continue }
            problems += variables(&document).map { located($0, in: place, of: documents.count) }
            documents[place] = document
        }
        guard problems.isEmpty else { throw ConfigProblems(problems) }
    }

    /// Whether a document is more than `{}`, `[]` or `version: v1alpha1`.
    private static func hasContent(_ document: YAMLNode) -> Bool {
        switch document.content {
        case .scalar: true
        case .list(let elements): !elements.isEmpty
        case .map(let members): members.contains { $0.key != "version" }
        }
    }

    private func located(_ problem: ConfigProblem, in place: Int, of count: Int) -> ConfigProblem {
        var problem = problem
        problem.source = source
        problem.document = count > 1 ? place + 1 : nil
        return problem
    }
}

extension PatchReader {
    private func strategic(_ documents: [YAMLNode?]) throws(ConfigProblems) -> ConfigPatch.Body {
        var problems: [ConfigProblem] = []
        var ofMachine: [ConfigPatch.Step] = []
        var ofOthers: [ConfigPatch.Step] = []
        for (place, document) in documents.enumerated() {
            guard let document, Self.hasContent(document) else { continue }
            do throws(ConfigProblems) {
                for step in try steps(document, at: place, of: documents.count) {
                    // As in Talos, deletes from the document without a kind come first of all, then what is merged
                    // into it; the rest follows as it is written.
                    switch step {
                    case .delete(_, .machine): ofMachine.insert(step, at: Self.deletes(ofMachine))
                    case .merge(let document) where document.identity == .machine: ofMachine.append(step)
                    default: ofOthers.append(step)
                    }
                }
            } catch {
                problems += error.problems
            }
        }
        guard problems.isEmpty else { throw ConfigProblems(problems) }
        return .strategic(ofMachine + ofOthers)
    }

    /// How many deletes stand at the beginning.
    private static func deletes(_ steps: [ConfigPatch.Step]) -> Int {
        steps.prefix { if case .delete = $0 { true } else { false } }.count
    }

    private func steps(
        _ document: YAMLNode, at place: Int, of count: Int
    ) throws(ConfigProblems) -> [ConfigPatch.Step] {
        guard case .map(let members) = document.content else {
            throw ConfigProblems(
                located(
                    ConfigProblem(
                        line: line(document), problem: "must be an object, or a list of operations"),
                    in: place, of: count))
        }
        let origin = Origin(layer: number, document: UInt16(clamping: place + 1))
        guard DeleteMarkers.isMarked(document) else {
            return [.merge(try decoded(document, at: place, of: count))]
        }
        guard version >= Self.firstWithDeletes else {
            throw ConfigProblems(
                located(
                    ConfigProblem(
                        line: line(document),
                        problem: "unknown key \"$patch\": Talos deletes from \(Self.firstWithDeletes) on, "
                            + "and this is for \(version)"),
                    in: place, of: count))
        }
        let markers = DeleteMarkers(document, origin: origin)
        var problems = markers.problems
        let identity = identity(members, line: line(document), markers, &problems)
        guard problems.isEmpty, let identity else {
            throw ConfigProblems(problems.map { located($0, in: place, of: count) })
        }
        var steps = markers.selectors.map { ConfigPatch.Step.delete($0, in: identity) }
        if let rest = markers.rest { steps.append(.merge(try decoded(rest, at: place, of: count))) }
        return steps
    }

    /// Which document the markers of a document of the layer are for.
    private func identity(
        _ members: [YAMLNode.Member], line: Int?, _ markers: DeleteMarkers, _ problems: inout [ConfigProblem]
    ) -> DocumentIdentity? {
        func text(_ key: String) -> String? {
            guard let member = members.first(where: { $0.key == key }),
                case .scalar(let scalar) = member.value.content,
                !scalar.text.isEmpty
            else { return nil }
            return scalar.text
        }
        guard let kind = text("kind") else {
            guard !markers.selectors.contains(where: \.isWholeDocument) else {
                problems.append(
                    ConfigProblem(
                        line: line,
                        problem: "missing kind in document for which $patch: delete is used; "
                            + "the machine configuration itself cannot be deleted"))
                return nil
            }
            return .machine
        }
        guard text("apiVersion") != nil else {
            problems.append(
                ConfigProblem(
                    line: line, problem: "missing apiVersion in document for which $patch: delete is used"))
            return nil
        }
        let isNamed = Schema.kind(kind)?.isNamed ?? true
        return .document(kind: kind, name: isNamed ? text("name") : nil)
    }

    /// Reads one document, whose number in messages is its place among all.
    private func decoded(_ document: YAMLNode, at place: Int, of count: Int) throws(ConfigProblems)
        -> ConfigDocument
    {
        var nodes: [YAMLNode?] = Array(repeating: nil, count: place)
        nodes.append(document)
        do throws(ConfigProblems) {
            let read = try MachineConfiguration(
                decoding: nodes, source: source, layer: number, version: version)
            guard let document = read.documents.first else {
                throw ConfigProblems(ConfigProblem(problem: "is no document"))
            }
            return document
        } catch {
            throw ConfigProblems(error.problems.map { located($0, in: place, of: count) })
        }
    }

    private func line(_ node: YAMLNode) -> Int? { node.line == 0 ? nil : node.line }
}
