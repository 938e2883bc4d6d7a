// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

@Suite("Reconciling a cluster that stays")
struct ReconcileCreationTests {
    private let names = ["simple-cp-0", "simple-cp-1", "simple-cp-2", "simple-workers-0", "simple-workers-1"]

    /// Runs a reconcile and returns its requests.
    private func requests(_ bench: ReconcilerBench) async -> [String] {
        _ = bench.api.takeRequests()
        await bench.reconcile()
        return bench.api.takeRequests()
    }

    @Test("A new cluster costs a request for each Machine and two more, in the order of the specification")
    func creation() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        let requests = await requests(bench)
        #expect(requests.count == 7)
        #expect(requests.first == "patch \(ReconcilerBench.path)")
        #expect(Set(requests[1...5]) == Set(names.map { "apply machines/default/\($0)" }))
        #expect(requests.last == "patch \(ReconcilerBench.path)/status")
        #expect(bench.machineNames == names)
        #expect(
            bench.api.object(ReconcilerBench.path)?["metadata"]?["finalizers"] == [
                .string(APINames.finalizer)
            ])
        let status = bench.status()
        #expect(status.phase == .provisioning)
        #expect(status.machineCount == 5)
        #expect(status.conditions[.machinesCreated]?.isTrue == true)
        #expect(status.conditions[.filesGenerated]?.isTrue == true)
        #expect(status.conditions[.topologyValid]?.isTrue == true)
        #expect(try FileSystem.list("\(bench.directory.path)/simple").count == 6)
        #expect(await bench.takeEvents().isEmpty)
        let line = try #require(bench.log.lines.last)
        for part in [
            #""level":"info""#, #""controller":"KubernetesCluster""#, #""cluster":"simple""#,
            #""namespace":"default""#,
            #""message":"Successfully reconciled cluster""#, #""created":5"#,
        ] { #expect(line.contains(part)) }
    }

    @Test("Before the watch shows what was written, nothing is written twice")
    func staleCaches() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        await bench.reconcile()
        #expect(await requests(bench).isEmpty)
        #expect(await requests(bench).isEmpty)
    }

    @Test("A settled cluster costs no request, before and after a restart")
    func settled() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        for _ in 0..<3 { #expect(await requests(bench).isEmpty) }
        let next = try ReconcilerBench(results: bench.directory.path)
        for object in bench.api.objects("machines") {
            next.api.put("machines/default/\(object["metadata"]?["name"]?.string ?? "")", object)
        }
        next.api.put(ReconcilerBench.path, try #require(bench.api.object(ReconcilerBench.path)))
        try next.refresh()
        #expect(await requests(next).isEmpty)
    }

    @Test("Machines that get ready bring the cluster to Running, with one status patch a change")
    func running() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        for name in names { bench.api.patch("machines/default/\(name)", ["status": ["phase": "Running"]]) }
        try bench.refresh()
        #expect(await requests(bench) == ["patch \(ReconcilerBench.path)/status"])
        #expect(bench.status().phase == .running)
        #expect(bench.status().controlPlaneReady)
        #expect(bench.status().workersReady == 2)
        bench.api.patch("machines/default/simple-cp-1", ["status": ["phase": "Stopped"]])
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.status().phase == .provisioning)
        #expect(
            await bench.takeEvents() == [
                "Normal MachinesReady All 5 Machines are ready",
                "Warning MachinesNotReady 4 of 5 Machines are ready",
            ])
    }

    @Test("A provider's news that change nothing for us cost no request")
    func providerNews() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch("machines/default/simple-cp-0", ["status": ["ipAddresses": ["10.0.0.1"]]])
        bench.api.patch("machines/default/simple-cp-1", ["metadata": ["annotations": ["provider/x": "y"]]])
        try bench.refresh()
        #expect(await requests(bench).isEmpty)
    }

    @Test("A Machine somebody changed is put back, one that was deleted is made again")
    func foreignEdits() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch("machines/default/simple-workers-0", ["spec": ["machineClass": "tiny", "theirs": 1]])
        bench.api.remove("machines/default/simple-cp-2")
        try bench.refresh()
        #expect(
            Set(await requests(bench)) == [
                "get \(ReconcilerBench.path)", "apply machines/default/simple-cp-2",
                "apply machines/default/simple-workers-0",
            ])
        let worker = bench.api.object("machines/default/simple-workers-0")
        #expect(worker?["spec"]?["machineClass"] == "large")
        #expect(worker?["spec"]?["theirs"] == 1)
        #expect(bench.machineNames == names)
    }

    @Test("A Machine to put right that is gone by then is not made anew under a lie")
    func vanishedMachine() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch("machines/default/simple-cp-0", ["spec": ["talosConfig": ["machineType": "x"]]])
        try bench.refresh()
        bench.api.remove("machines/default/simple-cp-0")
        #expect(await bench.reconcile()?.disposition == .conflict)
        try await bench.settle()
        #expect(bench.machineNames == names)
    }

    @Test("Another Machine under the name of the one to put right is not touched")
    func swappedMachine() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch("machines/default/simple-cp-0", ["spec": ["talosConfig": ["machineType": "x"]]])
        try bench.refresh()
        // The cache does not know yet that it is another one.
        bench.api.put(
            "machines/default/simple-cp-0", ["metadata": ["name": "simple-cp-0"], "spec": ["theirs": 1]])
        _ = bench.api.takeRequests()
        let error = await bench.reconcile()
        #expect(error?.disposition == .conflict)
        // What is only a matter of looking again is not worth a status.
        #expect(bench.api.takeRequests() == ["apply machines/default/simple-cp-0"])
        #expect(bench.api.object("machines/default/simple-cp-0")?["spec"] == ["theirs": 1])
    }

    @Test("Scaling creates and deletes what it takes and says so")
    func scaling() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch(
            ReconcilerBench.path,
            [
                "spec": [
                    "workers": [
                        [
                            "name": "workers", "replicas": 1,
                            "machineTemplate": ["spec": ["machineClass": "large"]],
                        ], ["name": "gpu", "replicas": 2],
                    ]
                ]
            ])
        try bench.refresh()
        let requests = await requests(bench)
        #expect(
            requests.sorted() == [
                "apply machines/default/simple-gpu-0", "apply machines/default/simple-gpu-1",
                "delete machines/default/simple-workers-1", "get \(ReconcilerBench.path)",
                "patch \(ReconcilerBench.path)/status",
            ])
        try await bench.settle()
        #expect(bench.status().machineCount == 6)
        #expect(
            try FileSystem.list("\(bench.directory.path)/simple").dropFirst().map { $0 } == [
                "simple-cp-0.yaml", "simple-cp-1.yaml", "simple-cp-2.yaml", "simple-gpu-0.yaml",
                "simple-gpu-1.yaml",
                "simple-workers-0.yaml",
            ])
        #expect(await bench.takeEvents() == ["Normal CreationSucceeded Created 2 and deleted 1 Machines"])
    }

    @Test("A control plane shrinks by one Machine at a time, each after the last is really gone")
    func shrinkControlPlane() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.spec(#"{"controlPlane": {"replicas": 5}, "workers": []}"#))
        try await bench.settle()
        for index in 0..<5 {
            bench.api.patch(
                "machines/default/simple-cp-\(index)", ["metadata": ["finalizers": ["provider/x"]]])
        }
        bench.api.patch(ReconcilerBench.path, ["spec": ["controlPlane": ["replicas": 3]]])
        for index in [4, 3] {
            try bench.refresh()
            let sent = await requests(bench)
            #expect(
                sent.prefix(2) == [
                    "get \(ReconcilerBench.path)", "delete machines/default/simple-cp-\(index)",
                ])
            try bench.refresh()
            #expect(await requests(bench).isEmpty)
            bench.api.remove("machines/default/simple-cp-\(index)")
        }
        try await bench.settle()
        #expect(bench.machineNames == ["simple-cp-0", "simple-cp-1", "simple-cp-2"])
    }

    @Test("An invalid specification is told once, is final, and leaves Machines alone")
    func invalid() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch(ReconcilerBench.path, ["spec": ["controlPlane": ["replicas": 2]]])
        try bench.refresh()
        _ = bench.api.takeRequests()
        let error = await bench.reconcile()
        #expect(error?.errorType == "ValidationError")
        #expect(error?.disposition == .terminal)
        #expect(bench.api.takeRequests() == ["patch \(ReconcilerBench.path)/status"])
        #expect(bench.status().phase == .failed)
        #expect(bench.status().conditions[.topologyValid]?.reason == "ValidationFailed")
        #expect(bench.status().observedGeneration == 2)
        for _ in 0..<3 {
            try bench.refresh()
            #expect(await requests(bench).isEmpty)
        }
        #expect(bench.machineNames == names)
        bench.api.patch(ReconcilerBench.path, ["spec": ["controlPlane": ["replicas": 3]]])
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.status().conditions[.topologyValid]?.isTrue == true)
        #expect(
            await bench.takeEvents() == [
                "Warning ValidationFailed spec.controlPlane.replicas: must be 1, 3, 5 or 7, not 2",
                "Normal ValidationSucceeded A topology of 5 Machines",
            ])
    }

    @Test("A cluster that was invalid from the start gets no finalizer and no Machine")
    func invalidFromTheStart() async throws {
        let bench = try ReconcilerBench()
        try bench.apply([:])
        #expect(await requests(bench) == ["patch \(ReconcilerBench.path)/status"])
        #expect(bench.status().conditions.count == 2)
    }

    @Test("A cluster with Machines cannot be renamed")
    func rename() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch(ReconcilerBench.path, ["spec": ["clusterName": "other"]])
        try bench.refresh()
        #expect(
            await bench.reconcile()?.message
                == "spec.clusterName: must stay simple, the name of its 5 Machines")
        #expect(bench.machineNames == names)
    }

    @Test("A disk that cannot be written does not keep Machines from being created, and is tried again")
    func unwritableDisk() async throws {
        let bench = try ReconcilerBench(results: "/dev/null/results")
        try bench.apply(Fixture.simpleSpec)
        let error = await bench.reconcile()
        #expect(error?.errorType == "FileSystemError")
        #expect(error?.disposition == .retry)
        #expect(bench.machineNames == names)
        #expect(bench.status().conditions[.filesGenerated]?.reason == "GenerationFailed")
        #expect(bench.status().conditions[.machinesCreated]?.isTrue == true)
        try bench.refresh()
        _ = bench.api.takeRequests()
        #expect(await bench.reconcile()?.errorType == "FileSystemError")
        #expect(bench.api.takeRequests().isEmpty)
        #expect(await bench.takeEvents().map { $0.prefix(25) } == ["Warning GenerationFailed "])
    }

    @Test("A manifest removed by hand comes back at the next look, without a request")
    func removedManifest() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        try FileSystem.remove("\(bench.directory.path)/simple/simple-cp-0.yaml")
        #expect(await requests(bench).isEmpty)
        #expect(try FileSystem.list("\(bench.directory.path)/simple").contains("simple-cp-0.yaml"))
    }

    @Test("A cluster that is gone is no error")
    func gone() async throws {
        let bench = try ReconcilerBench()
        #expect(await bench.reconcile() == nil)
        #expect(bench.api.takeRequests().isEmpty)
    }

    @Test("A field that left the template leaves the Machines")
    func removedField() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.spec(#"{"controlPlane": {"machineTemplate": {"spec": {"a": 1, "b": 2}}}}"#))
        try await bench.settle()
        bench.api.patch(
            ReconcilerBench.path, ["spec": ["controlPlane": ["machineTemplate": ["spec": ["b": .null]]]]])
        try await bench.settle()
        #expect(bench.api.object("machines/default/simple-cp-0")?["spec"]?["a"] == 1)
        #expect(bench.api.object("machines/default/simple-cp-0")?["spec"]?["b"] == nil)
    }

    @Test("A server that drops our fields does not make us write for ever")
    func prunedFields() async throws {
        let bench = try ReconcilerBench()
        bench.api.prune("talosConfig")
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch("machines/default/simple-cp-0", ["status": ["phase": "Running"]])
        try bench.refresh()
        #expect(await requests(bench) == ["patch \(ReconcilerBench.path)/status"])
    }
}
