// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import ClusterController

@Suite("Validation of talosConfig and templates")
struct TalosConfigFieldsTests {
    @Test("Every field of the specification's tables is accepted")
    func everything() throws {
        let spec = try Fixture.validSpec(
            """
            {"podSubnets": ["10.8.0.0/16"], "talosConfig": {
              "machine": {"type": "worker", "token": "abcdef.0123456789abcdef", "ca": {"crt": "c", "key": "k"},
                "certSANs": ["example.com"], "kubelet": {"image": "ghcr.io/x:v1", "extraArgs": {"v": "2", "x": ""}}},
              "cluster": {"name": "simple", "controlPlane": {"endpoint": "https://192.168.1.100:6443"},
                "network": {"dnsDomain": "cluster.local", "podSubnets": ["10.8.0.0/16"],
                            "serviceSubnets": ["10.9.0.0/16"]}},
              "install": {"disk": "/dev/nvme0n1", "image": "i", "bootloader": true, "wipe": false,
                          "extraKernelArgs": ["console=ttyS0"]}}}
            """)
        #expect(spec.installDisk == "/dev/nvme0n1")
        #expect(spec.podSubnets.map(\.description) == ["10.8.0.0/16"])
        #expect(spec.serviceSubnets.map(\.description) == ["10.9.0.0/16"])
    }

