// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData
import Talos
import TestSupport
import Testing

@testable import ClusterController

@Suite("Reconciling a cluster whose life is managed here")
struct ReconcileLifecycleTests {
    private let nodes = FakeNodes()
    private static let first = "simple-cp-0"

    private func bench(_ patch: String = "{}", fleet: FleetPolicy = FleetPolicy()) throws -> ReconcilerBench {
        let bench = try ReconcilerBench(managesConfig: true, nodes: nodes, fleet: fleet)
        try bench.apply(Fixture.spec(#"{"management": "Full"}"#).mergePatched(with: Fixture.json(patch)))
        return bench
    }

    /// Reports every Machine as running, at an address of its own.
    private func run(_ bench: ReconcilerBench) throws {
        for (index, name) in bench.machineNames.enumerated() {
            bench.api.patch(
                "machines/default/\(name)",
                ["status": ["phase": "Running", "ipAddresses": [.string("10.0.0.\(index + 1)")]]])
        }
        try bench.refresh()
    }

    /// A decision that records the one bootstrap and asks for it.
    private func bootstrap() {
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            if context.record.bootstrap == nil, context.desired.nodes.contains(where: \.hasMachine) {
                decision.record.bootstrap = BootstrapRecord(node: Self.first, since: Fixture.noon)
                decision.actions = [LifecycleAction(.bootstrap, on: Self.first)]
            }
            return decision
        }
    }

    private func annotation(_ name: String, _ bench: ReconcilerBench) -> String? {
        bench.api.object(ReconcilerBench.path)?["metadata"]?["annotations"]?[name]?.string
    }

    private func annotate(_ name: String, _ value: JSONValue, _ bench: ReconcilerBench) throws {
        bench.api.patch(ReconcilerBench.path, ["metadata": ["annotations": .object([name: value])]])
        try bench.refresh()
    }

    @Test("A configuration that cannot be compared is told of, with its node")
    func unknownConfiguration() async throws {
        let bench = try bench()
        try await bench.settle()
        try run(bench)
        nodes.look { cluster in
            var observation = FakeNodes.wellNodes(cluster)
            observation.nodes[Self.first]?.config = .unknown
            observation.nodes[Self.first]?.configProblem = "cannot be read: document 2"
            return observation
        }
        try await bench.settle()
        let drifted = bench.status().conditions[.drifted]
        #expect(drifted?.isTrue == false && drifted?.reason == ConditionReason.configUnknown)
        #expect(drifted?.message == "Could not be compared: \(Self.first): cannot be read: document 2")
    }

    // MARK: What a pass is told

    @Test("The engine is told of every node: its configuration, its machine, and where to look for it")
    func nodesOfTheTopology() async throws {
        let bench = try bench()
        try await bench.settle()
        let before = try #require(nodes.looks.entries.last)
        #expect(before.desired.nodes.map(\.name) == bench.machineNames)
        #expect(before.desired.nodes.allSatisfy { $0.configDigest?.count == 64 && !$0.hasMachine })
        #expect(!before.addresses.values.contains { !$0.isEmpty })
        try run(bench)
        await bench.reconcile()
        let after = try #require(nodes.looks.entries.last)
        #expect(after.desired.nodes.allSatisfy { $0.hasMachine && !$0.isMachineLeaving && !$0.isSurplus })
        #expect(after.addresses[Self.first] == ["10.0.0.1:50000"])
        #expect(after.endpoint == "https://192.168.1.100:6443")
        #expect(after.desired.nodes.first?.installer == "ghcr.io/siderolabs/installer:v1.5.5")
    }

    @Test(
        "The configuration of a node is made when it is asked for, and only if it is still the one that was told"
    )
    func configuration() async throws {
        let bench = try bench()
        try await bench.settle()
        let cluster = try #require(nodes.looks.entries.last)
        let config = try await cluster.configuration(Self.first)
        #expect(config.configuration["machine", "type"]?.string == "controlplane")
        await #expect(throws: RenderingFailure.self) { _ = try await cluster.configuration("another") }
        bench.api.patch("secrets/default/simple-talos-secrets", ["data": ["value": "eDog"]])
        await #expect(throws: RenderingFailure.self) { _ = try await cluster.configuration(Self.first) }
    }

    @Test("Annotations say what is approved, paused and to go on, and pin keys and addresses of Machines")
    func annotations() async throws {
        let bench = try bench()
        try await bench.settle()
        try run(bench)
        for (name, value) in [("approved-plan", "abc"), ("resume", "7"), ("paused", "true")] {
            try annotate("cluster.vitistack.io/\(name)", .string(value), bench)
        }
        bench.api.patch(
            "machines/default/\(Self.first)",
            [
                "metadata": [
                    "annotations": [
                        "cluster.vitistack.io/talos-endpoint": "node.example.com:443",
                        "cluster.vitistack.io/maintenance-fingerprint": "print",
                    ]
                ]
            ])
        try bench.refresh()
        await bench.reconcile()
        let told = try #require(nodes.looks.entries.last)
        #expect(told.desired.approvedPlan == "abc" && told.desired.resumeToken == "7")
        #expect(told.desired.isPaused && !told.desired.policy.deletion.isProtected)
        #expect(told.addresses[Self.first] == ["node.example.com:443"])
        #expect(told.fingerprints == [Self.first: "print"])
        try annotate("cluster.vitistack.io/paused", "false", bench)
        await bench.reconcile()
        #expect(nodes.looks.entries.last?.desired.isPaused == false)
    }

    @Test("An administrator's certificate is issued once and not at every pass")
    func credentials() async throws {
        let bench = try bench()
        try await bench.settle()
        try run(bench)
        await bench.reconcile()
        let issued = Set(nodes.looks.entries.map(\.credentials))
        #expect(nodes.looks.entries.count > 2 && issued.count == 1)
        bench.clock.advance(by: .seconds(12 * 3600 + 1))
        await bench.reconcile()
        #expect(Set(nodes.looks.entries.map(\.credentials)).count == 2)
    }

    // MARK: The record

    @Test(
        "What is to be done is written down before it is done, and the bootstrap where no status can lose it")
    func recordFirst() async throws {
        let bench = try bench()
        bootstrap()
        let seen = Journal<String>()
        nodes.perform { [api = bench.api] action, _, _ in
            let object = api.object(ReconcilerBench.path)
            let record = object?["status"]?["lifecycle"]?["record"]?["bootstrap"]?["node"]?.string
            let annotation = object?["metadata"]?["annotations"]?[APINames.bootstrappedAnnotation]?.string
            seen.append("\(action.kind) \(record ?? "-") \(annotation ?? "-")")
            return .done
        }
        try await bench.settle()
        try run(bench)
        try await bench.settle()
        #expect(seen.entries == ["bootstrap \(Self.first) \(Self.first) 2024-01-01T12:00:00Z"])
    }

    @Test("Where the record cannot be kept nothing is done", arguments: ["conflict", "refusal", "pruned"])
    func recordNotKept(cause: String) async throws {
        let bench = try bench()
        try await bench.settle()
        try run(bench)
        bootstrap()
        switch cause {
        case "conflict":
            bench.api.fail("patch \(ReconcilerBench.path)/status", .failure(409, reason: "Conflict"))
        case "refusal":
            bench.api.fail("patch \(ReconcilerBench.path)/status", .failure(500, reason: "InternalError"))
        default: bench.api.pruneStatus("lifecycle")
        }
        let error = await bench.reconcile()
        #expect(error?.disposition == (cause == "conflict" ? .conflict : error?.disposition))
        #expect(error != nil)
        #expect(nodes.performed.entries.isEmpty)
    }

    @Test("A status that is lost, or a record in it, never makes anybody forget the bootstrap")
    func lostStatus() async throws {
        let bench = try bench()
        bootstrap()
        try await bench.settle()
        try run(bench)
        try await bench.settle()
        #expect(nodes.performed.entries.count == 1)
        for isConfirmed in [false, true] {
            nodes.decide { context in
                var decision = LifecycleDecision(record: context.record)
                if isConfirmed { decision.record.bootstrap?.isConfirmed = true }
                return decision
            }
            await bench.reconcile()
            bench.api.patch(ReconcilerBench.path, ["status": .null])
            try bench.refresh()
            let seen = Journal<LifecycleRecord>()
            nodes.decide { context in
                seen.append(context.record)
                return LifecycleDecision(record: context.record)
            }
            await bench.reconcile()
            #expect(seen.entries.last?.bootstrap?.node == Self.first)
            #expect(seen.entries.last?.bootstrap?.isConfirmed == isConfirmed)
        }
        #expect(annotation(APINames.bootstrappedAnnotation, bench)?.hasSuffix(" confirmed") == true)
    }

    @Test(
        "An annotation that nobody can read counts as a bootstrap all the same",
        arguments: ["true", "", "node", "node yesterday"])
    func unreadableMark(text: String) {
        let mark = BootstrapMark(text, readAt: Fixture.noon)
        #expect(mark.node.isEmpty && mark.isConfirmed)
    }

    @Test("A record that cannot be read stops everything about the nodes, and the status says so")
    func unreadableRecord() async throws {
        let bench = try bench()
        try await bench.settle()
        bench.api.patch(ReconcilerBench.path, ["status": ["lifecycle": ["record": ["version": 99]]]])
        try bench.refresh()
        let looks = nodes.looks.entries.count
        await bench.reconcile()
        #expect(nodes.looks.entries.count == looks)
        let ready = bench.status().conditions[.healthy]
        #expect(ready?.reason == ConditionReason.lifecycleFailed)
        #expect(ready?.message.contains("record.version") == true)
    }

    // MARK: Status

    @Test("A cluster with nothing to do costs no request, and is looked at all the same")
    func steadyState() async throws {
        let bench = try bench()
        try await bench.settle()
        try run(bench)
        try await bench.settle()
        let looks = nodes.looks.entries.count
        _ = bench.api.takeRequests()
        for _ in 0..<5 {
            bench.clock.advance(by: .seconds(30))
            await bench.reconcile()
        }
        #expect(bench.api.takeRequests() == [])
        #expect(nodes.looks.entries.count == looks + 5)
    }

    @Test(
        "While all is as it should be nodes are asked in every second interval, and at once when anything changes"
    )
    func rest() async throws {
        let bench = try bench()
        try await bench.settle()
        try run(bench)
        nodes.report {
            $0.state = .running
            $0.health = HealthVerdict(checks: [])
        }
        try await bench.settle()
        func looks(after seconds: [Int]) async -> [Int] {
            var counts: [Int] = []
            for pause in seconds {
                let before = nodes.looks.entries.count
                bench.clock.advance(by: .seconds(pause))
                await bench.reconcile()
                counts.append(nodes.looks.entries.count - before)
            }
            return counts
        }
        _ = await looks(after: [60])
        #expect(await looks(after: [30, 30, 30, 29, 31, 30]) == [0, 1, 0, 1, 0, 1])
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            decision.wake = .seconds(40)
            return decision
        }
        #expect(await looks(after: [60, 30, 10, 30, 10]) == [1, 0, 1, 0, 1])
        bench.api.patch("machines/default/\(Self.first)", ["status": ["ipAddresses": ["10.0.0.99"]]])
        try bench.refresh()
        #expect(await looks(after: [0]) == [1])
        nodes.report { $0.state = .degraded }
        #expect(await looks(after: [60, 30, 30]) == [1, 1, 1])
    }

