// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

@Suite("Reconciling a cluster on its way out")
struct ReconcileDeletionTests {
    /// A settled cluster that somebody has begun to delete.
    private func deleting(_ bench: ReconcilerBench) async throws {
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        markDeleted(bench)
        try bench.refresh()
        _ = bench.api.takeRequests()
    }

    private func markDeleted(_ bench: ReconcilerBench) {
        bench.api.patch(
            ReconcilerBench.path, ["metadata": ["deletionTimestamp": "2024-01-01T12:00:00Z"]])
    }

    @Test("Machines go first, then the manifests, then the finalizer, all in one go if nobody holds them")
    func atOnce() async throws {
        let bench = try ReconcilerBench()
        try await deleting(bench)
        #expect(await bench.reconcile() == nil)
        let requests = bench.api.takeRequests()
        #expect(requests.count == 6)
        #expect(requests.dropLast().allSatisfy { $0.hasPrefix("delete machines/default/simple-") })
        #expect(requests.last == "patch \(ReconcilerBench.path)")
        #expect(bench.machineNames.isEmpty)
        #expect(bench.api.object(ReconcilerBench.path) == nil)
        #expect(try FileSystem.list(bench.directory.path).isEmpty)
        // The caches do not know yet, and nothing is done twice.
        #expect(await bench.reconcile() == nil)
        #expect(bench.api.takeRequests().isEmpty)
        #expect(await bench.takeEvents().isEmpty)
    }

    @Test("A server that does not serve our kinds yet has not deleted anything")
    func starting() async throws {
        let unserved = ScriptedTransport.Answer.response(
            HTTPResponse(head: HTTPResponseHead(status: 404), body: Array("404 page not found\n".utf8)))
        for request in ["delete machines/default/simple-cp-0", "patch \(ReconcilerBench.path)"] {
            let bench = try ReconcilerBench()
            try await deleting(bench)
            bench.api.fail(request, unserved)
            #expect(await bench.reconcile()?.disposition == .unavailable)
            #expect(bench.api.object(ReconcilerBench.path) != nil)
            bench.api.fail(request, nil)
            #expect(await bench.reconcile() == nil)
            #expect(bench.machineNames.isEmpty)
            #expect(bench.api.object(ReconcilerBench.path) == nil)
        }
    }

