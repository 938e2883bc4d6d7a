// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Grafana dashboard")
struct DashboardTests {
    private let document: JSONValue
    private var panels: [JSONValue] { document["panels"]?.array ?? [] }
    private var charts: [JSONValue] { panels.filter { $0["type"] != "row" } }

    init() throws {
        let path = "\(Repository.root)/config/prometheus/dashboard.json"
        document = try JSONValue(json: FileSystem.read(path, limit: 1 << 20))
    }

    private func title(_ panel: JSONValue) -> String { panel["title"]?.string ?? "" }

    @Test("It can be imported anywhere: the data source is a variable, and so are namespace and job")
    func variables() throws {
        #expect(document["uid"] == "talos-operator")
        #expect((document["schemaVersion"]?.integer ?? 0) >= 39)
        let variables = document["templating"]?["list"]?.array ?? []
        #expect(variables.map { $0["name"]?.string } == ["datasource", "namespace", "job"])
        let sources = charts + charts.flatMap { $0["targets"]?.array ?? [] } + variables.dropFirst()
        for part in sources { #expect(part["datasource"]?["uid"] == "${datasource}") }
        let text = String(decoding: document.encoded(), as: UTF8.self)
        let used = Set(
            text.split(separator: "$").dropFirst().map { part in
                part.drop { $0 == "{" }.prefix { $0.isLetter || $0 == "_" }
            })
        #expect(used == ["datasource", "namespace", "job", "__rate_interval", "__all"])
    }

    @Test("Panels have ids of their own and lie in the grid without covering each other")
    func layout() throws {
        #expect(Set(panels.map { $0["id"]?.integer }).count == panels.count)
        var cells: [String: String] = [:]
        for panel in panels {
            let position = panel["gridPos"]
            let (x, y) = (position?["x"]?.integer ?? -1, position?["y"]?.integer ?? -1)
            let (width, height) = (position?["w"]?.integer ?? 0, position?["h"]?.integer ?? 0)
            #expect(x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 24, "\(title(panel))")
            for (column, line) in (x..<x + width).flatMap({ x in (y..<y + height).map { (x, $0) } }) {
                let other = cells.updateValue(title(panel), forKey: "\(column),\(line)")
                #expect(other == nil, "\(title(panel)) covers \(other ?? "")")
            }
        }
        let lines = Set(cells.keys.compactMap { $0.split(separator: ",").last.flatMap { Int($0) } })
        #expect(lines == Set(0..<lines.count), "a line of the grid is empty")
    }

    @Test("Every panel has a title of its own, says what it shows, and has a unit")
    func texts() throws {
        #expect(Set(panels.map(title)).count == panels.count)
        for panel in charts {
            #expect(panel["description"]?.string?.hasSuffix(".") == true, "\(title(panel))")
            #expect(panel["fieldConfig"]?["defaults"]?["unit"]?.string?.isEmpty == false, "\(title(panel))")
        }
    }

    @Test("Its expressions use only metrics and labels that there are")
    func names() throws {
        let known = try KnownMetrics()
        for (title, expression) in expressions {
            #expect(known.unknown(in: expression) == [], "\(title)")
            #expect(expression.contains("$namespace"), "\(title): \(expression)")
        }
        for variable in document["templating"]?["list"]?.array?.dropFirst() ?? [] {
            let query = variable["query"]?["query"]?.string ?? ""
            #expect(query.hasPrefix("label_values(talos_operator_build_info"), "\(query)")
        }
    }

    @Test("promtool can read its expressions")
    func syntax() async throws {
        let rules = expressions.enumerated().map { index, entry in
            let text = entry.expression.replacing("$__rate_interval", with: "5m")
                .replacing("$namespace", with: ".*").replacing("$job", with: ".*")
            return ["record": .string("panel:\(index)"), "expr": .string(text)] as JSONValue
        }
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/rules.json"
        let file: JSONValue = ["groups": [["name": "dashboard", "rules": .array(rules)]]]
        try FileSystem.replace(path, with: file.encoded())
        #expect(try await Promtool.complaint("check", "rules", path) == nil)
    }

    /// The expressions of panels and annotations, with the title of each.
    private var expressions: [(title: String, expression: String)] {
        let ofPanels = charts.flatMap { panel in
            (panel["targets"]?.array ?? []).map { (title(panel), $0["expr"]?.string ?? "") }
        }
        let annotations = document["annotations"]?["list"]?.array ?? []
        return ofPanels + annotations.map { ($0["name"]?.string ?? "", $0["expr"]?.string ?? "") }
    }
}
