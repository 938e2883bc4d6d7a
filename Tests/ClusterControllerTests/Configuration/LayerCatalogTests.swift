// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import Talos
import Testing

@testable import ClusterController

@Suite("The layers of a cluster")
struct LayerCatalogTests {
    /// A ConfigMap or Secret with the label of layers and others.
    private func object(
        _ name: String, as kind: LayerObject.Kind = .configMap, in namespace: String = "default",
        labels: [String: String] = [:], _ files: [String: String?]
    ) -> LayerObject {
        LayerObject(
            kind: kind, key: ObjectKey(namespace: namespace, name: name),
            labels: labels.merging([APINames.layerLabel: ""]) { $1 },
            files: files.map { LayerObject.File(name: $0, text: $1) })
    }

    private func resolve(
        _ patch: String, _ objects: [LayerObject], labels: [String: String] = [:]
    ) throws -> ResolvedLayers {
        var cluster = Fixture.cluster(patch)
        cluster.metadata.labels = labels
        return try LayerCatalog(objects: objects, operatorNamespace: "operator")
            .resolve(Fixture.validSpec(of: cluster), for: cluster.metadata)
    }

    private func problems(_ patch: String, _ objects: [LayerObject]) -> [String] {
        let problems = #expect(throws: ConfigProblems.self) { try resolve(patch, objects) }
        return problems?.problems.map(\.description) ?? []
    }

    private static let text = "machine: {}"