    @Test("Manifests and finalizer stay until providers have let go of the last Machine")
    func providersFinalizers() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch("machines/default/simple-cp-0", ["metadata": ["finalizers": ["provider/x"]]])
        markDeleted(bench)
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.machineNames == ["simple-cp-0"])
        #expect(bench.status().phase == .deleting)
        #expect(bench.status().machineCount == 1)
        #expect(bench.status().conditions[.ready]?.reason == "Deleting")
        #expect(try FileSystem.list(bench.directory.path) == ["simple"])
        try bench.refresh()
        _ = bench.api.takeRequests()
        await bench.reconcile()
        #expect(bench.api.takeRequests().isEmpty)
        bench.api.remove("machines/default/simple-cp-0")
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.api.object(ReconcilerBench.path) == nil)
        #expect(try FileSystem.list(bench.directory.path).isEmpty)
    }

    @Test("A cluster that went without our finalizer leaves no manifests")
    func withoutFinalizer() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.remove(ReconcilerBench.path)
        try bench.refresh()
        bench.api.fail("get \(ReconcilerBench.path)", .failure(403, reason: "Forbidden"))
        #expect(await bench.reconcile()?.errorType == "APIError")
        #expect(try FileSystem.list(bench.directory.path) == ["simple"])
        bench.api.fail("get \(ReconcilerBench.path)", nil)
        #expect(await bench.reconcile() == nil)
        #expect(try FileSystem.list(bench.directory.path).isEmpty)
        _ = bench.api.takeRequests()
        await bench.reconcile()
        #expect(bench.api.takeRequests().isEmpty)
    }

    @Test("A cluster that is only out of our sight keeps its manifests")
    func outOfSight() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        let cluster = try #require(bench.api.object(ReconcilerBench.path))
        bench.api.remove(ReconcilerBench.path)
        try bench.refresh()
        bench.api.put(ReconcilerBench.path, cluster)
        #expect(await bench.reconcile() == nil)
        #expect(try FileSystem.list(bench.directory.path) == ["simple"])
    }

    @Test("A cluster with an invalid specification is deleted like any other")
    func invalidSpecification() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        bench.api.patch(ReconcilerBench.path, ["spec": ["clusterName": "../../etc", "controlPlane": .null]])
        markDeleted(bench)
        try bench.refresh()
        #expect(await bench.reconcile() == nil)
        #expect(bench.machineNames.isEmpty)
        #expect(bench.api.object(ReconcilerBench.path) == nil)
        #expect(try FileSystem.list(bench.directory.path).isEmpty)
    }

    @Test("It works after a restart half way, and where the files are gone already")
    func restarted() async throws {
        let first = try ReconcilerBench()
        try await deleting(first)
        let second = try ReconcilerBench(results: first.directory.path)
        second.api.put(ReconcilerBench.path, try #require(first.api.object(ReconcilerBench.path)))
        let machine = try #require(first.api.object("machines/default/simple-cp-2"))
        second.api.put("machines/default/simple-cp-2", machine)
        try FileSystem.remove("\(first.directory.path)/simple/simple-cp-0.yaml")
        try second.refresh()
        #expect(await second.reconcile() == nil)
        #expect(second.machineNames.isEmpty)
        #expect(second.api.object(ReconcilerBench.path) == nil)
        #expect(try FileSystem.list(first.directory.path).isEmpty)
    }

    @Test("Machines of others stay")
    func foreignMachines() async throws {
        let bench = try ReconcilerBench()
        bench.api.put(
            "machines/default/simple-cp-0", ["metadata": ["name": "simple-cp-0", "namespace": "default"]])
        try bench.apply(Fixture.simpleSpec)
        await bench.reconcile()
        markDeleted(bench)
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.machineNames == ["simple-cp-0"])
        #expect(bench.api.object(ReconcilerBench.path) == nil)
    }

    @Test("A Machine made anew under its old name is not deleted in its place")
    func swappedMachine() async throws {
        let bench = try ReconcilerBench()
        try await deleting(bench)
        bench.api.put(
            "machines/default/simple-cp-0", ["metadata": ["name": "simple-cp-0", "namespace": "default"]])
        let error = await bench.reconcile()
        #expect(error?.disposition == .conflict)
        #expect(bench.machineNames == ["simple-cp-0"])
        #expect(bench.api.object(ReconcilerBench.path) != nil)
        try bench.refresh()
        #expect(await bench.reconcile() == nil)
        #expect(bench.api.object(ReconcilerBench.path) == nil)
    }

    @Test("Other finalizers stay, and after ours is gone we keep away")
    func otherFinalizers() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        let finalizers: JSONValue = ["other/x", .string(APINames.finalizer)]
        bench.api.patch(ReconcilerBench.path, ["metadata": ["finalizers": finalizers]])
        markDeleted(bench)
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.api.object(ReconcilerBench.path)?["metadata"]?["finalizers"] == ["other/x"])
        try bench.refresh()
        _ = bench.api.takeRequests()
        #expect(await bench.reconcile() == nil)
        #expect(bench.api.takeRequests().isEmpty)
    }

    @Test("Manifests that cannot be removed hold the cluster, and the status says why")
    func unremovableManifests() async throws {
        let bench = try ReconcilerBench()
        try await deleting(bench)
        let file = "\(bench.directory.path)/simple/simple-cp-0.yaml"
        try FileSystem.remove(file)
        try FileSystem.makeDirectory(file)
        let error = await bench.reconcile()
        #expect(error?.errorType == "FileSystemError")
        #expect(bench.status().phase == .deleting)
        #expect(bench.status().conditions[.filesGenerated]?.reason == "GenerationFailed")
        #expect(bench.api.object(ReconcilerBench.path) != nil)
    }

    @Test("A results path that cannot be holds no cluster")
    func impossiblePath() async throws {
        let bench = try ReconcilerBench(results: "/dev/null/results")
        try await deleting(bench)
        #expect(await bench.reconcile() == nil)
        #expect(bench.api.object(ReconcilerBench.path) == nil)
    }

    @Test("A Machine that cannot be deleted holds the cluster")
    func undeletableMachine() async throws {
        let bench = try ReconcilerBench()
        try await deleting(bench)
        bench.api.fail(
            "delete machines/default/simple-cp-0", .failure(403, reason: "Forbidden", message: "no"))
        #expect(await bench.reconcile()?.errorType == "MachineCreationError")
        #expect(bench.machineNames == ["simple-cp-0"])
        #expect(bench.api.object(ReconcilerBench.path) != nil)
        #expect(try FileSystem.list(bench.directory.path) == ["simple"])
    }
}
