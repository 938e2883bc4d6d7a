// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

/// A checker that cannot fail is worthless: each clause has to find what it is there for.
@Suite("Model checker: what is there")
struct ClusterModelTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let clause: Clause
        let what: String
        let plant: @Sendable (inout SoundWorld) throws -> Void

        init(_ clause: Clause, _ what: String, _ plant: @escaping @Sendable (inout SoundWorld) throws -> Void)
        {
            (self.clause, self.what, self.plant) = (clause, what, plant)
        }

        var testDescription: String { "\(clause): \(what)" }
    }

    /// The clauses that this suite has to have cases of.
    static let clauses = Clause.allCases.prefix { $0 != .createdTwice }

    @Test("a world in which all is well has no violations")
    func sound() throws {
        let world = try SoundWorld()
        #expect(ClusterModel.violations(world.ledger, world.truth) == [])
    }

    @Test("what is planted is found, and nothing else", arguments: cases)
    func planted(_ planted: Case) throws {
        var world = try SoundWorld()
        try planted.plant(&world)
        let found = Set(ClusterModel.violations(world.ledger, world.truth).map(\.clause))
        #expect(found.contains(planted.clause), "\(found)")
        // Whether a Machine or its status is missing, other clauses may see it too, but never those of other objects.
        #expect(found.subtracting([planted.clause]).isSubset(of: Self.consequences(of: planted.clause)))
    }

    @Test("every clause has a case")
    func coverage() {
        #expect(Set(Self.cases.map(\.clause)) == Set(Self.clauses))
    }

    /// Clauses that what is planted must break too.
    private static func consequences(of clause: Clause) -> Set<Clause> {
        switch clause {
        case .clusterMissing:
            [.machineUnasked, .manifestUnasked, .metricPhases, .metricSeries, .clusterUnasked]
        case .clusterUnasked: [.machineUnasked]
        case .machineMissing: [.statusMachineCount, .manifestContent]
        case .machineUnasked: [.statusMachineCount, .manifestUnasked, .metricSeries]
        case .machineLabels: [.statusControlPlaneReady]
        case .machineAnnotations: [.manifestContent]
        case .machineOwner: [.statusMachineCount, .machineMissing, .machineUnasked, .manifestContent]
        case .machineStatus: [.statusPhase, .statusCondition, .statusControlPlaneReady]
        case .machineTerminating: [.statusControlPlaneReady]
        case .statusPhase: [.metricPhases]
        default: []
        }
    }

    static let cases: [Case] = clusterCases + machineCases + reportCases

    private static let clusterCases: [Case] = [
        Case(.clusterMissing, "a cluster is gone") { $0.truth.clusters.removeAll { $0.name == "a" } },
        Case(.clusterMissing, "a cluster is another one") {
            try $0.patchCluster("a", ["metadata": ["uid": "other"]])
        },
        Case(.clusterUnasked, "a deleted cluster is still there") {
            $0.truth.clusters.append(try StoredCluster(["metadata": ["name": "old", "uid": "uid-old"]]))
        },
        Case(.clusterSpec, "somebody changed a specification") {
            try $0.patchCluster("a", ["spec": ["clusterEndpoint": "https://10.0.0.1:6443"]])
        },
        Case(.finalizer, "there is no finalizer") {
            try $0.patchCluster("a", ["metadata": ["finalizers": []]])
        },
        Case(.finalizer, "there is the finalizer twice") {
            let finalizer: JSONValue = "cluster.vitistack.io/finalizer"
            try $0.patchCluster("a", ["metadata": ["finalizers": [finalizer, finalizer]]])
        },
        Case(.foreignObject, "somebody else's Machine is gone") {
            $0.truth.machines.removeAll { $0.name == "a-w-2" }
        },
        Case(.foreignObject, "somebody else's Machine has changed") {
            try $0.patchMachine("a-w-2", ["metadata": ["labels": ["x": "y"]]])
        },
    ]

    private static let machineCases: [Case] = [
        Case(.machineMissing, "a Machine is not there") {
            $0.truth.machines.removeAll { $0.name == "a-w-1" }
        },
        Case(.machineUnasked, "there is a Machine too many") { world in
            let machine = world.truth.machines[2].document
            let more = machine.mergePatched(with: ["metadata": ["name": "a-w-7", "uid": "uid-a-w-7"]])
            world.truth.machines.append(try StoredMachine(more))
        },
        Case(.machineUnasked, "a deleted cluster has left a Machine") { world in
            world.ledger.clusters["b"] = nil
            world.truth.clusters.removeAll { $0.name == "b" }
            world.truth.metrics = []
        },
        Case(.machineLabels, "a label is another one") {
            try $0.patchMachine("a-cp-0", ["metadata": ["labels": ["cluster.vitistack.io/role": "thief"]]])
        },
        Case(.machineLabels, "a template's label has stayed") {
            try $0.patchMachine("a-cp-0", ["metadata": ["labels": ["example.com/zone": "z"]]])
        },
        Case(.machineAnnotations, "what somebody noted is gone") {
            try $0.patchMachine("a-w-0", ["metadata": ["annotations": ["example.com/vm": .null]]])
        },
        Case(.machineAnnotations, "there is no digest") {
            try $0.patchMachine("a-w-1", ["metadata": ["annotations": [SoundWorld.digest: .null]]])
        },
        Case(.machineOwner, "the owner does not block") { world in
            let owner = world.truth.machines[0].metadata.ownerReferences[0].json
                .mergePatched(with: ["blockOwnerDeletion": false])
            try world.patchMachine("a-cp-0", ["metadata": ["ownerReferences": [owner]]])
            world.patchManifest("a-cp-0", ["metadata": ["ownerReferences": [owner]]])
        },
        Case(.machineSpec, "a field of the template is another one") {
            try $0.patchMachine("a-w-1", ["spec": ["cpus": 2]])
        },
        Case(.machineSpec, "a field that left the template has stayed") {
            try $0.patchMachine("a-cp-0", ["spec": ["cpus": 2]])
        },
        Case(.machineSpec, "what its provider filled in is gone") {
            try $0.patchMachine("a-w-0", ["spec": ["providerID": .null]])
        },
        Case(.machineFinalizers, "its provider's finalizer is gone") {
            try $0.patchMachine("a-w-0", ["metadata": ["finalizers": .null]])
        },
        Case(.machineStatus, "what its provider reported is gone") {
            try $0.patchMachine("a-cp-0", ["status": .null])
        },
        Case(.machineTerminating, "a Machine is on its way out") {
            try $0.patchMachine("a-cp-0", ["metadata": ["deletionTimestamp": "2024-01-01T00:00:00Z"]])
        },
        Case(.machineReplaced, "a Machine was made anew for an invalid specification") {
            try $0.patchMachine("b-cp-0", ["metadata": ["uid": "uid-new"]])
        },
    ]

    private static let reportCases: [Case] = [
        Case(.manifestMissing, "a manifest is not there") { $0.truth.manifests["a"]?["a-w-1"] = nil },
        Case(.manifestMissing, "a directory is not there") { $0.truth.manifests["a"] = nil },
        Case(.manifestUnasked, "a manifest has stayed") { $0.truth.manifests["a"]?["a-w-9"] = .null },
        Case(.manifestUnasked, "there is one of somebody else's Machine") {
            $0.truth.manifests["a"]?["a-w-2"] = .null
        },
        Case(.manifestUnasked, "a deleted cluster has left its directory") {
            $0.truth.manifests["old"] = [:]
        },
        Case(.manifestContent, "a manifest says something else") {
            $0.patchManifest("a-w-1", ["spec": ["cpus": 2]])
        },
        Case(.manifestContent, "a manifest has an old digest") {
            $0.patchManifest("a-w-1", ["metadata": ["annotations": [SoundWorld.digest: "0"]]])
        },
        Case(.manifestContent, "a manifest has no namespace") {
            $0.patchManifest("a-w-1", ["metadata": ["namespace": .null]])
        },
        Case(.statusGeneration, "the status is about an older generation") {
            try $0.patchCluster("a", ["status": ["observedGeneration": 3]])
        },
        Case(.statusMachineCount, "the Machines are miscounted") {
            try $0.patchCluster("a", ["status": ["machineCount": 4]])
        },
        Case(.statusWorkersReady, "the ready workers are miscounted") {
            try $0.patchCluster("a", ["status": ["workersReady": 1]])
        },
        Case(.statusControlPlaneReady, "the control plane is ready and is not said to be") {
            try $0.patchCluster("a", ["status": ["controlPlaneReady": false]])
        },
        Case(.statusPhase, "the phase is wrong") {
            try $0.patchCluster("a", ["status": ["phase": "Running"]])
        },
        Case(.statusPhase, "an invalid cluster does not fail") {
            try $0.patchCluster("b", ["status": ["phase": "Running"]])
        },
        Case(.statusCondition, "a condition is missing") {
            try $0.patchCluster("b", ["status": ["conditions": []]])
        },
        Case(.statusCondition, "a reason is wrong") {
            try $0.patchCluster(
                "b",
                [
                    "status": [
                        "conditions": [
                            ["type": "Ready", "status": "False", "reason": "ValidationFailed"],
                            ["type": "TopologyValid", "status": "False", "reason": "Whatever"],
                        ]
                    ]
                ])
        },
        Case(.metricPhases, "the clusters of a phase are miscounted") {
            $0.truth.metrics[0] += "talos_operator_clusters_total{phase=\"Deleting\"} 2\n"
        },
        Case(.metricSeries, "a deleted cluster has left a series") {
            $0.truth.metrics[0] += "talos_operator_machines_generated{cluster=\"old\",role=\"worker\"} 2\n"
        },
    ]
}
