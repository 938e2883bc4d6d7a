// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import Talos
import Testing

@testable import ClusterController

@Suite("Configurations that cannot be made")
struct MachineConfigProblemTests {
    @Test(
        "What is wrong is named with its layer, line and path",
        arguments: [
            (#"{"patches": ["machine:\n  sysctl: {}"]}"#, "spec.patches[0], line 2", "sysctl"),
            (#"{"patches": ["machine: ["]}"#, "spec.patches[0], line ", ""),
            (
                #"{"patches": ["machine: {kubelet: {image: '${nothing}'}}"]}"#, "spec.patches[0], line 1",
                "${nothing}"
            ),
            (
                #"{"patches": ["machine: {kubelet: {image: '${machine.nothing}'}}"]}"#,
                "spec.patches[0], line 1", "machine.nothing"
            ),
            (
                #"{"patches": [{"inline": {"machine": {"install": {"wipe": "x"}}}, "name": "disks"}]}"#,
                "spec.patches[0] (disks)", "wipe"
            ),
            (
                #"{"controlPlane": {"patches": ["{apiVersion: v1alpha1, kind: VRFConfig, name: a}"]}}"#,
                "spec.controlPlane.patches[0]", "VRFConfig"
            ),
            (
                #"{"machinePatches": {"simple-cp-0": ["machine:\n  type: x"]}}"#,
                #"spec.machinePatches["simple-cp-0"][0], line 2"#, "machine.type"
            ),
            (#"{"patches": ["machine:\n  network:\n    hostname: a"]}"#, "spec.patches[0]", "hostname"),
        ])
    func problems(patch: String, place: String, text: String) throws {
        let problems = try ConfigFixture(patch).problems()
        #expect(
            problems.count == 1 && problems.allSatisfy { $0.hasPrefix(place) && $0.contains(text) },
            "\(problems)")
    }

    @Test("One machine's problem is not another's")
    func single() throws {
        let fixture = try ConfigFixture(#"{"machinePatches": {"simple-cp-1": ["machine: {type: x}"]}}"#)
        let all = try fixture.renderer().renderAll()
        #expect(
            all.filter { if case .failure = $0.value { true } else { false } }.keys.sorted() == [
                "simple-cp-1"
            ])
        #expect(all.count == 5)
    }

    @Test("What is the same for a role is wrong for that role alone")
    func role() throws {
        let fixture = try ConfigFixture(
            #"{"workers": [{"name": "workers", "replicas": 2, "patches": ["cluster: {etcd: {}}"]}]}"#)
        #expect(fixture.problems("simple-cp-0") == [])
        #expect(
            fixture.problems("simple-workers-1").contains { $0.contains("etcd") },
            "\(fixture.problems("simple-workers-1"))")
    }

    @Test("All layers that cannot be read are named at once")
    func allLayers() throws {
        let fixture = try ConfigFixture(
            #"{"patches": ["a: b", "c: d"], "controlPlane": {"patches": ["e: f"]}}"#)
        let lines = fixture.problems()
        #expect(lines.count == 3, "\(lines)")
    }

    @Test("No problem shows what a Secret has")
    func secretsStaySecret() throws {
        let secret = LayerObject(
            kind: .secret, key: .init(namespace: "default", name: "s"), labels: [APINames.layerLabel: ""],
            files: [
                .init(
                    name: "x", text: "machine: {type: hunter2, certSANs: [hunter2], install: {disk: hunter2}}"
                )
            ])
        let fixture = try ConfigFixture(#"{"patches": [{"secretRef": {"name": "s"}}]}"#, [secret])
        let lines = fixture.problems()
        #expect(lines.contains { $0.hasPrefix("Secret default/s (x)") }, "\(lines)")
        #expect(!lines.contains { $0.contains("hunter2") }, "\(lines)")
    }

    private static let schematic = #""schematic": {"extensions": ["siderolabs/iscsi-tools"]}"#

    @Test(
        "A schematic's installer is the image, and a layer that takes another one is told what would be lost")
    func schematicImage() throws {
        let id = "c9078f9419961640c712a8bf2bb9174933dfcf1da383fd8ea2b7dc21493f8bac"
        let image = "factory.talos.dev/metal-installer/\(id):v1.12.3"
        let fixture = try ConfigFixture("{\(Self.schematic)}")
        #expect(
            try fixture.render("simple-cp-0").configuration["machine", "install", "image"]?.string == image)
        #expect(try fixture.render("simple-workers-0").yaml.contains("image: \(image)\n"))
        let other = #""patches": ["machine:\n  install:\n    image: ghcr.io/siderolabs/installer:v1.12.3"]"#
        let problems = try ConfigFixture("{\(Self.schematic), \(other)}").problems()
        #expect(problems.count == 1)
        #expect(
            problems.first?.hasPrefix("spec.patches[0], line 3: machine.install.image: ") == true,
            "\(problems)")
        #expect(problems.first?.contains("siderolabs/iscsi-tools") == true)
        let same = #""talosConfig": {"install": {"image": "\#(image)"}}"#
        #expect(try ConfigFixture("{\(Self.schematic), \(same)}").problems() == [])
    }

    @Test("The ID of a schematic is a variable")
    func schematicVariable() throws {
        let patch = #"{"schematic": {}, "patches": ["machine: {sysctls: {s: 'x${schematicID}', t: $$5}}"]}"#
        let config = try ConfigFixture(patch).render("simple-workers-0").configuration
        let sysctls = config["machine", "sysctls"]
        let vanilla = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
        #expect(sysctls?.json == ["s": .string("x\(vanilla)"), "t": "$5"])
    }
}
