// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Prometheus rules")
struct RuleTests {
    private static let folder = "\(Repository.root)/Tests/PackagingTests/Monitoring/Alerts"
    private static let page = "Sources/TalosOperator/TalosOperator.docc/Alerts.md"

    private func text(_ path: String) throws -> String {
        String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
    }

    @Test("promtool accepts them")
    func check() async throws {
        #expect(try await Promtool.complaint("check", "rules", RuleFile.path) == nil)
    }

    @Test(
        "They record and fire when they should, and only then",
        arguments: ["api", "availability", "clusters", "reconciling", "recording"])
    func unitTests(file: String) async throws {
        #expect(try await Promtool.complaint("test", "rules", "\(Self.folder)/\(file).yaml") == nil)
    }

    @Test("Every alert has a test in which it fires and one in which it does not; every file of tests is run")
    func coverage() throws {
        let files = try FileSystem.list(Self.folder).sorted()
        #expect(
            files == ["api.yaml", "availability.yaml", "clusters.yaml", "reconciling.yaml", "recording.yaml"])
        var (firing, quiet, recorded): (Set<String>, Set<String>, String) = ([], [], "")
        for file in files {
            let document = try YAML.documents(FileSystem.read("\(Self.folder)/\(file)", limit: 1 << 20)).first
            for test in document?["tests"]?.array ?? [] {
                for check in test["alert_rule_test"]?.array ?? [] {
                    let (name, expected) = (
                        check["alertname"]?.string ?? "", check["exp_alerts"]?.array ?? []
                    )
                    if expected.isEmpty { quiet.insert(name) } else { firing.insert(name) }
                }
                for check in test["promql_expr_test"]?.array ?? [] { recorded += check["expr"]?.string ?? "" }
            }
        }
        let rules = try RuleFile()
        let alerts = Set(rules.alerts.map(\.name))
        #expect(alerts.count > 20)
        #expect(firing == alerts)
        #expect(quiet == alerts)
        for (name, _) in rules.recorded { #expect(recorded.contains(name), "\(name) is not tested") }
    }

    @Test("They use only metrics and labels that there are")
    func names() throws {
        let file = try RuleFile()
        let known = try KnownMetrics(recorded: file.recorded)
        for rule in file.rules {
            #expect(known.unknown(in: rule.expression) == [], "\(rule.name)")
        }
    }

    @Test("Every alert says what is wrong and leads to its section of the page about alerts")
    func annotations() throws {
        let page = try text("\(Repository.root)/\(Self.page)").split(separator: "\n")
        let headings = page.filter { $0.hasPrefix("### TalosOperator") }.map { String($0.dropFirst(4)) }
        let alerts = try RuleFile().alerts
        #expect(alerts.map(\.name) == headings)
        for alert in alerts {
            #expect(["critical", "warning", "info"].contains(alert.labels["severity"]), "\(alert.name)")
            #expect(alert.annotations["summary"]?.hasSuffix(".") == false, "\(alert.name)")
            #expect(alert.annotations["description"]?.contains("{{ $labels.") == true, "\(alert.name)")
            #expect(
                alert.annotations["runbook_url"]
                    == "https://github.com/vitistack/talos-operator/blob/main/\(Self.page)"
                    + "#\(alert.name.lowercased())")
        }
    }

    @Test("The page names severity and time of every alert as they are")
    func facts() throws {
        let rows = try MarkdownTable(of: Self.page, column: "alert").rows
        let document = try RuleFile().document
        let expected = (document["groups"]?.array ?? []).flatMap { $0["rules"]?.array ?? [] }.compactMap {
            rule in
            rule["alert"]?.string.map { name in
                [name, rule["labels"]?["severity"]?.string ?? "", rule["for"]?.string ?? "at once"]
            }
        }
        #expect(rows.map { Array($0.prefix(3)) } == expected)
    }

    @Test("The PrometheusRule holds the same groups")
    func prometheusRule() throws {
        let path = "\(Repository.root)/config/prometheus/prometheus-rule.yaml"
        let rule = try #require(try YAML.documents(FileSystem.read(path, limit: 1 << 20)).first)
        #expect(rule["kind"] == "PrometheusRule")
        #expect(rule["spec"] == (try RuleFile().document))
    }
}
