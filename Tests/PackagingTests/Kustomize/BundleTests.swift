// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Platform
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

/// What `make bundle` makes for Operator Lifecycle Manager.
@Suite("The bundle")
struct BundleTests {
    private static let image = "registry.example:5000/talos-operator:test"

    private func bundle() async throws -> (manifests: [RenderedObject], annotations: JSONValue, image: String)
    {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/bundle"
        _ = try await PackagingTool.output(of: [
            "/usr/bin/env", "KUBECTL=\(PackagingTool.kubectl())", "\(Repository.root)/hack/bundle.py",
            Self.image,
            path,
        ])
        let manifests = try FileSystem.list("\(path)/manifests").flatMap { name in
            try YAML.documents(FileSystem.read("\(path)/manifests/\(name)", limit: 1 << 20))
        }
        let annotations = try YAML.documents(
            FileSystem.read("\(path)/metadata/annotations.yaml", limit: 1 << 20))
        let recipe = try FileSystem.read("\(path)/bundle.Dockerfile", limit: 1 << 20)
        return (
            manifests.map(RenderedObject.init), try #require(annotations.first),
            String(decoding: recipe, as: UTF8.self)
        )
    }

    @Test("It has one ClusterServiceVersion, the definitions, and what that cannot hold")
    func contents() async throws {
        let (manifests, annotations, image) = try await bundle()
        #expect(
            Set(manifests.map(\.description)) == [
                "ClusterServiceVersion talos-operator.v\(Version.current)", "Service talos-operator-metrics",
                "CustomResourceDefinition kubernetesclusters.vitistack.io",
                "CustomResourceDefinition machines.vitistack.io", "ClusterRole talos-operator-viewer",
                "ClusterRole talos-operator-editor",
            ])
        let labels = try #require(annotations["annotations"]?.texts)
        #expect(labels["operators.operatorframework.io.bundle.package.v1"] == "talos-operator")
        #expect(labels["operators.operatorframework.io.bundle.mediatype.v1"] == "registry+v1")
        for (key, value) in labels { #expect(image.contains("LABEL \(key)=\(value)\n")) }
    }

    @Test("The Deployment and the rules are those of config/default, with the image that was asked for")
    func clusterServiceVersion() async throws {
        let tree = try await PackagingTool.manifests(image: Self.image)
        let version = try #require(try await bundle().manifests.only("ClusterServiceVersion"))
        let install = try #require(version["spec", "install", "spec"])
        let deployment = try #require(tree.only("Deployment"))
        #expect(install.value(at: ["deployments", "0", "name"])?.string == deployment.name)
        #expect(install.value(at: ["deployments", "0", "spec"]) == deployment["spec"])
        #expect(deployment.container?["image"]?.string == Self.image)
        #expect(version.annotations["containerImage"] == Self.image)
        for (member, kind, name) in [
            ("clusterPermissions", "ClusterRole", "talos-operator"),
            ("permissions", "Role", "talos-operator-leader-election"),
        ] {
            let permission = install.value(at: [member, "0"])
            #expect(permission?["rules"] == tree.named(name, kind)?["rules"])
            #expect(permission?["serviceAccountName"] == deployment.podSpec?["serviceAccountName"])
        }
        #expect(version["spec", "version"]?.string == Version.current)
    }

    @Test("It owns the kinds that it defines, and its example is the simple cluster")
    func kinds() async throws {
        let (manifests, _, _) = try await bundle()
        let version = try #require(manifests.only("ClusterServiceVersion"))
        let owned = version["spec", "customresourcedefinitions", "owned"]?.array ?? []
        let definitions = manifests.filter { $0.kind == "CustomResourceDefinition" }
        #expect(Set(owned.compactMap { $0["name"]?.string }) == Set(definitions.map(\.name)))
        #expect(Set(owned.compactMap { $0["kind"]?.string }) == ["KubernetesCluster", "Machine"])
        #expect(owned.allSatisfy { $0["version"]?.string == APINames.version })
        let example = try #require(try PackagingTool.file("examples/simple-cluster.yaml").first)
        let shown = try JSONValue(json: Array((version.annotations["alm-examples"] ?? "").utf8))
        #expect(shown == .array([withoutTemplates(example)]))
    }

    /// A template in which there are only comments says nothing.
    private func withoutTemplates(_ value: JSONValue) -> JSONValue {
        if let elements = value.array { return .array(elements.map(withoutTemplates)) }
        guard let members = value.object?.members else { return value }
        return .object(
            JSONObject(
                members.filter { $0.key != "machineTemplate" }.map {
                    JSONObject.Member(key: $0.key, value: withoutTemplates($0.value))
                }))
    }
}
