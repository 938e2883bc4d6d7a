// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// The metrics and labels that a PromQL expression names.
struct MetricExpression {
    /// A metric with the labels that are matched.
    struct Selector: Hashable {
        var metric: String
        var labels: Set<String> = []
    }

    private(set) var selectors: [Selector] = []
    /// The labels after `by`, `on` and the like.
    private(set) var groupingLabels: Set<String> = []

    private static let groupings: Set = ["by", "without", "on", "ignoring", "group_left", "group_right"]
    private static let operators: Set = ["and", "or", "unless", "offset", "bool", "inf", "nan"]

    init(_ text: String) {
        var tokens = Self.tokens(text)[...]
        while let token = tokens.popFirst() {
            if token == "{" {
                let labels = Self.words(upTo: "}", &tokens)
                if !selectors.isEmpty { selectors[selectors.count - 1].labels.formUnion(labels) }
            } else if Self.groupings.contains(token), tokens.first == "(" {
                groupingLabels.formUnion(Self.words(upTo: ")", &tokens))
            } else if Self.isName(token), !Self.operators.contains(token), !Self.groupings.contains(token),
                tokens.first != "(", !["by", "without"].contains(tokens.first)
            {
                selectors.append(Selector(metric: token))
            }
        }
    }

    private static func words(upTo end: String, _ tokens: inout ArraySlice<String>) -> [String] {
        var words: [String] = []
        while let token = tokens.popFirst(), token != end {
            if isName(token) { words.append(token) }
        }
        return words
    }

    private static func isName(_ token: String) -> Bool {
        token.first.map { $0.isLetter || $0 == "_" } ?? false
    }

    /// Words, numbers and single symbols; texts in quotes are left out.
    private static func tokens(_ text: String) -> [String] {
        var tokens: [String] = []
        var rest = text[...]
        while let character = rest.first {
            if character == "\"" {
                rest = rest.dropFirst().drop { $0 != "\"" }.dropFirst()
            } else if isWordCharacter(character) {
                let word = rest.prefix(while: isWordCharacter)
                tokens.append(String(word))
                rest = rest.dropFirst(word.count)
            } else {
                if !character.isWhitespace { tokens.append(String(character)) }
                rest = rest.dropFirst()
            }
        }
        return tokens
    }

    private static func isWordCharacter(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || ["_", ":", "$", "."].contains(character)
    }
}

/// The metrics that there are: those of the operator, and what Prometheus and kube-state-metrics add.
struct KnownMetrics {
    /// The labels that Prometheus puts on what it scrapes.
    static let targetLabels: Set = [
        "namespace", "job", "instance", "pod", "service", "endpoint", "container",
    ]

    private var labels: [String: Set<String>] = [
        "up": [], "kube_pod_container_resource_limits": ["resource", "unit", "node"],
    ]

    /// Those of the page about metrics, which another test compares with the code, and recorded ones.
    init(recorded: [(name: String, labels: Set<String>)] = []) throws {
        let page = "Sources/TalosOperator/TalosOperator.docc/Metrics.md"
        for row in try MarkdownTable(of: page, column: "metric").rows {
            let names = Set(row[2].split(separator: ", ").map(String.init))
            guard row[1] == "histogram" else {
                labels[row[0]] = names
                continue
            }
            labels["\(row[0])_bucket"] = names.union(["le"])
            labels["\(row[0])_count"] = names
            labels["\(row[0])_sum"] = names
        }
        for (name, names) in recorded { labels[name, default: []].formUnion(names) }
    }

    /// What an expression names and nobody has; empty if it is in order.
    func unknown(in text: String) -> [String] {
        let expression = MetricExpression(text)
        var unknown: [String] = expression.selectors.isEmpty ? ["\(text) names no metric"] : []
        var all = Self.targetLabels
        for selector in expression.selectors {
            guard let names = labels[selector.metric] else {
                unknown.append("\(selector.metric) is no metric")
                continue
            }
            all.formUnion(names)
            unknown += selector.labels.subtracting(names).subtracting(Self.targetLabels)
                .map { "\(selector.metric) has no label \($0)" }
        }
        return unknown
            + expression.groupingLabels.subtracting(all).map { "no metric of it has a label \($0)" }
    }
}

@Suite("What expressions name")
struct MetricExpressionTests {
    @Test(
        "Metrics and labels are found, functions, operators, texts and durations are not",
        arguments: [
            ("up == 0", ["up"], [], []),
            (
                "sum by (a, b) (rate(x_total{c=\"up{y}\", d!~\"z\"}[5m])) > 0.5", ["x_total"], ["c", "d"],
                ["a", "b"]
            ),
            ("a:b:c and on (d) last_over_time(e[1h] offset 5m) unless f", ["a:b:c", "e", "f"], [], ["d"]),
            ("a / on (b) group_left () max without (c) (d)", ["a", "d"], [], ["b", "c"]),
            ("time() - a{b=~\"$b\"} < bool 7 * 24", ["a"], ["b"], []),
            ("rate(a[$__rate_interval])", ["a"], [], []),
        ] as [(String, [String], Set<String>, Set<String>)])
    func extraction(text: String, metrics: [String], labels: Set<String>, grouping: Set<String>) {
        let expression = MetricExpression(text)
        #expect(expression.selectors.map(\.metric) == metrics)
        #expect(expression.selectors.reduce(into: Set()) { $0.formUnion($1.labels) } == labels)
        #expect(expression.groupingLabels == grouping)
    }

    @Test("Unknown metrics and labels are told")
    func unknown() throws {
        let known = try KnownMetrics(recorded: [("r", ["l"])])
        #expect(known.unknown(in: "sum by (l) (r) + workqueue_depth{name=\"a\", pod=\"b\"}") == [])
        #expect(known.unknown(in: "talos_operator_reconciliation_duration_seconds_bucket{le=\"1\"}") == [])
        #expect(known.unknown(in: "talos_operator_reconciliation_duration_seconds").count == 1)
        #expect(known.unknown(in: "workqueue_depth{nome=\"a\"}") == ["workqueue_depth has no label nome"])
        #expect(known.unknown(in: "sum by (phase) (up)") == ["no metric of it has a label phase"])
        #expect(known.unknown(in: "1 + 1").count == 1)
    }
}
