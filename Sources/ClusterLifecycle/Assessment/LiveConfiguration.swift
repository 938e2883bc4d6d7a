// SPDX-License-Identifier: Apache-2.0
import StructuredData
package import Talos

/// Reads the configuration that a node has.
package enum LiveConfiguration {
    /// Reads `text` as the node's release of Talos does, and passes over what is not known here.
    ///
    /// A node may be newer than this program, or have fields that were put there for it. What is passed over is not
    /// compared.
    package static func read(
        _ text: String, talos: TalosVersion
    ) throws(ConfigProblems) -> MachineConfiguration {
        let supported = TalosVersion.supported
        let version = min(max(talos, supported.lowerBound), supported.upperBound)
        var nodes: [YAMLNode?]
        do throws(YAMLError) {
            nodes = try YAML.nodes(Array(text.utf8), limits: MachineConfiguration.limits)
        } catch {
            throw ConfigProblems(ConfigProblem(source: source, yaml: error))
        }
        // Problems are reported a hundred at a time.
        for _ in 0..<4 {
            do throws(ConfigProblems) {
                return try MachineConfiguration(decoding: nodes, source: source, version: version)
            } catch {
                nodes = without(error.problems, nodes)
            }
        }
        return try MachineConfiguration(decoding: nodes, source: source, version: version)
    }

    private static let source = "live configuration"
    /// Where a problem of a document as a whole is reported.
    private static let whole: Set<FieldPath> = [
        .root, FieldPath("kind"), FieldPath("apiVersion"), FieldPath("name"),
    ]

    private static func without(_ problems: [ConfigProblem], _ nodes: [YAMLNode?]) -> [YAMLNode?] {
        nodes.enumerated().map { index, node in
            let paths = Set(problems.filter { $0.document ?? 1 == index + 1 }.map(\.path))
            return paths.isDisjoint(with: whole) ? node.map { without(paths, $0, at: .root) } : nil
        }
    }

    private static func without(_ paths: Set<FieldPath>, _ node: YAMLNode, at path: FieldPath) -> YAMLNode {
        guard !paths.isEmpty else { return node }
        var copy = node
        switch node.content {
        case .scalar: break
        case .map(let members):
            copy.content = .map(
                members.filter { !paths.contains(path.appending($0.key)) }.map {
                    YAMLNode.Member(
                        key: $0.key, keyLine: $0.keyLine,
                        value: without(paths, $0.value, at: path.appending($0.key)))
                })
        case .list(let elements):
            copy.content = .list(
                elements.enumerated().filter { !paths.contains(path.appending($0.offset)) }
                    .map { without(paths, $0.element, at: path.appending($0.offset)) })
        }
        return copy
    }
}
