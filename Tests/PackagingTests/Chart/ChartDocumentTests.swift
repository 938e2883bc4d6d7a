// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

/// What the chart says about itself.
@Suite("The documents of the Helm chart")
struct ChartDocumentTests {
    private static let folder = "charts/talos-operator"

    private func defaults() throws -> JSONValue {
        try #require(try PackagingTool.file("\(Self.folder)/values.yaml").first)
    }

    /// Every path to a value, and the value; maps with members are gone through.
    private func leaves(_ value: JSONValue, _ path: [String] = []) -> [String: JSONValue] {
        guard let members = value.object?.members, !members.isEmpty else {
            return [path.joined(separator: "."): value]
        }
        return members.reduce(into: [:]) { all, member in
            all.merge(leaves(member.value, path + [member.key])) { $1 }
        }
    }

    @Test("The table of the README has every value with its default")
    func readme() throws {
        var undocumented = leaves(try defaults())
        for row in try MarkdownTable(of: "\(Self.folder)/README.md", column: "value").rows {
            let text = try #require(row.dropFirst().first)
            let value = try #require(try YAML.documents(Array(text.utf8)).first)
            #expect(row.count >= 3 && row.last?.isEmpty == false, "\(row)")
            let path = try #require(row.first)
            #expect(try defaults().value(at: path.split(separator: ".").map(String.init)) == value, "\(row)")
            for leaf in leaves(value, [path]).keys { undocumented[leaf] = nil }
        }
        #expect(undocumented.isEmpty)
    }

    @Test(
        "The parameters of the specification have the defaults that it names",
        arguments: [
            ("image.repository", "ghcr.io/vitistack/talos-operator"), ("image.tag", ""),
            ("image.pullPolicy", "IfNotPresent"), ("replicaCount", 1), ("resources.limits.cpu", "500m"),
            ("resources.limits.memory", "128Mi"), ("resources.requests.cpu", "10m"),
            ("resources.requests.memory", "64Mi"),
        ] as [(String, JSONValue)])
    func specified(_ parameter: String, _ value: JSONValue) throws {
        #expect(try defaults().value(at: parameter.split(separator: ".").map(String.init)) == value)
    }

    @Test("The image's tag is the version of chart and program, if none is given")
    func version() async throws {
        let chart = try #require(try PackagingTool.file("\(Self.folder)/Chart.yaml").first)
        #expect(chart["version"]?.string == Version.current)
        #expect(chart["appVersion"]?.string == Version.current)
        #expect(chart["kubeVersion"] == ">=1.20.0-0")
        let deployment = try await PackagingTool.template().only("Deployment")
        #expect(deployment?.container?["image"]?.string?.hasSuffix(":\(Version.current)") == true)
    }

    @Test("The schema knows every value, and no other but what dependants need")
    func schema() throws {
        let schema = try #require(try PackagingTool.file("\(Self.folder)/values.schema.json").first)
        func check(_ value: JSONValue, _ part: JSONValue, _ path: String) {
            guard let members = value.object?.members, let known = part["properties"]?.object?.members else {
                return
            }
            #expect(part["additionalProperties"] == false, "\(path)")
            var names = Set(known.map(\.key))
            if path.isEmpty { names.subtract(["global", "enabled"]) }
            #expect(names.isSuperset(of: members.map(\.key)), "\(path)")
            for member in members {
                check(member.value, part["properties"]?[member.key] ?? [:], "\(path).\(member.key)")
            }
        }
        check(try defaults(), schema, "")
        let names = Set(schema["properties"]?.object?.members.map(\.key) ?? [])
        #expect(names == Set(try defaults().object?.members.map(\.key) ?? []).union(["global", "enabled"]))
    }

    /// The notes that an installation would print: the chart's own template, in a chart that renders it as a document.
    private func notes(_ values: JSONValue) async throws -> String {
        let directory = try TemporaryDirectory()
        let copy = "\(directory.path)/talos-operator"
        _ = try await PackagingTool.output(of: ["/bin/cp", "-rL", PackagingTool.chart, copy])
        let template = "notes: |-\n{{ include \"talos-operator.notes\" . | indent 2 }}\n"
        try FileSystem.replace("\(copy)/templates/notes.yaml", with: Array(template.utf8))
        let text = try await PackagingTool.output(
            of: [
                "\(Repository.root)/hack/helm.py", "template", "prod", copy, "-n", "machines", "-f", "-",
                "-s",
                "templates/notes.yaml",
            ], input: values.encoded())
        return try #require(try YAML.documents(Array(text.utf8)).compactMap { $0["notes"]?.string }.first)
    }

    @Test("The notes say what to type, with the names of this release")
    func notes() async throws {
        let text = try await notes([:])
        for line in [
            "every namespace",
            "kubectl --namespace machines rollout status deployment/prod-talos-operator-controller-manager",
            "port-forward service/prod-talos-operator-metrics 8080",
            "kubectl get kubernetesclusters,machines",
        ] {
            #expect(text.contains(line), "\(text)")
        }
        #expect(!text.contains("Mind:"), "\(text)")
        let chosen = try await notes(["watchNamespaces": ["team-a"], "metrics": ["enabled": false]])
        #expect(
            chosen.contains("team-a") && !chosen.contains("every namespace")
                && !chosen.contains("port-forward"))
    }

    @Test(
        "The notes warn of what may surprise",
        arguments: [
            (["crds": ["keep": false]], "helm uninstall` removes every KubernetesCluster"),
            (["crds": ["install": false]], "neither makes nor upgrades"),
            (["leaderElection": ["enabled": false]], "a second operator"),
            (["rbac": ["create": false]], "the operator can do nothing"),
            (["replicaCount": 0], "no operator runs"),
            (["metrics": ["secure": ["enabled": true, "certSecret": "c"]]], "everybody may read it"),
            (
                ["metrics": ["secure": ["enabled": true, "certSecret": "c", "authorization": true]]],
                "the ClusterRole prod-talos-operator-metrics-reader"
            ),
            (["networkPolicy": ["enabled": true]], "kubectl get endpoints kubernetes"),
        ] as [(JSONValue, String)])
    func warnings(_ values: JSONValue, _ words: String) async throws {
        let text = try await notes(values)
        #expect(text.contains("Mind:") && text.contains(words), "\(text)")
    }
}
