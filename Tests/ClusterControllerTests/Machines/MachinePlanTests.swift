// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import Testing

@testable import ClusterController

@Suite("The plan that makes Machines as desired")
struct MachinePlanTests {
    /// The plan for a cluster of which `owned` exists.
    private func plan(
        _ cluster: KubernetesCluster, owned: [Machine], others: [Machine] = [],
        record: (String) -> AppliedRecord? = { _ in nil }
    ) throws -> MachinePlan {
        MachinePlan(
            try Fixture.desired(cluster), clusterName: try Fixture.validSpec(of: cluster).clusterName,
            owned: owned,
            find: { key in (owned + others).first { $0.key == key } }, record: record)
    }

    /// The Machines of a cluster as the server keeps them.
    private func stored(_ cluster: KubernetesCluster) throws -> [Machine] {
        try Fixture.desired(cluster).map { try Fixture.stored($0) }
    }

    @Test("Where nothing is, everything is created in topology order")
    func nothingThere() throws {
        let plan = try plan(Fixture.cluster(), owned: [])
        #expect(
            plan.apply.map(\.machine.key.name) == [
                "simple-cp-0", "simple-cp-1", "simple-cp-2", "simple-workers-0", "simple-workers-1",
            ])
        #expect(plan.apply.allSatisfy { $0.existingUID == nil })
        #expect(plan.delete.isEmpty && plan.obstacles.isEmpty)
    }

    @Test("A Machine without a configuration is not made, but one that is there is still put right")
    func withheld() throws {
        let desired = try Fixture.desired(Fixture.cluster())
        var changed = try Fixture.stored(desired[0])
        changed.metadata.labels = [:]
        let plan = MachinePlan(
            desired, clusterName: try Fixture.validSpec().clusterName, owned: [changed],
            withheld: Set(desired.prefix(3).map(\.key)))
        #expect(plan.withheld.map(\.name) == ["simple-cp-1", "simple-cp-2"])
        #expect(
            plan.apply.map(\.machine.key.name) == ["simple-cp-0", "simple-workers-0", "simple-workers-1"])
        #expect(!plan.isSettled)
        #expect(
            MachineResults(plan, []).problems == [
                "Machines simple-cp-1, simple-cp-2 wait for their configuration"
            ])
    }

    @Test("Where everything is as it should be, nothing is to be done")
    func settled() throws {
        let cluster = Fixture.cluster()
        #expect(try plan(cluster, owned: try stored(cluster)).isSettled)
    }

    @Test("A Machine that was deleted is made again, one on its way out after it is gone")
    func deletedMachines() throws {
        let cluster = Fixture.cluster()
        var machines = try stored(cluster)
        machines.remove(at: 1)
        machines[3].metadata.deletionTimestamp = Fixture.noon
        let plan = try plan(cluster, owned: machines)
        #expect(plan.apply.map(\.machine.key.name) == ["simple-cp-1"])
        #expect(plan.terminating.map(\.name) == ["simple-workers-1"])
        #expect(!plan.isSettled)
    }

    @Test("Workers shrink all at once, the highest index first, counted as numbers")
    func shrinkWorkers() throws {
        let many = Fixture.cluster(#"{"workers": [{"name": "workers", "replicas": 12}]}"#)
        let plan = try plan(
            Fixture.cluster(#"{"workers": [{"name": "workers", "replicas": 8}]}"#),
            owned: try stored(many).shuffled())
        // The templates differ only in the count, so the rest stays as it is.
        #expect(plan.delete.map(\.key.name) == (8...11).reversed().map { "simple-workers-\($0)" })
        #expect(plan.delete.first?.uid == "uid-of-simple-workers-11")
    }

    @Test(
        "A group that is removed, renamed or set to none loses its Machines",
        arguments: [
            ("[]", 0), (#"[{"name": "workers", "replicas": 0}]"#, 0),
            (#"[{"name": "others", "replicas": 2, "machineTemplate": {"spec": {}}}]"#, 2),
        ])
    func goneGroups(workers: String, created: Int) throws {
        let old = try stored(Fixture.cluster())
        let plan = try plan(Fixture.cluster(#"{"workers": \#(workers)}"#), owned: old)
        #expect(plan.delete.map(\.key.name) == ["simple-workers-1", "simple-workers-0"])
        #expect(plan.apply.count == created)
    }

    @Test(
        "A control plane shrinks one Machine at a time, the highest index first, each after the last is gone")
    func shrinkControlPlane() throws {
        let target = Fixture.cluster()
        var machines = try stored(Fixture.cluster(#"{"controlPlane": {"replicas": 7}}"#))
        for expected in [6, 5, 4, 3] {
            let name = "simple-cp-\(expected)"
            #expect(try plan(target, owned: machines).delete.map(\.key.name) == [name])
            let index = try #require(machines.firstIndex { $0.metadata.name == name })
            machines[index].metadata.deletionTimestamp = Fixture.noon
            let waiting = try plan(target, owned: machines)
            #expect(waiting.delete.isEmpty)
            #expect(waiting.leaving.first?.name == name)
            #expect(!waiting.isSettled)
            machines.remove(at: index)
        }
        #expect(try plan(target, owned: machines).isSettled)
    }

    @Test(
        "No control plane Machine goes while another one is on its way out, whoever deleted that; workers do")
    func holdBack() throws {
        var machines = try stored(Fixture.cluster(#"{"controlPlane": {"replicas": 5}}"#))
        machines[0].metadata.deletionTimestamp = Fixture.noon
        let plan = try plan(Fixture.cluster(#"{"workers": []}"#), owned: machines)
        #expect(plan.delete.map(\.key.name) == ["simple-workers-1", "simple-workers-0"])
        #expect(plan.leaving.map(\.name) == ["simple-cp-4", "simple-cp-3"])
        #expect(plan.terminating.map(\.name) == ["simple-cp-0"])
    }

    @Test("Edited labels do not make a control plane Machine a worker")
    func editedRole() throws {
        var machines = try stored(Fixture.cluster(#"{"controlPlane": {"replicas": 5}}"#))
        for index in 3...4 { machines[index].metadata.labels = [APINames.roleLabel: "worker"] }
        #expect(try plan(Fixture.cluster(), owned: machines).delete.map(\.key.name) == ["simple-cp-4"])
    }

    @Test("A Machine of another owner, or of none, or of an earlier cluster of this name, is left alone")
    func obstacles() throws {
        let cluster = Fixture.cluster()
        var foreign = try stored(Fixture.cluster(name: "other", uid: "uid-other"))
        foreign[1].metadata.ownerReferences = []
        foreign[2].metadata.ownerReferences[0].isController = false
        let plan = try plan(cluster, owned: [], others: foreign)
        #expect(plan.apply.isEmpty && plan.delete.isEmpty)
        #expect(plan.obstacles.map(\.key) == foreign.map(\.key))
        #expect(plan.obstacles.map { $0.owner?.name } == ["other", nil, nil, "other", "other"])
    }

    @Test(
        "A Machine somebody changed under our fields is put back",
        arguments: [
            { @Sendable (machine: inout Machine) in machine.metadata.labels[APINames.roleLabel] = "x" },
            { $0.metadata.labels[APINames.clusterNameLabel] = nil },
            { $0.metadata.annotations[APINames.appliedDigestAnnotation] = "x" },
            { $0.metadata.ownerReferences[0].blocksOwnerDeletion = false },
            { $0.spec = $0.spec.mergePatched(with: ["machineClass": "small"]) },
            { $0.spec = $0.spec.mergePatched(with: ["machineClass": .null]) },
            { $0.spec = $0.spec.mergePatched(with: ["talosConfig": ["installDisk": "/dev/sdb"]]) },
            {
                $0.spec = $0.spec.mergePatched(with: [
                    "talosConfig": ["cluster": ["network": ["podSubnets": []]]]
                ])
            },
            { $0.spec = .null },
        ] as [@Sendable (inout Machine) -> Void])
    func drift(change: @Sendable (inout Machine) -> Void) throws {
        let cluster = Fixture.cluster()
        var machines = try stored(cluster)
        change(&machines[4])
        let plan = try plan(cluster, owned: machines)
        #expect(plan.apply.map(\.machine.key.name) == ["simple-workers-1"])
        #expect(plan.apply.first?.existingUID == "uid-of-simple-workers-1")
    }

    @Test(
        "What others add stays and is no change",
        arguments: [
            { @Sendable (machine: inout Machine) in machine.metadata.labels["theirs"] = "x" },
            { $0.metadata.annotations["vitistack.io/kubevirt-config"] = "x" },
            { $0.metadata.finalizers = ["provider/finalizer"] },
            {
                $0.metadata.ownerReferences.append(
                    OwnerReference(apiVersion: "v1", kind: "X", name: "x", uid: "x", isController: false))
            },
            { $0.spec = $0.spec.mergePatched(with: ["providerID": "x", "talosConfig": ["theirs": 1]]) },
            { $0.state = .ready },
        ] as [@Sendable (inout Machine) -> Void])
    func additions(change: @Sendable (inout Machine) -> Void) throws {
        let cluster = Fixture.cluster()
        var machines = try stored(cluster)
        change(&machines[4])
        #expect(try plan(cluster, owned: machines).isSettled)
    }

    @Test("A field that left the template is noticed although all the others are still right")
    func removedField() throws {
        let before = try stored(
            Fixture.cluster(#"{"controlPlane": {"machineTemplate": {"spec": {"a": 1, "b": 2}}}}"#))
        let plan = try plan(
            Fixture.cluster(#"{"controlPlane": {"machineTemplate": {"spec": {"a": 1}}}}"#), owned: before)
        #expect(plan.apply.map(\.machine.key.name) == ["simple-cp-0", "simple-cp-1", "simple-cp-2"])
    }

    @Test("A server that drops fields does not make us apply for ever, but a later change does")
    func prunedFields() throws {
        let cluster = Fixture.cluster()
        let desired = try Fixture.desired(cluster)
        var machines = try stored(cluster)
        for index in machines.indices { machines[index].spec = [:] }
        #expect(try plan(cluster, owned: machines).apply.count == 5)
        let records = Dictionary(
            uniqueKeysWithValues: zip(machines, desired).map {
                ($0.metadata.uid, AppliedRecord(digest: $1.digest, generation: 1, version: "20"))
            })
        #expect(try plan(cluster, owned: machines, record: { records[$0] }).isSettled)
        machines[0].metadata.generation = 2
        #expect(try plan(cluster, owned: machines, record: { records[$0] }).apply.count == 1)
    }

    @Test(
        "One document covers another if it has all of it",
        arguments: [
            (#"{"a": 1, "b": 2}"#, #"{"a": 1}"#, true), (#"{"a": 1}"#, #"{"a": 1, "b": 2}"#, false),
            (#"{"a": 1}"#, #"{"a": 1, "b": null}"#, true),
            (#"{"a": {"x": 1, "y": 2}}"#, #"{"a": {"y": 2}}"#, true),
            (#"{"a": [1, 2]}"#, #"{"a": [1]}"#, false), (#"{"a": [2, 1]}"#, #"{"a": [1, 2]}"#, false),
            (#"{"a": [{"x": 1, "d": 0}]}"#, #"{"a": [{"x": 1}]}"#, true),
            (#"{"a": 1}"#, #"{"a": 1.0}"#, true),
            (#"{"a": 1.0}"#, #"{"a": 1}"#, true),
            (#"{"a": 9007199254740993}"#, #"{"a": 9007199254740992}"#, false),
            (#"{"a": "1"}"#, #"{"a": 1}"#, false), (#"{}"#, #"{"a": {}}"#, false),
            (#"{"a": 1}"#, #"{"a": {}}"#, false),
            (#"{"a": false}"#, #"{"a": null}"#, false),
        ])
    func covering(own: String, other: String, expected: Bool) {
        #expect(Fixture.json(own).covers(Fixture.json(other)) == expected)
    }

    @Test(
        "A cluster cannot get another name once it has Machines",
        arguments: [("simple", false), ("other", true), ("simple-cp", true), ("simp", true)])
    func rename(name: String, isProblem: Bool) throws {
        let machines = try stored(Fixture.cluster())
        let renamed = try Fixture.validSpec(#"{"clusterName": "\#(name)"}"#)
        #expect((renamed.renameProblem(machines) != nil) == isProblem)
        #expect(renamed.renameProblem([]) == nil)
    }

    @Test("Edited labels do not look like another name of the cluster")
    func notRenamed() throws {
        var machines = try stored(Fixture.cluster())
        let spec = try Fixture.validSpec()
        machines[0].metadata.labels[APINames.clusterNameLabel] = "other"
        #expect(spec.renameProblem(machines) == nil)
        for index in machines.indices { machines[index].metadata.labels[APINames.clusterNameLabel] = "other" }
        #expect(spec.renameProblem(machines) == nil)
    }
}
