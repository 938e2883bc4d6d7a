// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos
import Testing

@testable import ClusterController

@Suite("Validation of what makes Talos configurations")
struct ManagementFieldsTests {
    private func problems(_ patch: String) -> [String] {
        ClusterValidation(Fixture.spec(patch)).problemLines
    }

    @Test("Without any of it a cluster is managed as before")
    func defaults() throws {
        let spec = try Fixture.validSpec()
        #expect(spec.management == .machines && spec.validationMode == .metal && spec.schematic == nil)
        #expect(spec.patches == [] && spec.controlPlane.patches == [] && spec.machinePatches == [:])
        #expect(spec.data.isEmpty && spec.machineData == [:] && spec.talosConfig.isEmpty)
        #expect(ClusterValidation(Fixture.simpleSpec).warningLines == [])
    }

    @Test("What is given is read")
    func everything() throws {
        let spec = try Fixture.validSpec(
            """
            {"management": "Config", "validationMode": "cloud", "data": {"ntp": ["a", "b"]},
             "machineData": {"simple-cp-0": {"rack": 7}}, "talosConfig": {"install": {"disk": "/dev/vda"}},
             "patches": ["machine: {}", {"machine": {"sysctls": {"a": "b"}}}, [{"op": "test"}],
                         {"inline": "debug: true", "name": "loud"}, {"inline": {"debug": true}},
                         {"configMapRef": {"name": "ntp"}}, {"secretRef": {"name": "wifi.home", "optional": true}}],
             "controlPlane": {"replicas": 1, "patches": ["a: b"]},
             "workers": [{"name": "workers", "replicas": 2, "patches": ["c: d"]}],
             "machinePatches": {"simple-cp-0": ["e: f"]}}
            """)
        #expect(spec.management == .config && spec.validationMode == .cloud)
        #expect(spec.data == ["ntp": ["a", "b"]] && spec.machineData == ["simple-cp-0": ["rack": 7]])
        #expect(spec.talosConfig == ["install": ["disk": "/dev/vda"]])
        let contents: [LayerSource.Content] = [
            .inline(.text("machine: {}")), .inline(.value(["machine": ["sysctls": ["a": "b"]]])),
            .inline(.value([["op": "test"]])), .inline(.text("debug: true")),
            .inline(.value(["debug": true])), .configMap(name: "ntp", isOptional: false),
            .secret(name: "wifi.home", isOptional: true),
        ]
        #expect(spec.patches.map(\.content) == contents)
        #expect(spec.patches.map(\.path) == (0..<7).map { "spec.patches[\($0)]" })
        #expect(spec.patches.map(\.name) == [nil, nil, nil, "loud", nil, nil, nil])
        #expect(spec.controlPlane.patches.map(\.path) == ["spec.controlPlane.patches[0]"])
        #expect(spec.workers.first?.patches.map(\.path) == ["spec.workers[0].patches[0]"])
        #expect(
            spec.machinePatches["simple-cp-0"]?.map(\.path) == [#"spec.machinePatches["simple-cp-0"][0]"#])
    }

    @Test(
        "What is wrong is named with its path",
        arguments: [
            (
                #"{"management": "config"}"#,
                #"spec.management: must be Machines, Config or Full, not "config""#
            ),
            (#"{"management": 1}"#, "spec.management: must be a string, not a number"),
            (
                #"{"validationMode": "vm"}"#,
                #"spec.validationMode: must be metal, cloud or container, not "vm""#
            ),
            (#"{"data": []}"#, "spec.data: must be an object, not a list"),
            (#"{"machineData": {"a": 1}}"#, #"spec.machineData["a"]: must be an object, not a number"#),
            (#"{"patches": {}}"#, "spec.patches: must be a list, not an object"),
            (#"{"patches": [null]}"#, "spec.patches[0]: is required"),
            (
                #"{"patches": [true]}"#,
                "spec.patches[0]: must be YAML text, a patch or a list of operations, not a boolean"
            ),
            (#"{"patches": [""]}"#, "spec.patches[0]: is empty: a patch has to change something"),
            (
                ##"{"patches": ["# nothing\n---\n  # at all\n"]}"##,
                "spec.patches[0]: is empty: a patch has to change something"
            ),
            (#"{"patches": [{}]}"#, "spec.patches[0]: is empty: a patch has to change something"),
            (#"{"patches": [[]]}"#, "spec.patches[0]: is empty: a patch has to change something"),
            (
                #"{"patches": [{"inline": ""}]}"#,
                "spec.patches[0].inline: is empty: a patch has to change something"
            ),
            (#"{"patches": [{"inline": null}]}"#, "spec.patches[0].inline: is required"),
            (
                #"{"patches": [{"inline": "a: b", "secretRef": {"name": "a"}}]}"#,
                "spec.patches[0]: must have only one of inline, secretRef"
            ),
            (
                #"{"patches": [{"inline": "a: b", "machine": {}}]}"#,
                #"spec.patches[0]["machine"]: is not known here: there are inline, name"#
            ),
            (
                #"{"patches": [{"inline": "a: b", "name": ""}]}"#,
                "spec.patches[0].name: must not be empty"
            ),
            (
                #"{"patches": [{"configMapRef": "ntp"}]}"#,
                "spec.patches[0].configMapRef: must be an object, not a string"
            ),
            (#"{"patches": [{"configMapRef": {}}]}"#, "spec.patches[0].configMapRef.name: is required"),
            (
                #"{"patches": [{"configMapRef": {"name": "../a"}}]}"#,
                #"spec.patches[0].configMapRef.name: must be a DNS-1123 subdomain, not "../a""#
            ),
            (
                #"{"patches": [{"configMapRef": {"name": "a", "key": "b"}}]}"#,
                #"spec.patches[0].configMapRef["key"]: is not known here: there are name, optional"#
            ),
            (
                #"{"patches": [{"secretRef": {"name": "a", "namespace": "b"}}]}"#,
                "spec.patches[0].secretRef: must have no namespace: layers are read from the cluster's own"
            ),
            (
                #"{"patches": [{"secretRef": {"name": "a", "optional": "yes"}}]}"#,
                "spec.patches[0].secretRef.optional: must be true or false, not a string"
            ),
            (
                #"{"patches": [{"secretRef": {"name": "a"}, "name": "b"}]}"#,
                "spec.patches[0].name: must be absent: the layers of an object are named after its keys"
            ),
            (
                #"{"machinePatches": {"simple-cp-0": "a: b"}}"#,
                #"spec.machinePatches["simple-cp-0"]: must be a list, not a string"#
            ),
            (
                #"{"controlPlane": {"patches": [7]}}"#,
                "spec.controlPlane.patches[0]: must be YAML text, a patch or a list of operations, not a number"
            ),
            (
                #"{"workers": [{"name": "w", "replicas": 1, "patches": [7]}]}"#,
                "spec.workers[0].patches[0]: must be YAML text, a patch or a list of operations, not a number"
            ),
        ])
    func wrongFields(patch: String, problem: String) {
        #expect(problems(patch) == [problem])
    }

    @Test("A list may have no more patches than the schema allows")
    func tooManyPatches() {
        let list = JSONValue.array(Array(repeating: "a: b", count: PatchFields.mostPatches + 1))
        let spec = Fixture.simpleSpec.mergePatched(with: .object(["patches": list]))
        #expect(
            ClusterValidation(spec).problemLines == ["spec.patches: must have at most 64 elements, not 65"])
    }

    @Test(
        "A configuration is only made for versions of Talos whose layout is known",
        arguments: [
            (
                "v1.14.0", "v1.34.0",
                ["spec.talosVersion: must be v1.3 to v1.13 with management Config, not v1.14.0"]
            ),
            ("v1.13.9", "v1.34.0", []), ("v1.5.0", "v1.28.0", []),
        ])
    func versions(talos: String, kubernetes: String, problems expected: [String]) {
        let versions = #""talosVersion": "\#(talos)", "kubernetesVersion": "\#(kubernetes)""#
        #expect(problems(#"{\#(versions), "management": "Config"}"#) == expected)
        #expect(problems("{\(versions)}") == [])
    }

    @Test(
        "Where a configuration is made of talosConfig, nothing in it may be unknown",
        arguments: [
            (#"{"machine": {"sysctls": {}}}"#, #".machine["sysctls"]"#),
            (#"{"machine": {"kubelet": {"extraMounts": []}}}"#, #".machine.kubelet["extraMounts"]"#),
            (#"{"debug": true}"#, #"["debug"]"#),
            (#"{"cluster": {"network": {"cni": {}}}}"#, #".cluster.network["cni"]"#),
            (#"{"install": {"diskSelector": {}}}"#, #".install["diskSelector"]"#),
        ])
    func unknownFields(config: String, path: String) {
        #expect(
            problems(#"{"management": "Config", "talosConfig": \#(config)}"#)
                == ["spec.talosConfig\(path): is no field of talosConfig: set it in spec.patches"])
        #expect(problems(#"{"talosConfig": \#(config)}"#) == [])
    }

    @Test("What has no effect is a warning, for scaling down must not break a cluster")
    func warnings() {
        let patch =
            #"{"management": "Config", "machinePatches": {"simple-cp-3": ["a: b"]}, "machineData": {"x": {}}}"#
        #expect(
            ClusterValidation(Fixture.spec(patch)).warningLines == [
                #"spec.machinePatches: there is no Machine "simple-cp-3", so what is said of it has no effect"#,
                #"spec.machineData: there is no Machine "x", so what is said of it has no effect"#,
            ])
        #expect(
            ClusterValidation(Fixture.spec(#"{"patches": ["a: b"], "data": {}}"#)).warningLines == [
                "spec.patches: has no effect without management Config",
                "spec.data: has no effect without management Config",
            ])
    }

    @Test(
        "Text of comments alone is told from text that says something",
        arguments: [
            ("", true), (" \n\t\n", true), ("# a\n  # b", true), ("---\n# a\n--- # b\n...\n", true),
            ("--- a: b", false), ("a: b # c", false), ("---\n{}", false), ("----", false), ("---#a", false),
            ("\r\n# a\r\n", true),
        ])
    func onlyComments(text: String, expected: Bool) {
        #expect(text.hasOnlyComments == expected)
    }
}
