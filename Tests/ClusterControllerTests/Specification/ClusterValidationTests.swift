// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import ClusterController

@Suite("Validation of a cluster")
struct ClusterValidationTests {
    @Test("The simple cluster is valid, and what it leaves out has the defaults")
    func simpleCluster() throws {
        let spec = try Fixture.validSpec()
        #expect(spec.clusterName.description == "simple")
        #expect(spec.controlPlane.replicas.value == 3)
        #expect(spec.controlPlane.template == MachineTemplate())
        #expect(spec.workers.map(\.name.description) == ["workers"])
        #expect(spec.workers.map(\.template.spec) == [["machineClass": "large"]])
        #expect(spec.podSubnets.map(\.description) == ["10.244.0.0/16"])
        #expect(spec.serviceSubnets.map(\.description) == ["10.96.0.0/12"])
        #expect(spec.installDisk == "/dev/sda")
        #expect(ClusterValidation(Fixture.spec()).warningLines.isEmpty)
    }

    @Test(
        "What may be absent may be absent, null or empty",
        arguments: [
            #"{"workers": null}"#, #"{"workers": []}"#, #"{"podSubnets": [], "serviceSubnets": []}"#,
            #"{"controlPlane": {"machineTemplate": null}}"#,
            #"{"controlPlane": {"machineTemplate": {"spec": {}}}}"#,
            #"{"talosConfig": {}}"#, #"{"talosConfig": {"machine": {}, "cluster": {}, "install": {}}}"#,
            #"{"controlPlane": {"machineTemplate": {"metadata": {}}}}"#,
            #"{"somethingNew": [1, {"x": true}]}"#,
            #"{"talosConfig": {"machine": {"sysctls": {"a": 1}}}}"#,
            #"{"workers": [{"name": "w", "replicas": 0}]}"#,
        ])
    func optionalFields(patch: String) {
        #expect(ClusterValidation(Fixture.spec(patch)).problemLines == [])
    }

