// SPDX-License-Identifier: Apache-2.0
package import StructuredData

extension ConfigPatch {
    /// Reads a layer after its variables got values, keys included.
    ///
    /// A plain scalar that is one variable and nothing else takes the value with its type, a list or object too.
    /// Otherwise a text is put together, and read as what it was: as a string in quotes, as any plain scalar without.
    /// Of all documents together no more may come out than `MachineConfiguration.limits` allow.
    package init(
        _ layer: Layer, number: UInt16, version: TalosVersion, variables: Variables, allowsEmpty: Bool = false
    ) throws(ConfigProblems) {
        var substitution = VariableSubstitution(variables)
        try self.init(layer, number: number, version: version, allowsEmpty: allowsEmpty) {
            substitution.replace(in: &$0)
        }
    }
}

extension Variables {
    /// The documents of a layer with values for their variables; of all together no more than `limits`.
    package func substitute(
        in documents: [YAMLNode?], source: String, limits: YAMLLimits = MachineConfiguration.limits
    ) throws(ConfigProblems) -> [YAMLNode?] {
        var substitution = VariableSubstitution(self, limits: limits)
        var problems: [ConfigProblem] = []
        var results = documents
        for place in documents.indices {
            guard var document = documents[place] else { continue }
            for var problem in substitution.replace(in: &document) {
                problem.source = source
                problem.document = documents.count > 1 ? place + 1 : nil
                problems.append(problem)
            }
            results[place] = document
        }
        guard problems.isEmpty else { throw ConfigProblems(problems) }
        return results
    }

    /// Whether documents have variables whose value may differ from machine to machine; those of `data` do where
    /// machines have data of their own.
    package static func areAboutMachine(_ documents: [YAMLNode?], includingData: Bool = true) -> Bool {
        documents.contains { $0.map { isAboutMachine($0, includingData) } ?? false }
    }

    private static func isAboutMachine(_ node: YAMLNode, _ includingData: Bool) -> Bool {
        switch node.content {
        case .scalar(let scalar): mentionsMachine(scalar.text, includingData)
        case .list(let elements): elements.contains { isAboutMachine($0, includingData) }
        case .map(let members):
            members.contains {
                mentionsMachine($0.key, includingData) || isAboutMachine($0.value, includingData)
            }
        }
    }

    private static func mentionsMachine(_ text: String, _ includingData: Bool) -> Bool {
        guard VariableText.isWorthReading(text) else { return false }
        do throws(VariableText.Unclosed) {
            return try VariableText(text).names.contains { isAboutMachine($0, includingData: includingData) }
        } catch {
            return false  // Whoever substitutes is told.
        }
    }

    /// Whether a name is about one machine, so that its value may differ from machine to machine.
    private static func isAboutMachine(_ name: String, includingData: Bool) -> Bool {
        let first = name.prefix { $0 != "." }
        return first == "machine" || (includingData && first == "data")
    }
}
