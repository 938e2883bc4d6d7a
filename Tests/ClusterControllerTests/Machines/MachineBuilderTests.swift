// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import Testing

@testable import ClusterController

@Suite("Topology and the Machines built from it")
struct MachineBuilderTests {
    @Test("The control plane comes first, then the groups as listed, each by rising index")
    func order() throws {
        let spec = try Fixture.validSpec(
            #"{"workers": [{"name": "z", "replicas": 2}, {"name": "none", "replicas": 0}, {"name": "a", "replicas": 1}]}"#
        )
        let nodes = Topology(spec).nodes
        #expect(
            nodes.map(\.name) == [
                "simple-cp-0", "simple-cp-1", "simple-cp-2", "simple-z-0", "simple-z-1", "simple-a-0",
            ])
        #expect(
            nodes.map(\.role) == [.controlPlane, .controlPlane, .controlPlane, .worker, .worker, .worker])
        #expect(nodes.map(\.index) == [0, 1, 2, 0, 1, 0])
    }

    @Test("A worker Machine has exactly the fields of the specification")
    func workerDocument() throws {
        let machines = try Fixture.desired(Fixture.cluster())
        let worker = try #require(machines.first { $0.key.name == "simple-workers-1" })
        #expect(worker.key == ObjectKey(namespace: "default", name: "simple-workers-1"))
        #expect(worker.role == .worker)
        #expect(
            worker.document
                == Fixture.json(
                    """
                    {"apiVersion": "vitistack.io/v1alpha1", "kind": "Machine",
                     "metadata": {
                       "name": "simple-workers-1", "namespace": "default",
                       "labels": {"cluster.vitistack.io/cluster-name": "simple",
                                  "cluster.vitistack.io/role": "worker",
                                  "cluster.vitistack.io/worker-group": "workers"},
                       "annotations": {"cluster.vitistack.io/applied-digest": "\(worker.digest)"},
                       "ownerReferences": [{"apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster",
                                            "name": "simple", "uid": "uid-1",
                                            "controller": true, "blockOwnerDeletion": true}]},
                     "spec": {"machineClass": "large",
                       "talosConfig": {"machineType": "worker", "clusterEndpoint": "https://192.168.1.100:6443",
                         "installDisk": "/dev/sda",
                         "cluster": {"network": {"podSubnets": ["10.244.0.0/16"],
                                                 "serviceSubnets": ["10.96.0.0/12"]}}}}}
                    """))
    }

    @Test("A reference to a configuration adds two fields to that Machine alone, and changes its digest")
    func configReference() throws {
        let (cluster, spec) = (Fixture.cluster(), try Fixture.validSpec())
        let reference = ConfigReference(secretName: "simple-cp-1-talos-config", digest: "abc")
        let plain = MachineBuilder(cluster, spec).machines()
        let machines = MachineBuilder(cluster, spec, configs: ["simple-cp-1": reference]).machines()
        #expect(zip(plain, machines).filter { $0 != $1 }.map(\.1.key.name) == ["simple-cp-1"])
        let addition = JSONValue.mergePatch(from: plain[1].document, to: machines[1].document)
        #expect(
            addition == [
                "metadata": [
                    "annotations": [
                        "cluster.vitistack.io/config-digest": "abc",
                        "cluster.vitistack.io/applied-digest": .string(machines[1].digest),
                    ]
                ],
                "spec": ["talosConfig": ["configSecretRef": ["name": "simple-cp-1-talos-config"]]],
            ])
        #expect(plain[1].digest != machines[1].digest)
    }

    @Test("A control plane Machine has no worker group and may have no template at all")
    func controlPlaneDocument() throws {
        let machine = try #require(try Fixture.desired(Fixture.cluster()).first)
        #expect(machine.document["metadata"]?["labels"]?.object?.count == 2)
        #expect(machine.document["spec"]?["talosConfig"]?["machineType"] == "controlplane")
        #expect(machine.document["spec"]?.object?.count == 1)
    }

    @Test("Unknown fields of the template travel untouched, integers above 2^53 and nulls too")
    func unknownFields() throws {
        let template: JSONValue = [
            "big": 9_007_199_254_740_993, "nothing": .null, "list": [["x": .null], .double(1.5)],
            "text": "yes",
        ]
        let cluster = Fixture.cluster()
        var withTemplate = cluster
        withTemplate.spec = Fixture.spec()
        var object = try #require(withTemplate.spec.object)
        object["workers"] = [["name": "w", "replicas": 1, "machineTemplate": ["spec": template]]]
        withTemplate.spec = .object(object)
        let spec = try #require(try Fixture.desired(withTemplate).last?.document["spec"]?.object)
        for key in ["big", "nothing", "list", "text"] { #expect(spec[key] == template[key]) }
    }

    @Test("Labels, annotations and talosConfig of the template stay, where ours do not win")
    func collisions() throws {
        let machines = try Fixture.desired(
            Fixture.cluster(
                """
                {"controlPlane": {"replicas": 1, "machineTemplate": {
                  "metadata": {"labels": {"tier": "x", "cluster.vitistack.io/role": "worker"},
                               "annotations": {"note": "n", "cluster.vitistack.io/applied-digest": "forged"}},
                  "spec": {"talosConfig": {"machineType": "worker", "extra": 1, "installDisk": "/dev/vdz",
                           "cluster": {"id": 7, "network": {"cni": "none", "podSubnets": ["1.0.0.0/8"]}}}}}}}
                """))
        let machine = try #require(machines.first)
        let metadata = try #require(machine.document["metadata"])
        #expect(metadata["labels"]?["tier"] == "x")
        #expect(metadata["labels"]?["cluster.vitistack.io/role"] == "controlplane")
        #expect(metadata["annotations"]?["note"] == "n")
        #expect(metadata["annotations"]?[APINames.appliedDigestAnnotation] == .string(machine.digest))
        let talos = try #require(machine.document["spec"]?["talosConfig"])
        #expect(talos["machineType"] == "controlplane")
        #expect(talos["installDisk"] == "/dev/sda")
        #expect(talos["extra"] == 1)
        #expect(talos["cluster"]?["id"] == 7)
        #expect(talos["cluster"]?["network"]?["cni"] == "none")
        #expect(talos["cluster"]?["network"]?["podSubnets"] == ["10.244.0.0/16"])
    }

    @Test("No secret of the cluster gets into a Machine")
    func noSecrets() throws {
        let machines = try Fixture.desired(
            Fixture.cluster(
                #"{"talosConfig": {"machine": {"token": "s3cr3t", "ca": {"crt": "s3cr3t", "key": "s3cr3t"}}}}"#
            ))
        for machine in machines {
            #expect(!String(decoding: machine.document.encoded(), as: UTF8.self).contains("s3cr3t"))
        }
    }

    @Test("The same cluster gives the same bytes, and any change another digest")
    func determinism() throws {
        let first = try Fixture.desired(Fixture.cluster())
        let second = try Fixture.desired(Fixture.cluster())
        #expect(first.map { $0.document.encoded() } == second.map { $0.document.encoded() })
        #expect(Set(first.map(\.digest)).count == first.count)
        #expect(first.allSatisfy { $0.digest.count == 16 })
        let changes = [
            Fixture.cluster(uid: "uid-2"), Fixture.cluster(namespace: "other"),
            Fixture.cluster(#"{"clusterEndpoint": "https://a:1"}"#),
            Fixture.cluster(#"{"talosConfig": {"install": {"disk": "/dev/vda"}}}"#),
            Fixture.cluster(#"{"controlPlane": {"machineTemplate": {"spec": {"x": 1}}}}"#),
        ]
        for cluster in changes { #expect(try Fixture.desired(cluster)[0].digest != first[0].digest) }
    }

    @Test("Without a cluster in the API there is neither namespace nor owner")
    func offline() throws {
        let machine = try #require(try Fixture.desired(Fixture.cluster(namespace: "", uid: "")).first)
        let keys = try #require(machine.document["metadata"]?.object.map { Array($0.keys) })
        #expect(keys == ["name", "labels", "annotations"])
    }
}
