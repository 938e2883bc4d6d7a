// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

@Suite("Reconciling against resistance")
struct ReconcileFailureTests {
    private let statusRequest = "patch \(ReconcilerBench.path)/status"

    @Test("A Machine that cannot be created is told and tried again, the others are created")
    func forbiddenMachine() async throws {
        let bench = try ReconcilerBench()
        bench.api.fail(
            "apply machines/default/simple-cp-1", .failure(403, reason: "Forbidden", message: "no way"))
        try bench.apply(Fixture.simpleSpec)
        let error = await bench.reconcile()
        #expect(error?.errorType == "MachineCreationError")
        #expect(error?.disposition == .retry)
        #expect(error?.message == "Machine default/simple-cp-1: no way")
        #expect(bench.machineNames.count == 4)
        #expect(bench.status().conditions[.machinesCreated]?.reason == "CreationFailed")
        #expect(bench.status().conditions[.machinesCreated]?.message == "Machine simple-cp-1: no way")
        bench.api.fail("apply machines/default/simple-cp-1", nil)
        try await bench.settle()
        #expect(bench.machineNames.count == 5)
        #expect(
            await bench.takeEvents() == [
                "Warning CreationFailed Machine simple-cp-1: no way",
                "Normal CreationSucceeded All 5 Machines exist",
            ])
    }

    @Test("The wait that the server asks for is passed on")
    func retryAfter() async throws {
        let bench = try ReconcilerBench()
        let busy = ScriptedTransport.Answer.json(
            429, ["kind": "Status", "reason": "TooManyRequests", "message": "busy", "code": 429],
            headers: ["Retry-After": "7"])
        bench.api.fail("apply machines/default/simple-cp-0", busy)
        try bench.apply(Fixture.simpleSpec)
        #expect(await bench.reconcile()?.retryAfter == .seconds(7))
    }

    @Test("Of a large cluster not every Machine is tried when the server is away")
    func serverAway() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.spec(#"{"workers": [{"name": "workers", "replicas": 100}]}"#))
        for index in 0..<100 {
            bench.api.fail(
                "apply machines/default/simple-workers-\(index)", .response(.init(head: .init(status: 503))))
        }
        let error = await bench.reconcile()
        #expect(error?.errorType == "MachineCreationError")
        #expect(error?.disposition == .unavailable)
        let tries = bench.api.takeRequests().filter { $0.contains("workers") }
        #expect((1...15).contains(tries.count))
    }

    @Test("A finalizer or status that cannot be written is an API error")
    func apiErrors() async throws {
        for request in ["patch \(ReconcilerBench.path)", statusRequest] {
            let bench = try ReconcilerBench()
            bench.api.fail(request, .failure(500, reason: "InternalError", message: "boom"))
            try bench.apply(Fixture.simpleSpec)
            let error = await bench.reconcile()
            #expect(error?.errorType == "APIError")
            #expect(error?.disposition == .unavailable)
            #expect(error?.message.hasSuffix("boom") == true)
        }
    }

    @Test("Without the finalizer no Machine is created")
    func finalizerFirst() async throws {
        let bench = try ReconcilerBench()
        bench.api.fail("patch \(ReconcilerBench.path)", .failure(403, reason: "Forbidden"))
        try bench.apply(Fixture.simpleSpec)
        await bench.reconcile()
        #expect(bench.machineNames.isEmpty)
    }

    @Test(
        "Somebody else's change in the middle is a quiet conflict, and no event is sent for what was not told"
    )
    func statusConflict() async throws {
        let bench = try ReconcilerBench()
        try bench.apply([:])
        bench.api.patch(ReconcilerBench.path, ["metadata": ["labels": ["x": "y"]]])
        let error = await bench.reconcile()
        #expect(error?.disposition == .conflict)
        #expect(await bench.takeEvents().isEmpty)
    }

    @Test(
        "No Machine comes or goes for a specification that is out of date, or for a cluster that is gone",
        arguments: [#"{"workers": []}"#, #"{"controlPlane": {"replicas": 5}}"#], [true, false])
    func staleSpecification(edit: String, isGone: Bool) async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        let machines = bench.machineNames
        bench.api.patch(ReconcilerBench.path, ["spec": Fixture.json(edit)])
        try bench.refresh()
        if isGone {
            bench.api.remove(ReconcilerBench.path)
        } else {
            bench.api.patch(ReconcilerBench.path, ["spec": ["kubernetesVersion": "v1.29.0"]])
        }
        #expect(await bench.reconcile()?.disposition == .conflict)
        #expect(bench.api.takeRequests() == ["get \(ReconcilerBench.path)"])
        #expect(bench.machineNames == machines)
    }

    @Test("A cluster that vanished before its status could be told is no error")
    func vanished() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        bench.api.fail(statusRequest, .failure(404, reason: "NotFound"))
        #expect(await bench.reconcile() == nil)
        #expect(await bench.takeEvents().isEmpty)
    }

    @Test("A status the server keeps otherwise is not sent for ever")
    func statusInVain() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        try await bench.settle()
        let object = try #require(bench.api.object(ReconcilerBench.path))
        let kept = object.mergePatched(with: ["status": ["conditions": []]])
        bench.api.put(ReconcilerBench.path, kept)
        bench.api.fail(statusRequest, .json(kept))
        try bench.refresh()
        _ = bench.api.takeRequests()
        await bench.reconcile()
        #expect(bench.api.takeRequests() == [statusRequest])
        await bench.reconcile()
        #expect(bench.api.takeRequests().isEmpty)
    }

    @Test("A name that another cluster's Machine has blocks that Machine alone, disturbs nobody, and is told")
    func foreignMachine() async throws {
        let bench = try ReconcilerBench()
        let foreign: JSONValue = [
            "metadata": [
                "name": "simple-cp-1", "namespace": "default",
                "ownerReferences": [
                    [
                        "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster", "name": "other",
                        "uid": "uid-other", "controller": true,
                    ]
                ],
            ], "spec": ["theirs": 1],
        ]
        bench.api.put("machines/default/simple-cp-1", foreign)
        try bench.apply(Fixture.simpleSpec)
        let error = await bench.reconcile()
        #expect(error?.errorType == "OwnerReferenceError")
        let message = "Machine simple-cp-1 belongs to KubernetesCluster other (UID uid-other)"
        #expect(bench.status().conditions[.machinesCreated]?.message == message)
        #expect(bench.status().conditions[.machinesCreated]?.reason == "CreationFailed")
        #expect(bench.api.object("machines/default/simple-cp-1")?["spec"] == ["theirs": 1])
        #expect(bench.machineNames.count == 5)
        #expect(bench.status().machineCount == 4)
        #expect(!(try FileSystem.list("\(bench.directory.path)/simple").contains("simple-cp-1.yaml")))
        try bench.refresh()
        _ = bench.api.takeRequests()
        await bench.reconcile()
        #expect(bench.api.takeRequests().isEmpty)
        #expect(await bench.takeEvents() == ["Warning CreationFailed \(message)"])
    }

    @Test("Machines in the way are named together if one cluster owns them")
    func obstacleSentences() {
        func obstacle(_ name: String, _ owner: String?) -> MachinePlan.Obstacle {
            MachinePlan.Obstacle(
                key: ObjectKey(namespace: "n", name: name),
                owner: owner.map { OwnerReference(apiVersion: "v1", kind: "K", name: $0, uid: "u") })
        }
        #expect(
            [obstacle("a", "x"), obstacle("b", nil), obstacle("c", "x"), obstacle("d", "y")].sentences == [
                "Machines a, c belong to K x (UID u)", "Machine b without a controller: left alone",
                "Machine d belongs to K y (UID u)",
            ])
    }

    @Test("Another cluster's Machine that the cache does not show yet is not adopted either")
    func raceForAName() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        bench.api.put(
            "machines/default/simple-cp-0",
            [
                "metadata": ["name": "simple-cp-0", "ownerReferences": [["uid": "x", "controller": true]]],
                "spec": [:],
            ])
        #expect(await bench.reconcile()?.errorType == "OwnerReferenceError")
        #expect(bench.api.object("machines/default/simple-cp-0")?["spec"] == [:])
    }

    @Test("When the Machine in the way is gone, the cluster that waits for the name is looked at")
    func freedName() async throws {
        let bench = try ReconcilerBench()
        bench.api.put(
            "machines/default/simple-cp-1", ["metadata": ["name": "simple-cp-1", "namespace": "default"]])
        try bench.apply(Fixture.simpleSpec)
        await bench.reconcile()
        let queue = WorkQueue(clock: bench.clock)
        let handler = bench.reconciler.machineHandler(queue)
        let machine = try Machine(try #require(bench.api.object("machines/default/simple-cp-1")))
        handler(StoreChange(old: machine, new: machine))
        #expect(queue.snapshot.depth == 0)
        handler(StoreChange(old: machine, new: nil))
        #expect(queue.snapshot.depth == 1)
        #expect(await queue.next() == ReconcilerBench.cluster)
        bench.api.remove("machines/default/simple-cp-1")
        try await bench.settle()
        handler(StoreChange(old: machine, new: nil))
        #expect(queue.snapshot.depth == 0)
    }

    @Test("A Machine's change makes its cluster be looked at if it matters")
    func machineChanges() throws {
        let bench = try ReconcilerBench()
        let queue = WorkQueue(clock: bench.clock)
        let handler = bench.reconciler.machineHandler(queue)
        let machine = try Fixture.stored(try Fixture.desired(Fixture.cluster())[0])
        var heartbeat = machine
        heartbeat.metadata.resourceVersion = "21"
        handler(StoreChange(old: machine, new: heartbeat))
        #expect(queue.snapshot.depth == 0)
        heartbeat.state = .ready
        handler(StoreChange(old: machine, new: heartbeat))
        #expect(queue.snapshot.depth == 1)
    }

    @Test("The echo of our own write wakes nobody, what others make of it does")
    func ownEcho() async throws {
        let bench = try ReconcilerBench()
        try bench.apply(Fixture.simpleSpec)
        await bench.reconcile()
        let queue = WorkQueue(clock: bench.clock)
        let handler = bench.reconciler.machineHandler(queue)
        let machine = try Machine(try #require(bench.api.object("machines/default/simple-cp-1")))
        handler(StoreChange(old: nil, new: machine))
        #expect(queue.snapshot.depth == 0)
        bench.api.patch("machines/default/simple-cp-1", ["metadata": ["labels": ["x": "y"]]])
        let changed = try Machine(try #require(bench.api.object("machines/default/simple-cp-1")))
        handler(StoreChange(old: nil, new: changed))
        #expect(queue.snapshot.depth == 1)
    }

    @Test(
        "Every API error is explained",
        arguments: [
            (APIError.status(APIStatus(code: 403, reason: "Forbidden", message: "no")), "no", false, false),
            (
                .status(APIStatus(code: 500, reason: "InternalError", message: "")), "500 InternalError",
                true, false
            ),
            (.status(APIStatus(code: 409, reason: "Conflict", message: "late")), "late", false, true),
            (.transport(.timedOut), "no answer from the API server: no response in time", true, false),
            (.transport(.cancelled), "no answer from the API server: cancelled", true, true),
            (.undecodable("x"), "the API server's answer cannot be read: x", false, false),
            (.invalidRequest("x"), "x", false, false), (.credentials("x"), "no credentials: x", true, false),
            (.fenced, "this process is not the leader any more", true, true),
        ])
    func explanations(error: APIError, text: String, everyRequest: Bool, isNobodysFault: Bool) {
        #expect(error.explanation == text)
        #expect(error.concernsEveryRequest == everyRequest)
        #expect(error.isNobodysFault == isNobodysFault)
    }
}
