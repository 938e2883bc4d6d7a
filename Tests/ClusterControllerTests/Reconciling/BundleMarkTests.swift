// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

@Suite("The mark of the bootstrap in a cluster's secrets")
struct BundleMarkTests {
    private static let bundle = "secrets/default/simple-talos-secrets"
    private static let first = "simple-cp-0"
    private static let text = "\(first) 2024-01-01T12:00:00Z"
    private let nodes = FakeNodes()

    /// A cluster whose engine bootstraps as soon as there is no record of it.
    private func bench() async throws -> ReconcilerBench {
        let bench = try ReconcilerBench(managesConfig: true, nodes: nodes)
        try bench.apply(Fixture.spec(#"{"management": "Full", "deletion": {"retainSecrets": true}}"#))
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            if context.record.bootstrap?.isAccepted != true {
                decision.record.bootstrap =
                    context.record.bootstrap ?? BootstrapRecord(node: Self.first, since: Fixture.noon)
                decision.actions = [LifecycleAction(.bootstrap, on: Self.first)]
            }
            return decision
        }
        return bench
    }

    private func mark(_ bench: ReconcilerBench) -> String? {
        bench.api.object(Self.bundle)?["metadata"]?["annotations"]?[APINames.bootstrappedAnnotation]?.string
    }

    @Test("It is there before the node is asked, and is written once")
    func first() async throws {
        let bench = try await bench()
        let seen = Journal<String>()
        nodes.perform { [api = bench.api] _, _, _ in
            let marks = api.object(Self.bundle)?["metadata"]?["annotations"]
            seen.append(marks?[APINames.bootstrappedAnnotation]?.string ?? "-")
            return .done
        }
        try await bench.settle()
        #expect(Set(seen.entries) == [Self.text] && mark(bench) == Self.text)
        let version = bench.api.object(Self.bundle)?["metadata"]?["resourceVersion"]
        nodes.decide { context in
            var decision = LifecycleDecision(record: context.record)
            decision.record.bootstrap?.isConfirmed = true
            return decision
        }
        try await bench.settle()
        #expect(bench.api.object(Self.bundle)?["metadata"]?["resourceVersion"] == version)
    }

    @Test("Where it cannot be written nobody is asked", arguments: [409, 403])
    func unwritable(_ status: Int) async throws {
        let bench = try await bench()
        bench.api.fail(
            "patch \(Self.bundle)", .failure(status, reason: status == 409 ? "Conflict" : "Forbidden"))
        for _ in 0..<5 {
            await bench.reconcile()
            try bench.refresh()
        }
        #expect(nodes.performed.entries.isEmpty)
        // The node was noted in the cluster already, and that alone does not do.
        bench.api.fail("patch \(Self.bundle)", nil)
        try await bench.settle()
        #expect(mark(bench) == Self.text && !nodes.performed.entries.isEmpty)
    }

    @Test(
        "It is told where the cluster is made anew with secrets that were kept, and where it was taken away it is not"
    )
    func madeAnew() async throws {
        let bench = try await bench()
        try await bench.settle()
        #expect(nodes.looks.entries.first?.desired.earlierBootstrap == nil)
        bench.api.patch(ReconcilerBench.path, ["metadata": ["deletionTimestamp": "2024-01-01T13:00:00Z"]])
        try await bench.settle()
        #expect(bench.api.object(ReconcilerBench.path) == nil && mark(bench) == Self.text)
        nodes.decide { LifecycleDecision(record: $0.record) }
        try bench.apply(Fixture.spec(#"{"management": "Full"}"#))
        try await bench.settle()
        #expect(nodes.looks.entries.last?.desired.earlierBootstrap == Self.text)
        bench.api.patch(
            Self.bundle, ["metadata": ["annotations": [APINames.bootstrappedAnnotation: .null]]])
        try await bench.settle()
        #expect(nodes.looks.entries.last?.desired.earlierBootstrap == nil)
    }

    @Test("It comes back where somebody has taken it from a cluster that was made")
    func takenAway() async throws {
        let bench = try await bench()
        try await bench.settle()
        bench.api.patch(
            Self.bundle, ["metadata": ["annotations": [APINames.bootstrappedAnnotation: .null]]])
        try await bench.settle()
        #expect(mark(bench) == Self.text)
    }
}
