// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

@Suite("Reconciling the end of a cluster whose life is managed here")
struct ReconcileTeardownTests {
    private let nodes = FakeNodes()
    private static let bundle = "secrets/default/simple-talos-secrets"

    /// A cluster that has run, and which somebody has deleted since.
    private func bench(_ patch: String, annotations: JSONValue = [:]) async throws -> ReconcilerBench {
        let bench = try ReconcilerBench(managesConfig: true, nodes: nodes)
        try bench.apply(Fixture.spec(#"{"management": "Full"}"#).mergePatched(with: Fixture.json(patch)))
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            decision.record.bootstrap = BootstrapRecord(
                node: "simple-cp-0", since: Fixture.noon, isConfirmed: true)
            decision.record.nodes["simple-cp-0"] = NodeRecord(wasConfigured: true)
            return decision
        }
        try await bench.settle()
        bench.api.patch(
            ReconcilerBench.path,
            ["metadata": ["deletionTimestamp": "2024-01-01T13:00:00Z", "annotations": annotations]])
        try bench.refresh()
        return bench
    }

    /// Lets a pass take away one Machine after the other, the last one first.
    private func takeMachines() {
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            decision.record.teardownSince = Fixture.noon
            decision.actions =
                context.desired.nodes.last.map { [LifecycleAction(.deleteMachine, on: $0.name)] } ?? []
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
    }

    private func message(_ bench: ReconcilerBench) -> String? {
        bench.status().conditions[.ready].map { "\($0.reason): \($0.message)" }
    }

    @Test("Nodes that are not to be wiped are not asked: their Machines go at once, and then all else")
    func noReset() async throws {
        let bench = try await bench("{}")
        let looks = nodes.looks.entries.count
        try await bench.settle()
        #expect(nodes.looks.entries.count == looks)
        #expect(bench.api.object(ReconcilerBench.path) == nil && bench.api.objects("secrets").isEmpty)
    }

    @Test("Nodes that are to be wiped are taken down while Machines and secrets are there, and these go last")
    func reset() async throws {
        let bench = try await bench(#"{"deletion": {"reset": "Graceful"}}"#)
        takeMachines()
        for count in [4, 3, 2, 1] {
            await bench.reconcile()
            try bench.refresh()
            #expect(bench.machineNames.count == count)
            #expect(nodes.looks.entries.last?.desired.isBeingDeleted == true)
            #expect(bench.status().phase == .deleting && bench.status().lifecycle?.state == .tearingDown)
            #expect(bench.api.object(Self.bundle) != nil)
        }
        try await bench.settle()
        #expect(bench.api.object(ReconcilerBench.path) == nil && bench.api.objects("secrets").isEmpty)
    }

    @Test("The bundle outlives the cluster if it is to, and belongs to nobody then")
    func retainedSecrets() async throws {
        let bench = try await bench(#"{"deletion": {"retainSecrets": true}}"#)
        try await bench.settle()
        #expect(bench.api.object(ReconcilerBench.path) == nil)
        #expect(bench.api.objects("secrets").count == 1)
        let bundle = try #require(bench.api.object(Self.bundle))
        #expect(bundle["metadata"]?["ownerReferences"] == [] && bundle["data"]?["value"] != nil)
    }

    @Test("A protected cluster keeps everything until the protection goes", arguments: ["true", "yes", ""])
    func protection(value: String) async throws {
        let name = APINames.deletionProtectionAnnotation
        let bench = try await bench("{}", annotations: .object([name: .string(value)]))
        await bench.reconcile()
        #expect(bench.machineNames.count == 5 && bench.api.object(ReconcilerBench.path) != nil)
        #expect(message(bench)?.hasPrefix("DeletionProtected: ") == true)
        bench.api.patch(ReconcilerBench.path, ["metadata": ["annotations": .object([name: "false"])]])
        try await bench.settle()
        #expect(bench.api.object(ReconcilerBench.path) == nil)
    }

    @Test("A cluster that is paused is deleted when it is not any more")
    func paused() async throws {
        let bench = try await bench(#"{"paused": true}"#)
        await bench.reconcile()
        #expect(bench.machineNames.count == 5)
        #expect(message(bench) == "Deleting: Nothing is deleted while the cluster is paused")
        bench.api.patch(ReconcilerBench.path, ["spec": ["paused": false]])
        try await bench.settle()
        #expect(bench.api.object(ReconcilerBench.path) == nil)
    }

    @Test(
        "What makes a reset impossible is told with the way out, which is taken when somebody says so",
        arguments: ["specification", "bundle", "record"])
    func blocked(cause: String) async throws {
        let bench = try await bench(#"{"deletion": {"reset": "Force"}}"#)
        switch cause {
        case "specification": bench.api.patch(ReconcilerBench.path, ["spec": ["kubernetesVersion": "new"]])
        case "bundle": bench.api.remove(Self.bundle)
        default:
            bench.api.patch(ReconcilerBench.path, ["status": ["lifecycle": ["record": ["version": 99]]]])
        }
        // The credentials of earlier passes would do; a restart has none.
        bench.reconciler.lifecycle?.forget(ReconcilerBench.cluster)
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.machineNames.count == 5)
        let said = try #require(message(bench))
        #expect(said.hasPrefix("ResetBlocked: The nodes cannot be reset: "))
        #expect(said.hasSuffix("set the annotation cluster.vitistack.io/skip-reset"))
        bench.api.patch(
            ReconcilerBench.path, ["metadata": ["annotations": .object([APINames.skipResetAnnotation: ""])]])
        try await bench.settle()
        #expect(bench.api.object(ReconcilerBench.path) == nil && bench.machineNames.isEmpty)
    }

    @Test("A cluster of which no node was ever given anything has nothing to wipe")
    func neverLived() async throws {
        let bench = try ReconcilerBench(managesConfig: true, nodes: nodes)
        try bench.apply(Fixture.spec(#"{"management": "Full", "deletion": {"reset": "Graceful"}}"#))
        try await bench.settle()
        bench.api.patch(ReconcilerBench.path, ["metadata": ["deletionTimestamp": "2024-01-01T13:00:00Z"]])
        try bench.refresh()
        let looks = nodes.looks.entries.count
        try await bench.settle()
        #expect(nodes.looks.entries.count == looks && bench.api.object(ReconcilerBench.path) == nil)
    }
}

extension NodeRecord {
    fileprivate init(wasConfigured: Bool) {
        self.init()
        self.wasConfigured = wasConfigured
    }

    @Test("That a machine goes without having been wiped is told once, as a warning")
    func notReset() {
        var (old, new) = (LifecycleRecord(), LifecycleRecord())
        old.operations["w"] = NodeOperation(.teardown, .resetting, at: Fixture.noon)
        new.operations["w"] = NodeOperation(.teardown, .deletingMachine, at: Fixture.noon)
        new.operations["w"]?.lastError = "it was not reset, as it did not answer"
        let news = OperationNews.all(from: old, to: new)
        #expect(news.map(\.reason) == ["NotReset"] && news.map(\.type) == [.warning])
        #expect(news.first?.message.hasPrefix("Teardown of w is over without a reset") == true)
        #expect(OperationNews.all(from: new, to: new).isEmpty)
        new.operations["w"]?.lastError = nil
        #expect(OperationNews.all(from: old, to: new).isEmpty)
    }
}