    @Test(
        "A field of the wrong type or value is named with its path",
        arguments: [
            ("[]", ": must be an object, not a list"),
            (#"{"machine": 1}"#, ".machine: must be an object, not a number"),
            (
                #"{"machine": {"type": "init"}}"#,
                #".machine.type: must be controlplane or worker, not "init""#
            ),
            (#"{"machine": {"token": 5}}"#, ".machine.token: must be a string, not a number"),
            (#"{"machine": {"token": ""}}"#, ".machine.token: must not be empty"),
            (#"{"machine": {"ca": {"crt": "x"}}}"#, ".machine.ca.key: is required"),
            (#"{"machine": {"ca": {"key": "x"}}}"#, ".machine.ca.crt: is required"),
            (#"{"machine": {"ca": "x"}}"#, ".machine.ca: must be an object, not a string"),
            (#"{"machine": {"certSANs": "x"}}"#, ".machine.certSANs: must be a list, not a string"),
            (#"{"machine": {"certSANs": ["x", 1]}}"#, ".machine.certSANs[1]: must be a string, not a number"),
            (
                #"{"machine": {"kubelet": {"image": true}}}"#,
                ".machine.kubelet.image: must be a string, not a boolean"
            ),
            (#"{"machine": {"kubelet": []}}"#, ".machine.kubelet: must be an object, not a list"),
            (
                #"{"machine": {"kubelet": {"extraArgs": {"v": 2}}}}"#,
                #".machine.kubelet.extraArgs["v"]: must be a string, not a number"#
            ),
            (#"{"cluster": []}"#, ".cluster: must be an object, not a list"),
            (#"{"cluster": {"network": 1}}"#, ".cluster.network: must be an object, not a number"),
            (
                #"{"cluster": {"network": {"dnsDomain": "a_b"}}}"#,
                #".cluster.network.dnsDomain: must be a DNS domain, not "a_b""#
            ),
            (
                #"{"cluster": {"network": {"podSubnets": ["x"]}}}"#,
                #".cluster.network.podSubnets[0]: must be a network such as 10.244.0.0/16 or fd00:10::/56, not "x""#
            ),
            (
                #"{"install": {"disk": "sda"}}"#,
                #".install.disk: must be a device such as /dev/sda, not "sda""#
            ),
            (#"{"install": {"image": ""}}"#, ".install.image: must not be empty"),
            (
                #"{"install": {"bootloader": "yes"}}"#,
                ".install.bootloader: must be true or false, not a string"
            ),
            (#"{"install": {"wipe": 0}}"#, ".install.wipe: must be true or false, not a number"),
            (#"{"install": {"extraKernelArgs": [null]}}"#, ".install.extraKernelArgs[0]: is required"),
        ])
    func wrongFields(config: String, problem: String) {
        let spec = Fixture.spec(#"{"talosConfig": \#(config)}"#)
        #expect(ClusterValidation(spec).problemLines == ["spec.talosConfig\(problem)"])
    }

    @Test(
        "What talosConfig repeats has to be the same as above",
        arguments: [
            (
                #"{"talosConfig": {"cluster": {"name": "other"}}}"#,
                #"cluster.name: must be the same as spec.clusterName (simple), or absent, not "other""#
            ),
            (
                #"{"talosConfig": {"cluster": {"controlPlane": {"endpoint": "https://other:6443"}}}}"#,
                "cluster.controlPlane.endpoint: must be the same as spec.clusterEndpoint "
                    + #"(https://192.168.1.100:6443), or absent, not "https://other:6443""#
            ),
            (
                #"{"podSubnets": ["10.8.0.0/16"], "talosConfig": {"cluster": {"network": {"podSubnets": ["10.9.0.0/16"]}}}}"#,
                "cluster.network.podSubnets: must be the same as spec.podSubnets, or absent"
            ),
        ])
    func contradictions(patch: String, problem: String) {
        #expect(ClusterValidation(Fixture.spec(patch)).problemLines == ["spec.talosConfig.\(problem)"])
    }

    @Test("No problem ever shows a token or a key")
    func secretsStaySecret() {
        let secret = "s3cr3t"
        let variants = [
            #"{"token": ["\#(secret)"]}"#, #"{"token": {"\#(secret)": 1}}"#, #"{"ca": "\#(secret)"}"#,
            #"{"ca": {"key": ["\#(secret)"], "crt": ["\#(secret)"]}}"#,
            #"{"token": "\#(secret)", "ca": {"key": "\#(secret)", "crt": ""}}"#,
        ]
        for machine in variants {
            let lines = ClusterValidation(Fixture.spec(#"{"talosConfig": {"machine": \#(machine)}}"#))
                .problemLines
            #expect(!lines.contains { $0.contains(secret) })
        }
    }

    @Test(
        "A template that the API server would refuse is refused here",
        arguments: [
            (#"{"spec": []}"#, ".spec: must be an object, not a list"),
            (#"{"spec": {"talosConfig": 3}}"#, ".spec.talosConfig: must be an object, not a number"),
            (
                #"{"spec": {"talosConfig": {"cluster": {"network": []}}}}"#,
                ".spec.talosConfig.cluster.network: must be an object, not a list"
            ),
            (#"{"metadata": 1}"#, ".metadata: must be an object, not a number"),
            (#"{"metadata": {"labels": []}}"#, ".metadata.labels: must be an object, not a list"),
            (
                #"{"metadata": {"labels": {"a": 1}}}"#,
                #".metadata.labels["a"]: must be a string, not a number"#
            ),
            (
                #"{"metadata": {"labels": {"a b": "c"}}}"#,
                #".metadata.labels["a b"]: the key must be a label key such as example.com/name"#
            ),
            (
                #"{"metadata": {"annotations": {"a/b/c": "d"}}}"#,
                #".metadata.annotations["a/b/c"]: the key must be a label key such as example.com/name"#
            ),
            (
                #"{"metadata": {"labels": {"a": "-b"}}}"#,
                #".metadata.labels["a"]: must be at most 63 letters, digits, '-', '_' and '.', the ends alphanumeric, not "-b""#
            ),
        ])
    func wrongTemplates(template: String, problem: String) {
        let spec = Fixture.spec(#"{"controlPlane": {"machineTemplate": \#(template)}}"#)
        #expect(ClusterValidation(spec).problemLines == ["spec.controlPlane.machineTemplate\(problem)"])
    }

    @Test("Labels and annotations of a template are read")
    func templateMetadata() throws {
        let spec = try Fixture.validSpec(
            """
            {"controlPlane": {"machineTemplate": {"metadata": {
              "labels": {"example.com/Tier_1.x": "a.B-c", "empty": ""}, "annotations": {"note": "any text: 100 %"}}}}}
            """)
        #expect(spec.controlPlane.template.labels == ["example.com/Tier_1.x": "a.B-c", "empty": ""])
        #expect(spec.controlPlane.template.annotations == ["note": "any text: 100 %"])
    }
}
