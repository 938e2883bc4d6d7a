// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport

/// config/prometheus/rules.yaml, read.
struct RuleFile {
    /// One rule; `name` is that of its alert or of what it records.
    struct Rule {
        var isAlert: Bool
        var name: String
        var expression: String
        var labels: [String: String]
        var annotations: [String: String]
    }

    static let path = "\(Repository.root)/config/prometheus/rules.yaml"

    let document: JSONValue
    let rules: [Rule]

    init() throws {
        document = try YAML.documents(FileSystem.read(Self.path, limit: 1 << 20)).first ?? .null
        rules = (document["groups"]?.array ?? []).flatMap { $0["rules"]?.array ?? [] }.map { rule in
            Rule(
                isAlert: rule["alert"] != nil, name: (rule["alert"] ?? rule["record"])?.string ?? "",
                expression: rule["expr"]?.string ?? "", labels: Self.texts(rule["labels"]),
                annotations: Self.texts(rule["annotations"]))
        }
    }

    var alerts: [Rule] { rules.filter(\.isAlert) }

    /// The names that rules record, with the labels that these have: those they are grouped by, and their own.
    var recorded: [(name: String, labels: Set<String>)] {
        rules.filter { !$0.isAlert }.map { rule in
            (rule.name, MetricExpression(rule.expression).groupingLabels.union(rule.labels.keys))
        }
    }

    private static func texts(_ value: JSONValue?) -> [String: String] {
        Dictionary(
            uniqueKeysWithValues: (value?.object?.members ?? []).map { ($0.key, $0.value.string ?? "") })
    }
}

/// Debian's promtool.
enum Promtool {
    /// Runs it; the output is what it says if it finds fault, otherwise nil.
    static func complaint(_ arguments: String...) async throws -> String? {
        let process = try Subprocess(
            [try CachedTool.promtool()] + arguments, environment: Repository.environment)
        let ending = await process.ending()
        return ending == .exited(0) ? nil : "\(ending)\n\(process.lines.joined(separator: "\n"))"
    }
}