    @Test("Inline layers are in their order, and named after where they stand")
    func inline() throws {
        let layers = try resolve(
            """
            {"patches": ["a: b", {"inline": {"c": "d"}, "name": "clocks"}],
             "controlPlane": {"patches": ["e: f"]},
             "workers": [{"name": "workers", "replicas": 1, "patches": ["g: h"]}, {"name": "gpu", "replicas": 1}],
             "machinePatches": {"simple-cp-0": ["i: j"], "simple-cp-9": ["k: l"]}}
            """, [])
        #expect(
            layers
                == ResolvedLayers(
                    cluster: [
                        Layer(name: "spec.patches[0]", content: .text("a: b")),
                        Layer(name: "spec.patches[1] (clocks)", content: .value(["c": "d"])),
                    ],
                    controlPlane: [Layer(name: "spec.controlPlane.patches[0]", content: .text("e: f"))],
                    workers: [
                        try #require(WorkerGroupName("workers")): [
                            Layer(name: "spec.workers[0].patches[0]", content: .text("g: h"))
                        ]
                    ],
                    machines: [
                        "simple-cp-0": [
                            Layer(
                                name: #"spec.machinePatches["simple-cp-0"][0]"#, content: .text("i: j"))
                        ]
                    ]))
        #expect(layers.layers(of: WorkerGroupName("gpu")) == [])
        #expect(layers.layers(of: nil).map(\.name) == ["spec.controlPlane.patches[0]"])
        #expect(layers.layers(ofMachine: "simple-cp-1") == [])
    }

    @Test("Each key of an object is a layer, in lexicographic order, unless it has comments alone")
    func keys() throws {
        let layers = try resolve(
            #"{"patches": [{"configMapRef": {"name": "ntp"}}, {"secretRef": {"name": "wifi"}}, "z: z"]}"#,
            [
                object(
                    "ntp",
                    ["b.yaml": "b: 1", "a10.yaml": "a: 10", "a2.yaml": "a: 2", "B": "c: 1", "note": "# x"]),
                object("wifi", as: .secret, ["psk": "d: 1"]), object("ntp", in: "other", ["x": "x: 1"]),
            ])
        #expect(
            layers.cluster.map(\.name) == [
                "ConfigMap default/ntp (B)", "ConfigMap default/ntp (a10.yaml)",
                "ConfigMap default/ntp (a2.yaml)", "ConfigMap default/ntp (b.yaml)",
                "Secret default/wifi (psk)", "spec.patches[2]",
            ])
        #expect(layers.cluster.map(\.isSecret) == [false, false, false, false, true, false])
        #expect(layers.cluster.map(\.content).first == .text("c: 1"))
    }

    @Test(
        "What cannot be a layer is named with its place",
        arguments: [
            (
                #"{"patches": [{"configMapRef": {"name": "no"}}]}"#,
                "spec.patches[0]: there is no ConfigMap default/no with the label cluster.vitistack.io/layer"
            ),
            (
                #"{"patches": [{"secretRef": {"name": "good"}}]}"#,
                "spec.patches[0]: there is no Secret default/good with the label cluster.vitistack.io/layer"
            ),
            (
                #"{"controlPlane": {"patches": [{"configMapRef": {"name": "elsewhere"}}]}}"#,
                "spec.controlPlane.patches[0]: there is no ConfigMap default/elsewhere with the label cluster.vitistack.io/layer"
            ),
            (
                #"{"patches": [{"configMapRef": {"name": "bare"}}]}"#,
                "spec.patches[0]: ConfigMap default/bare needs the label cluster.vitistack.io/layer, with any value"
            ),
            (
                #"{"patches": [{"configMapRef": {"name": "none"}}]}"#,
                "spec.patches[0]: ConfigMap default/none has no keys"
            ),
            (
                #"{"patches": [{"configMapRef": {"name": "empty"}}]}"#,
                "ConfigMap default/empty (a): is empty: a layer has to change something, or have a comment"
            ),
            (
                #"{"machinePatches": {"simple-cp-0": [{"secretRef": {"name": "binary", "optional": true}}]}}"#,
                "Secret default/binary (a): must be UTF-8 text"
            ),
        ])
    func wrongObjects(patch: String, problem: String) throws {
        let bare = LayerObject(
            kind: .configMap, key: ObjectKey(namespace: "default", name: "bare"), labels: [:],
            files: [LayerObject.File(name: "a", text: Self.text)])
        let objects = [
            bare, object("good", ["a": Self.text]), object("none", [:]), object("empty", ["a": " \n"]),
            object("binary", as: .secret, ["a": nil]), object("elsewhere", in: "other", ["a": Self.text]),
        ]
        #expect(problems(patch, objects) == [problem])
    }

    @Test("Everything that is wrong is said at once, and what many refer to once")
    func allProblems() throws {
        let patch = """
            {"patches": [{"configMapRef": {"name": "a"}}, {"configMapRef": {"name": "a"}},
                         {"secretRef": {"name": "b", "optional": true}}, {"configMapRef": {"name": "empty"}}],
             "controlPlane": {"patches": [{"configMapRef": {"name": "empty"}}]},
             "machinePatches": {"simple-cp-9": [{"configMapRef": {"name": "c"}}]}}
            """
        let label = "with the label cluster.vitistack.io/layer"
        #expect(
            problems(patch, [object("empty", ["a": ""])]) == [
                "spec.patches[0]: there is no ConfigMap default/a \(label)",
                "spec.patches[1]: there is no ConfigMap default/a \(label)",
                "ConfigMap default/empty (a): is empty: a layer has to change something, or have a comment",
            ])
    }

    @Test("More layers than anybody has are refused")
    func tooMany() throws {
        let files = Dictionary(
            uniqueKeysWithValues: (0...LayerCatalog.mostLayers).map { ("\($0)", Self.text) })
        #expect(
            problems(#"{"patches": [{"configMapRef": {"name": "a"}}]}"#, [object("a", files)]) == [
                "there are up to 1001 layers for one machine, at most 1000 are allowed"
            ])
    }

    @Test(
        "ConfigMaps in the operator's namespace reach the clusters that their labels fit, the narrowest last",
        arguments: [
            ([:], ["b-all", "c-all"]),
            ([APINames.platformLabel: "kubevirt"], ["b-all", "c-all", "z-kubevirt"]),
            ([APINames.environmentLabel: "prod"], ["b-all", "c-all", "a-prod"]),
            (
                [APINames.environmentLabel: "prod", APINames.platformLabel: "kubevirt"],
                ["b-all", "c-all", "z-kubevirt", "a-prod", "a-both"]
            ),
            ([APINames.environmentLabel: "test", APINames.platformLabel: "proxmox"], ["b-all", "c-all"]),
        ])
    func operatorWide(labels: [String: String], expected: [String]) throws {
        let prod = [APINames.environmentLabel: "prod"]
        let kubevirt = [APINames.platformLabel: "kubevirt"]
        let file = ["x": Self.text]
        let objects = [
            object("z-kubevirt", in: "operator", labels: kubevirt, file),
            object("c-all", in: "operator", file),
            object("a-both", in: "operator", labels: prod.merging(kubevirt) { $1 }, file),
            object("a-prod", in: "operator", labels: prod, file), object("b-all", in: "operator", file),
            object("secret", as: .secret, in: "operator", file), object("own", file),
            LayerObject(
                kind: .configMap, key: ObjectKey(namespace: "operator", name: "bare"), labels: [:], files: []),
        ]
        let layers = try resolve("{}", objects, labels: labels)
        #expect(layers.operatorWide.map(\.name) == expected.map { "ConfigMap operator/\($0) (x)" })
        #expect(layers.shared == layers.operatorWide)
        let none = LayerCatalog(objects: objects, operatorNamespace: nil)
        #expect(try none.resolve(Fixture.validSpec(), for: Fixture.cluster().metadata) == ResolvedLayers())
    }

    @Test("An object is read as the server sends it, and as files have it")
    func reading() throws {
        let configMap = try LayerObject(
            .configMap,
            Fixture.json(
                """
                {"metadata": {"name": "a", "namespace": "b", "labels": {"c": "d"}}, "data": {"y": "text"},
                 "binaryData": {"x": "w6Q=", "z": "/w=="}}
                """))
        #expect(configMap.description == "ConfigMap b/a" && configMap.labels == ["c": "d"])
        #expect(configMap.files.map(\.name) == ["x", "y", "z"])
        #expect(configMap.files.map(\.text) == ["ä", "text", nil])
        let secret = try LayerObject(
            .secret,
            Fixture.json(
                #"{"metadata": {"name": "a"}, "data": {"x": "dGV4dA==", "y": "eA=="}, "stringData": {"y": "z"}}"#
            ))
        #expect(secret.files.map(\.text) == ["text", "z"])
        #expect(try LayerObject(.secret, Fixture.json(#"{"metadata": {"name": "a"}}"#)).files == [])
    }

    @Test(
        "An object that is none says where",
        arguments: [
            (LayerObject.Kind.secret, #"{"data": {"x": "se cret"}}"#, "data.x: must be Base64"),
            (.configMap, #"{"data": {"x": 1}}"#, "data.x: must be a string, not a number"),
        ])
    func unreadable(kind: LayerObject.Kind, text: String, problem: String) throws {
        let document = Fixture.json(text).mergePatched(with: ["metadata": ["name": "a"]])
        let found = #expect(throws: DecodingProblem.self) { try LayerObject(kind, document) }
        #expect(found?.description == problem)
    }
}
