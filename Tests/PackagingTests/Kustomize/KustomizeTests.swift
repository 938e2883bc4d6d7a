// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

@Suite("The kustomize tree")
struct KustomizeTests {
    /// The files of a folder that could be resources, by name.
    private func files(_ folder: String, but excluded: Set<String> = []) throws -> Set<String> {
        let names = try FileSystem.list("\(Repository.root)/\(folder)").filter { $0.hasSuffix(".yaml") }
        return Set(names).subtracting(excluded)
    }

    private func resources(_ path: String) throws -> Set<String> {
        Set(try PackagingTool.file(path).first?["resources"]?.array?.compactMap(\.string) ?? [])
    }

    @Test("Each folder lists all of its files", arguments: ["config/crd", "config/rbac", "examples"])
    func complete(_ folder: String) throws {
        // Roles for metrics with authorization and for chosen namespaces with configurations, which are no default.
        let options: Set = ["metrics-auth.yaml", "layers.yaml"]
        #expect(try resources("\(folder)/Kustomization") == files(folder, but: options))
    }

    @Test("The samples are the examples")
    func samples() async throws {
        let expected = try files("examples").sorted().flatMap { try PackagingTool.file("examples/\($0)") }
        let samples = try await PackagingTool.kustomize("config/samples").map(\.document)
        #expect(Set(samples) == Set(expected.filter { $0 != .null }))
    }

    @Test("Everything is in the operator's namespace, where Kubernetes lets in restricted pods alone")
    func namespaces() async throws {
        let objects = try await PackagingTool.kustomize("config/default")
        let namespace = try #require(objects.only("Namespace"))
        #expect(namespace.name == PackagingTool.namespace)
        #expect(namespace.labels["pod-security.kubernetes.io/enforce"] == "restricted")
        for object in objects {
            #expect(object.namespace == (object.isClusterScoped ? nil : PackagingTool.namespace), "\(object)")
        }
        let pod = try #require(objects.only("Deployment")?.podSpec)
        #expect(PodSecurity.violations(of: pod) == [])
    }

    @Test("What Prometheus Operator reads has the rules and the dashboard of the files")
    func prometheus() async throws {
        let objects = try await PackagingTool.kustomize("config/prometheus")
        #expect(Set(objects.map(\.kind)) == ["ConfigMap", "PrometheusRule", "ServiceMonitor"])
        let rules = try PackagingTool.file("config/prometheus/rules.yaml").first
        #expect(objects.only("PrometheusRule")?["spec", "groups"] == rules?["groups"])
        let text = try FileSystem.read("\(Repository.root)/config/prometheus/dashboard.json", limit: 4 << 20)
        let dashboard = objects.only("ConfigMap")?["data", "talos-operator.json"]?.string
        #expect(dashboard == String(decoding: text, as: UTF8.self))
    }

    @Test(
        "An image takes the place of the one that is named, and no file changes",
        arguments: [
            ("ghcr.io/vitistack/talos-operator:latest", "ghcr.io/vitistack/talos-operator:latest"),
            ("localhost:5000/talos", "localhost:5000/talos:latest"),
            ("localhost:5000/talos:1.2", "localhost:5000/talos:1.2"), ("talos", "talos:latest"),
            ("r.example/a@sha256:0123", "r.example/a@sha256:0123"),
        ])
    func image(_ image: String, _ expected: String) async throws {
        func listing() throws -> [[UInt8]] {
            try ["default", "manager"].flatMap { folder in
                try FileSystem.list("\(Repository.root)/config/\(folder)").sorted().map {
                    try FileSystem.read("\(Repository.root)/config/\(folder)/\($0)", limit: 1 << 20)
                }
            }
        }
        let before = try listing()
        let objects = try await PackagingTool.manifests(image: image)
        #expect(objects.only("Deployment")?.container?["image"]?.string == expected)
        #expect(try listing() == before)
        var (plain, replaced) = (try await PackagingTool.kustomize("config/default"), objects)
        plain.removeAll { $0.kind == "Deployment" }
        replaced.removeAll { $0.kind == "Deployment" }
        #expect(plain == replaced)
    }

    @Test("The image is that of this version, unless another is asked for")
    func version() async throws {
        let objects = try await PackagingTool.kustomize("config/default")
        let image = objects.only("Deployment")?.container?["image"]?.string
        #expect(image == "ghcr.io/vitistack/talos-operator:\(Version.current)")
    }
}

/// One operator, installed in two ways.
@Suite("Chart and kustomize tree")
struct ChartAndKustomizeTests {
    /// Without what tells one tool from the other: who manages it, from which chart, and whether Helm keeps it.
    private func normalised(_ objects: [RenderedObject]) -> [RenderedObject.Identity: JSONValue] {
        var result: [RenderedObject.Identity: JSONValue] = [:]
        for object in objects {
            var metadata = object.document["metadata"]?.object ?? JSONObject()
            for (member, keys) in [
                ("labels", ["app.kubernetes.io/managed-by", "helm.sh/chart"]),
                ("annotations", ["helm.sh/resource-policy"]),
            ] {
                guard var texts = metadata[member]?.object else { continue }
                for key in keys { texts[key] = nil }
                metadata[member] = texts.members.isEmpty ? nil : .object(texts)
            }
            var document = object.document.object ?? JSONObject()
            document["metadata"] = .object(metadata)
            result[object.identity] = .object(document)
        }
        return result
    }

    private func expectSame(_ chart: [RenderedObject], _ tree: [RenderedObject]) {
        // Helm makes the namespace itself, before it installs what is in it.
        let (left, right) = (normalised(chart), normalised(tree.filter { $0.kind != "Namespace" }))
        #expect(Set(left.keys) == Set(right.keys))
        for (identity, document) in left { #expect(document == right[identity], "\(identity)") }
    }

    @Test("They make the same objects")
    func defaults() async throws {
        let tree = try await PackagingTool.kustomize("config/default")
        let managed = tree.allSatisfy { $0.labels["app.kubernetes.io/managed-by"] == "kustomize" }
        #expect(managed)
        try await expectSame(PackagingTool.template(), tree)
    }

    @Test(
        "Network policy, ServiceMonitor, alerts, dashboard and the making of configurations are the same, too"
    )
    func options() async throws {
        let file = "\(Repository.root)/config/default/kustomization.yaml"
        let everything = String(decoding: try FileSystem.read(file, limit: 1 << 20), as: UTF8.self)
            .split(separator: "\n").map(Self.switchedOn).joined(separator: "\n")
        let directory = try TemporaryDirectory()
        try FileSystem.replace("\(directory.path)/kustomization.yaml", with: Array(everything.utf8))
        let tree = try await PackagingTool.kustomize(directory.path)
        let chart = try await PackagingTool.template([
            "networkPolicy": ["enabled": true], "configManagement": ["enabled": true],
            "metrics": [
                "serviceMonitor": ["enabled": true], "prometheusRule": ["enabled": true],
                "dashboard": ["enabled": true],
            ],
        ])
        #expect(tree.only("NetworkPolicy") != nil && tree.only("ServiceMonitor") != nil)
        expectSame(chart, tree)
    }

    /// A line of config/default as it is without the mark of a comment, read from a directory below /tmp.
    private static func switchedOn(_ line: Substring) -> String {
        let isOption = line.hasPrefix("  # - ../")
        let text = isOption ? "  - ../" + line.dropFirst("  # - ../".count) : String(line)
        guard text.hasPrefix("  - ../") else { return text }
        return "  - ../..\(Repository.root)/config/" + text.dropFirst("  - ../".count)
    }
}
