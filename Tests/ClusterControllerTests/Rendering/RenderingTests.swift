// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import ClusterController

@Suite("Rendering without a cluster")
struct RenderingTests {
    private func document(
        _ name: String = "simple", namespace: String? = nil, spec: JSONValue = Fixture.simpleSpec
    ) -> JSONValue {
        var metadata: JSONObject = ["name": .string(name)]
        if let namespace { metadata["namespace"] = .string(namespace) }
        return [
            "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster", "metadata": .object(metadata),
            "spec": spec,
        ]
    }

    @Test("A cluster renders to what the operator would apply, without an owner nobody knows")
    func rendering() throws {
        let rendering = Rendering([document()], file: "a.yaml")
        #expect(rendering.problems.isEmpty)
        #expect(
            rendering.manifests.map(\.path) == [
                "simple/simple-cp-0.yaml", "simple/simple-cp-1.yaml", "simple/simple-cp-2.yaml",
                "simple/simple-workers-0.yaml", "simple/simple-workers-1.yaml",
            ])
        let expected = try Fixture.desired(Fixture.cluster(namespace: "", uid: "")).map(\.document)
        #expect(rendering.manifests.map(\.document) == expected)
        let text = try #require(rendering.manifests.first?.text)
        #expect(try YAML.documents(Array(text.utf8)) == [expected[0]])
    }

    @Test("A cluster that was read from an API keeps namespace and owner")
    func applied() throws {
        let object = document().mergePatched(with: ["metadata": ["namespace": "default", "uid": "uid-1"]])
        let expected = try Fixture.desired(Fixture.cluster()).map(\.document)
        #expect(Rendering([object], file: "a").manifests.map(\.document) == expected)
    }

    @Test("Every problem is a line with file, document and field")
    func problems() {
        let broken = document(spec: Fixture.spec(#"{"clusterName": "A B", "controlPlane": {"replicas": 2}}"#))
        let one = Rendering([broken], file: "a.yaml").problems
        #expect(one.count == 2)
        #expect(one.first?.hasPrefix("a.yaml: spec.clusterName: must be a DNS-1123 label") == true)
        #expect(one.last == "a.yaml: spec.controlPlane.replicas: must be 1, 3, 5 or 7, not 2")
        let two = Rendering([document(), broken], file: "a.yaml")
        #expect(two.problems.allSatisfy { $0.hasPrefix("a.yaml (document 2): spec.") })
        #expect(two.manifests.count == 5)
    }

    @Test(
        "What is no cluster is said to be none",
        arguments: [
            ([], "f: there is no KubernetesCluster in it"),
            ([.null], "f: there is no KubernetesCluster in it"),
            ([["kind": "Namespace"]], "f: there is no KubernetesCluster in it"),
            (
                [["kind": "KubernetesCluster", "apiVersion": "v1"]],
                "f: apiVersion: must be vitistack.io/v1alpha1"
            ),
            (
                [["kind": "KubernetesCluster", "apiVersion": "vitistack.io/v1alpha1", "metadata": [:]]],
                "f: metadata.name: is missing"
            ),
        ] as [([JSONValue], String)])
    func noCluster(documents: [JSONValue], problem: String) {
        #expect(Rendering(documents, file: "f").problems == [problem])
    }

    @Test("Other documents are passed over, lists are opened")
    func lists() {
        let list: JSONValue = ["kind": "List", "items": [document(), ["kind": "Namespace"]]]
        #expect(Rendering([list, .null], file: "f").manifests.count == 5)
        #expect(Rendering([list, .null], file: "f").problems.isEmpty)
    }

    @Test("Clusters of one name get a directory each, and no Machine twice")
    func sameName() {
        let apart = Rendering([document(namespace: "a"), document(namespace: "b")], file: "f")
        #expect(apart.problems.isEmpty)
        #expect(apart.manifests[5].path == "simple.b/simple-cp-0.yaml")
        let together = Rendering([document("x", namespace: "a"), document("y", namespace: "a")], file: "f")
        #expect(
            together.problems == [
                "f (document 2): spec.clusterName: Machine a/simple-cp-0 belongs to KubernetesCluster a/x already"
            ])
    }

    @Test(
        "Names that lead out of the directory are refused",
        arguments: ["..", "/../../../tmp", "a/b", "A", "a\u{0}b", "\u{212A}"])
    func namesThatLeadOut(namespace: String) {
        let rendering = Rendering([document(namespace: "a"), document(namespace: namespace)], file: "f")
        #expect(rendering.manifests.allSatisfy { $0.path.hasPrefix("simple/") })
        #expect(
            rendering.problems.map { $0.prefix(35) }
                == ["f (document 2): metadata.namespace: "].map { $0.prefix(35) })
    }

    @Test("Warnings do not stop anything")
    func warnings() {
        let rendering = Rendering(
            [document(spec: Fixture.spec(#"{"talosVersion": "v1.99.0"}"#))], file: "f")
        #expect(rendering.manifests.count == 5)
        #expect(rendering.warnings.first?.hasPrefix("f: spec.talosVersion: v1.99.0 is newer") == true)
    }

    @Test("ConfigMaps and Secrets of all files are found, and a file of them alone is no problem")
    func layerObjects() {
        let map: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "ntp"],
            "data": ["a.yaml": "machine: {}"],
        ]
        let secret: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "keys"], "stringData": ["b": "x"],
        ]
        let rendering = Rendering([
            Rendering.File(name: "a", documents: [map, secret]),
            Rendering.File(name: "b", documents: [document()]),
        ])
        #expect(rendering.problems.isEmpty)
        #expect(rendering.layerObjects.map(\.description) == ["ConfigMap ntp", "Secret keys"])
        #expect(rendering.clusters.map(\.directory) == ["simple"])
        #expect(Rendering([map], file: "a").problems == ["a: there is no KubernetesCluster in it"])
        let wrong = Rendering([document(), map.mergePatched(with: ["data": ["a.yaml": 1]])], file: "a")
        #expect(wrong.problems.first?.hasPrefix("a (document 2): data.") == true)
    }

    @Test("Clusters of several files do not get the same Machines")
    func severalFiles() {
        let rendering = Rendering([
            Rendering.File(name: "a", documents: [document("x")]),
            Rendering.File(name: "b", documents: [document("y")]),
        ])
        #expect(rendering.problems.count == 1)
        #expect(rendering.problems.first?.hasPrefix("b: spec.clusterName: Machine ") == true)
    }

    @Test("Versions that do not go together are a doubt where files are made for whatever may run")
    func advisory() {
        let spec = Fixture.spec(#"{"talosVersion": "v1.12.0"}"#)
        #expect(Rendering([document(spec: spec)], file: "f").manifests.isEmpty)
        let lenient = Rendering(
            [Rendering.File(name: "f", documents: [document(spec: spec)])], versions: .advisory)
        #expect(lenient.manifests.count == 5)
        #expect(
            lenient.warnings.first?.hasPrefix("f: spec.kubernetesVersion: must be v1.30 to v1.35") == true)
    }
}