    @Test("What a look finds anew is told at once, and once")
    func news() async throws {
        let bench = try bench()
        try await bench.settle()
        try run(bench)
        try await bench.settle()
        nodes.look { cluster in
            var observation = FakeNodes.wellNodes(cluster)
            observation.nodes[Self.first]?.config = .differs(
                ConfigChange(hash: "h", summary: "s", needsReboot: false, configDigest: "d"))
            return observation
        }
        _ = bench.api.takeRequests()
        await bench.reconcile()
        #expect(bench.api.takeRequests() == ["patch \(ReconcilerBench.path)/status"])
        try await bench.settle()
    }

    @Test("The status tells phase, state, and the conditions of a life; nothing under way is settled")
    func conditions() async throws {
        let bench = try bench()
        try await bench.settle()
        #expect(bench.status().phase == .provisioning)
        #expect(bench.status().conditions[.bootstrapped]?.isTrue == false)
        #expect(bench.status().lifecycle?.state == .installing)
        try run(bench)
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            decision.record.bootstrap = BootstrapRecord(
                node: Self.first, since: Fixture.noon, isConfirmed: true)
            decision.record.operations[Self.first] = NodeOperation(
                .configure(digest: "d"), .rebooting, at: Fixture.noon)
            decision.wake = .seconds(5)
            return decision
        }
        try await bench.settle()
        let status = bench.status()
        #expect(status.phase == .running && status.lifecycle?.state == .configuring)
        #expect(status.conditions[.bootstrapped]?.isTrue == true)
        #expect(status.conditions[.progressing]?.message == "\(Self.first): Configure, Rebooting")
        #expect(status.conditions[.ready]?.reason == ConditionReason.clusterNotRunning)
        #expect(status.conditions[.halted]?.isTrue == false)
        let result = try await bench.reconciler.reconcile(ReconcilerBench.cluster)
        guard case .requeue(let delay) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(delay <= .seconds(5))
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            decision.record.halt = Halt(
                .rebootTimedOut, "gone", node: Self.first, at: Fixture.noon, resumeToken: nil,
                desiredHash: "h")
            return decision
        }
        await bench.reconcile()
        let halted = bench.status().conditions[.halted]
        #expect(halted?.message == "RebootTimedOut (\(Self.first)): gone")
        #expect(bench.status().conditions[.drifted]?.reason == ConditionReason.configInSync)
        #expect(bench.status().phase == .running)
        #expect(bench.metric(#"talos_operator_lifecycle_halts_total{reason="RebootTimedOut"}"#) == "1")
        let events = await bench.takeEvents()
        #expect(events.contains("Warning Halted RebootTimedOut (\(Self.first)): gone"))
        #expect(events.contains("Normal OperationBegun Configure of \(Self.first) has begun"))
    }

    @Test(
        "A cluster that goes back to Config loses what was said of its life, and nothing else happens to it")
    func unmanaged() async throws {
        let bench = try bench()
        try await bench.settle()
        bench.api.patch(ReconcilerBench.path, ["spec": ["management": "Config"]])
        try await bench.settle()
        #expect(bench.status().lifecycle == nil && bench.status().conditions[.healthy] == nil)
        #expect(bench.api.object(ReconcilerBench.path)?["status"]?["lifecycle"] == nil)
        #expect(bench.machineNames.count == 5)
    }

    @Test("A pass that hangs is cut off, and the next one is made as ever")
    func hangingPass() async throws {
        let bench = try bench()
        try await bench.settle()
        let hung = Gate()
        nodes.look { cluster in
            await hung.wait()
            return FakeNodes.wellNodes(cluster)
        }
        try run(bench)
        async let reconcile = bench.reconcile()
        await bench.clock.waitForSleepers()
        bench.clock.advance(by: .seconds(61))
        _ = await reconcile
        #expect(bench.status().conditions[.healthy]?.message.contains("cut off") == true)
        nodes.look { FakeNodes.wellNodes($0) }
        await bench.reconcile()
        #expect(bench.status().conditions[.healthy]?.reason != ConditionReason.lifecycleFailed)
    }

    // MARK: Machines

    @Test("Machines beyond the topology are nodes that are to go, and go by the hand of the flow alone")
    func surplus() async throws {
        let bench = try bench()
        try await bench.settle()
        try run(bench)
        bench.api.patch(
            ReconcilerBench.path,
            [
                "spec": [
                    "controlPlane": ["replicas": 1],
                    "workers": [
                        ["name": "workers", "replicas": 1]
                    ],
                ]
            ])
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.machineNames.count == 5)
        let told = try #require(nodes.looks.entries.last).desired.nodes
        #expect(
            told.filter(\.isSurplus).map { "\($0.name) \($0.role.rawValue)" } == [
                "simple-cp-1 controlplane", "simple-cp-2 controlplane", "simple-workers-1 worker",
            ])
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            decision.actions = [LifecycleAction(.deleteMachine, on: "simple-cp-2")]
            return decision
        }
        nodes.perform { action, _, store in
            do {
                try await store.deleteMachine(action.node)
                return .done
            } catch {
                return .notNow("\(error)")
            }
        }
        await bench.reconcile()
        #expect(!bench.machineNames.contains("simple-cp-2") && bench.machineNames.count == 4)
    }

    @Test("No Machine of somebody else is deleted, none on old knowledge, and one that is gone is deleted")
    func foreignMachines() async throws {
        let bench = try bench()
        try await bench.settle()
        bench.api.put(
            "machines/default/foreign",
            ["metadata": ["name": "foreign", "namespace": "default"], "spec": [:]])
        try bench.refresh()
        let cluster = try #require(bench.reconciler.clusters.get(ReconcilerBench.cluster))
        let secrets = try #require(bench.reconciler.config?.secrets)
        let mark = BundleMark(client: bench.reconciler.client, secrets: secrets, bundle: cluster.key)
        let store = ClusterRecordStore(bench.reconciler, cluster, mark)
        await #expect(throws: LifecycleStoreError.self) { try await store.deleteMachine("foreign") }
        try await store.deleteMachine("no-such-machine")
        bench.api.patch(ReconcilerBench.path, ["spec": ["paused": true]])
        await #expect(throws: LifecycleStoreError.conflict) { try await store.deleteMachine(Self.first) }
        #expect(bench.machineNames.count == 6)
    }

    @Test("The talosconfig names the control plane's addresses, and follows them")
    func endpoints() async throws {
        let bench = try bench()
        try await bench.settle()
        let before = try talosconfig(bench)
        #expect(before.contains("192.168.1.100"))
        try run(bench)
        try await bench.settle()
        let after = try talosconfig(bench)
        #expect(["10.0.0.1", "10.0.0.2", "10.0.0.3"].allSatisfy(after.contains))
        #expect(!after.contains("192.168.1.100") && !after.contains("10.0.0.4"))
    }

    private func talosconfig(_ bench: ReconcilerBench) throws -> String {
        let secret = try #require(bench.api.object("secrets/default/simple-talosconfig"))
        let value = try #require(secret["data"]?["value"]?.string.flatMap { Base64.decode($0) })
        return String(decoding: value, as: UTF8.self)
    }

    @Test(
        "The version of the configurations is pinned at first, and an upgrade changes the installer's image alone"
    )
    func contract() async throws {
        let bench = try bench()
        try await bench.settle()
        #expect(annotation(APINames.configContractAnnotation, bench) == "v1.5")
        let old = try await #require(nodes.looks.entries.last).configuration(Self.first).configuration
        bench.api.patch(
            ReconcilerBench.path, ["spec": ["talosVersion": "v1.6.7"]])
        try await bench.settle()
        #expect(annotation(APINames.configContractAnnotation, bench) == "v1.5")
        let new = try await #require(nodes.looks.entries.last).configuration(Self.first).configuration
        #expect(
            old.yaml().replacing("installer:v1.5.5", with: "installer:v1.6.7") == new.yaml())
        try annotate(APINames.configContractAnnotation, "latest", bench)
        await bench.reconcile()
        #expect(
            bench.status().conditions[.configGenerated]?.message
                == #"metadata.annotations["cluster.vitistack.io/config-contract"]: must be v1.3 to v1.13, not "latest""#
        )
    }

    // MARK: All clusters

    @Test(
        "What the rules over all clusters forbid is told to the flows, and whose turn it is outlives a restart"
    )
    func fleet() async throws {
        let bench = try bench(fleet: FleetPolicy(maximumAtOnce: 1))
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            decision.record.bootstrap = BootstrapRecord(
                node: Self.first, since: Fixture.noon, isConfirmed: true)
            if let obstacle = context.desired.fleetObstacle { decision.waits = [Wait(obstacle)] }
            return decision
        }
        try await bench.settle()
        try run(bench)
        try await bench.settle()
        #expect(nodes.looks.entries.last?.desired.fleetObstacle != nil)
        #expect(bench.status().lifecycle?.standing == .waiting(since: Fixture.noon))
        let member = bench.reconciler.clusters.get(ReconcilerBench.cluster)?.fleetMember
        #expect(member?.turn == .waiting(since: Fixture.noon))
    }

    @Test(
        "A cluster that is awaited is looked at after a second, and then after a tenth of the time that nothing moves"
    )
    func pace() async throws {
        let bench = try bench()
        try await bench.settle()
        try run(bench)
        nodes.look { cluster in
            var observation = FakeNodes.wellNodes(cluster)
            observation.nodes[Self.first]?.stage = .booting
            return observation
        }
        func expect(_ pause: Duration) async throws {
            // Its own place in the interval may come first.
            let slot = TimeSlot(of: ReconcilerBench.cluster, in: .seconds(30))
                .next(after: bench.clock.timestamp)
            let result = try await bench.reconciler.reconcile(ReconcilerBench.cluster)
            #expect(result == (pause < slot ? .requeue(after: pause) : .requeueExactly(after: slot)))
        }
        try await bench.settle()
        try await expect(.seconds(1))
        bench.clock.advance(by: .seconds(45))
        try await expect(.milliseconds(4500))
        bench.clock.advance(by: .seconds(60))
        try await expect(.milliseconds(10500))
        nodes.look { cluster in
            var observation = FakeNodes.wellNodes(cluster)
            observation.nodes[Self.first]?.stage = .rebooting
            return observation
        }
        try await expect(.seconds(1))
        #expect(LifecycleProgress.pause(after: .zero) == .seconds(1))
    }

    @Test("Looks at a hundred clusters are spread over the interval, and many come together")
    func slots() {
        let interval = Duration.seconds(30)
        let delays = (0..<100).map { index in
            let key = ObjectKey(namespace: "default", name: "cluster-\(index)")
            return TimeSlot(of: key, in: interval).next(after: Fixture.noon)
        }
        #expect(delays.allSatisfy { $0 > .zero && $0 <= interval })
        let thirds = (0..<3).map { third in
            delays.count { $0 > interval * third / 3 && $0 <= interval * (third + 1) / 3 }
        }
        #expect(thirds.allSatisfy { $0 > 15 })
        #expect(Set(delays).count == Int(TimeSlot.count))
        let slot = TimeSlot(of: ReconcilerBench.cluster, in: interval)
        let next = Fixture.noon + slot.next(after: Fixture.noon)
        #expect(slot.next(after: next) == interval)
    }
}