    @Test("A specification without anything names every required field")
    func emptySpecification() {
        #expect(
            ClusterValidation([:]).problemLines == [
                "spec.clusterName: is required", "spec.kubernetesVersion: is required",
                "spec.talosVersion: is required", "spec.clusterEndpoint: is required",
                "spec.controlPlane: is required",
            ])
        #expect(ClusterValidation(nil).problemLines == ["spec: is required"])
        #expect(ClusterValidation(.null).problemLines == ["spec: is required"])
        #expect(ClusterValidation("x").problemLines == ["spec: must be an object, not a string"])
    }

    @Test("Every problem is reported at once, each with its path, what is allowed and what is there")
    func allAtOnce() {
        let spec = Fixture.spec(
            """
            {"clusterName": "Simple", "kubernetesVersion": "1.28.3", "clusterEndpoint": "http://x",
             "controlPlane": {"replicas": 4},
             "workers": [{"name": "a", "replicas": 1}, {"name": "a", "replicas": -1}, {"name": "cp", "replicas": "2"}],
             "podSubnets": ["10.244.0.1/16"]}
            """)
        #expect(
            ClusterValidation(spec).problemLines == [
                "spec.clusterName: must be a DNS-1123 label (1 to 63 lower-case letters, digits and inner hyphens), "
                    + #"not "Simple""#,
                #"spec.kubernetesVersion: must be a version such as v1.28.3, not "1.28.3""#,
                #"spec.clusterEndpoint: must be https://host:port, an IPv6 address in brackets, not "http://x""#,
                #"spec.podSubnets[0]: must be in canonical form, 10.244.0.0/16, not "10.244.0.1/16""#,
                "spec.controlPlane.replicas: must be 1, 3, 5 or 7, not 4",
                "spec.workers[1].name: duplicate of spec.workers[0].name",
                "spec.workers[1].replicas: must be 0 to 1000, not -1",
                #"spec.workers[2].name: must be another name: "cp" names the control plane's Machines, not "cp""#,
                "spec.workers[2].replicas: must be a whole number, not a string",
            ])
    }

    @Test(
        "A single mistake is a single problem",
        arguments: [
            (#"{"controlPlane": {"replicas": null}}"#, "spec.controlPlane.replicas: is required"),
            (
                #"{"controlPlane": {"replicas": 1.5}}"#,
                "spec.controlPlane.replicas: must be a whole number, not a fraction"
            ),
            (
                #"{"controlPlane": {"replicas": 0}}"#,
                "spec.controlPlane.replicas: must be 1, 3, 5 or 7, not 0"
            ),
            (
                #"{"controlPlane": {"replicas": 9223372036854775807}}"#,
                "spec.controlPlane.replicas: must be 1, 3, 5 or 7, not 9223372036854775807"
            ),
            (
                #"{"controlPlane": {"replicas": 1e300}}"#,
                "spec.controlPlane.replicas: must be a whole number, not a fraction"
            ),
            (#"{"controlPlane": []}"#, "spec.controlPlane: must be an object, not a list"),
            (#"{"workers": {}}"#, "spec.workers: must be a list, not an object"),
            (#"{"workers": [null]}"#, "spec.workers[0]: is required"),
            (#"{"workers": [3]}"#, "spec.workers[0]: must be an object, not a number"),
            (#"{"workers": [{"replicas": 1}]}"#, "spec.workers[0].name: is required"),
            (#"{"workers": [{"name": "a"}]}"#, "spec.workers[0].replicas: is required"),
            (#"{"workers": [{"name": "", "replicas": 1}]}"#, "spec.workers[0].name: must not be empty"),
            (#"{"clusterName": 7}"#, "spec.clusterName: must be a string, not a number"),
            (#"{"talosVersion": "v1.2.9"}"#, "spec.talosVersion: must be v1.3.0 or newer, not v1.2.9"),
            (#"{"podSubnets": "10.0.0.0/8"}"#, "spec.podSubnets: must be a list, not a string"),
            (#"{"podSubnets": [null]}"#, "spec.podSubnets[0]: is required"),
            (
                #"{"podSubnets": ["10.96.0.0/12"]}"#,
                "spec.podSubnets[0]: 10.96.0.0/12 overlaps 10.96.0.0/12 of the default of spec.serviceSubnets"
            ),
            (
                #"{"podSubnets": ["10.0.0.0/16", "10.0.1.0/24"]}"#,
                "spec.podSubnets[1]: 10.0.1.0/24 overlaps 10.0.0.0/16 of spec.podSubnets[0]"
            ),
            (
                #"{"podSubnets": ["10.0.0.0/9"], "serviceSubnets": ["10.1.0.0/16"]}"#,
                "spec.serviceSubnets[0]: 10.1.0.0/16 overlaps 10.0.0.0/9 of spec.podSubnets[0]"
            ),
        ])
    func singleMistakes(patch: String, problem: String) {
        #expect(ClusterValidation(Fixture.spec(patch)).problemLines == [problem])
    }

    @Test(
        "A generated name of more than 63 characters is refused, one of 63 is not",
        arguments: [
            (47, 10, []), (48, 10, ["spec.workers[0].name"]), (47, 11, ["spec.workers[0].name"]),
            (60, 0, ["spec.clusterName"]),
        ])
    func longNames(length: Int, replicas: Int, paths: [String]) {
        // 47 + "-" + 13 + "-" + 1 = 63
        let name = String(repeating: "n", count: length)
        let spec = Fixture.spec(
            #"{"clusterName": "\#(name)", "workers": [{"name": "workers-group", "replicas": \#(replicas)}]}"#)
        let problems = ClusterValidation(spec).problemLines
        #expect(problems.map { String($0.prefix { $0 != ":" }) } == paths)
        #expect(problems.allSatisfy { $0.contains("at most 63 are allowed") })
    }

    @Test("A cluster has at most 5000 Machines")
    func tooManyMachines() {
        let groups = (0..<5).map { #"{"name": "g\#($0)", "replicas": 1000}"# }.joined(separator: ",")
        #expect(
            ClusterValidation(Fixture.spec(#"{"workers": [\#(groups)]}"#)).problemLines
                == ["spec.workers[4].replicas: makes 5003 Machines in all, at most 5000 are allowed"])
    }

    @Test("A hostile specification makes no more than a hundred problems")
    func manyProblems() {
        let values = JSONValue.array(Array(repeating: 3, count: 20_000))
        var spec = Fixture.spec().object ?? JSONObject()
        spec["talosConfig"] = ["machine": ["certSANs": values]]
        #expect(ClusterValidation(.object(spec)).problemLines.count == 100)
    }

    @Test(
        "The pair of Talos and Kubernetes has to be in the support table",
        arguments: [
            (
                "v1.5.0", "v1.25.9",
                "spec.kubernetesVersion: must be v1.26 to v1.28 with Talos v1.5.0, not v1.25.9"
            ),
            ("v1.3.0", "v1.24.0", nil), ("v1.4.9", "v1.27.1", nil), ("v1.5.0", "v1.26.0", nil),
            ("v1.5.99", "v1.28.99", nil),
            ("v1.13.7", "v1.36.3", nil), ("v1.14.0", "v1.37.0", nil),
            (
                "v1.13.7", "v1.37.0",
                "spec.kubernetesVersion: must be v1.31 to v1.36 with Talos v1.13.7, not v1.37.0"
            ),
            (
                "v1.14.0", "v2.33.0",
                "spec.kubernetesVersion: must be v1.32 to v1.37 with Talos v1.14.0, not v2.33.0"
            ),
        ])
    func support(talos: String, kubernetes: String, problem: String?) {
        let spec = Fixture.spec(#"{"talosVersion": "\#(talos)", "kubernetesVersion": "\#(kubernetes)"}"#)
        #expect(ClusterValidation(spec).problemLines == [problem].compactMap(\.self))
        #expect(ClusterValidation(spec).warningLines.isEmpty)
    }

    @Test("A Talos newer than the table is a warning", arguments: ["v1.15.0", "v2.0.0"])
    func newerTalos(version: String) {
        let validation = ClusterValidation(
            Fixture.spec(#"{"talosVersion": "\#(version)", "kubernetesVersion": "v1.99.0"}"#))
        #expect(validation.problemLines.isEmpty)
        #expect(
            validation.warningLines == [
                "spec.talosVersion: \(version) is newer than this operator knows; its Kubernetes versions are not checked"
            ])
    }
}
