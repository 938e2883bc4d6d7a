// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("A reflector on a real API server", .timeLimit(.minutes(15)))
struct ReflectorTests {
    @Test("a thousand writes arrive as a history without gaps, and the store ends up as the server")
    func modelCheck() async throws {
        let bench = try await Bench.shared("model")
        try await bench.create("before")
        try await running(RunningReflector<Widget>(bench)) { running in
            try await Self.churn(bench, writers: 8, rounds: 25)
            try await bench.create("the-last")
            try await running.sees("the-last")
            let list = try await bench.client.list(Widget.self, bench.selection()).items
            expectLegalHistory(running.changes.entries, endingWith: list)
            #expect(Set(running.store.list().map(\.document)) == Set(list.map(\.document)))
            #expect(running.changes.entries.count > 900)
            #expect(running.relists.isEmpty)
        }
    }

    @Test("a broken line costs one watch and no list, and what happened meanwhile is told in full")
    func brokenLine() async throws {
        let bench = try await Bench.shared("broken-line")
        let other = try bench.anotherClient().client
        let old = try await bench.create("remade")
        try await bench.create("deleted")
        try await running(RunningReflector<Widget>(bench)) { running in
            bench.link.cut()
            for name in ["deleted", "remade"] { _ = try await other.delete(Widget.self, bench.key(name)) }
            let remade = try await other.create(
                Widget.self, TestResources.widget("remade"), namespace: bench.namespace)
            bench.link.mend()
            try await running.sees("deleted", gone: true)
            let change = try await running.changes.first { $0.new?.metadata.uid == remade.metadata.uid }
            #expect(change.old == nil)
            #expect(
                running.changes.entries.contains { $0.new == nil && $0.old?.metadata.uid == old.metadata.uid }
            )
            #expect(running.relists.isEmpty)
            let requests = bench.link.exchanges.entries.filter { $0.query("limit") == "500" }
            #expect(requests.count == 1)
        }
    }

    @Test("a kind that may not be read is told with the server's words, and is read once it may be")
    func forbidden() async throws {
        let bench = try await Bench.shared("denied")
        try await bench.create("a")
        let user = "reader-of-\(bench.namespace)"
        let configuration = try await bench.controlPlane.configuration(ofUser: user)
        let client = try bench.controlPlane.linkedClient(configuration).client
        let denied = RunningReflector<Widget>(bench, client: client)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await denied.reflector.run() }
            let line = try await denied.log.lines.first { $0.contains("List or watch failed") }
            #expect(line.contains("cannot list resource"))
            #expect(!denied.reflector.hasSynced)
            #expect(denied.reflector.currentStatus.lastError?.isForbidden == true)
            try await bench.controlPlane.grant(
                user, in: bench.namespace, group: TestResources.group, resources: ["widgets"],
                verbs: ["list", "watch"])
            await denied.reflector.waitForSync()
            #expect(denied.store.list().map(\.metadata.name) == ["a"])
            #expect(denied.reflector.currentStatus.lastError == nil)
            group.cancelAll()
        }
    }

    @Test("a kind that vanishes takes its objects along, and one that appears is read without a restart")
    func definitionComesAndGoes() async throws {
        let bench = try await Bench.shared("gadgets")
        var timing = ReflectorTiming.quick
        timing.absentAfter = .seconds(1)
        let gadgets = RunningReflector<Gadget>(bench, timing: timing)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await gadgets.reflector.run() }
            try await gadgets.log.lines.first { $0.contains("404 PathNotFound") }
            #expect(!gadgets.reflector.hasSynced)
            for name in ["first", "second"] {
                try await bench.controlPlane.install(TestResources.gadgets)
                await gadgets.reflector.waitForSync()
                let object = TestResources.object(GadgetKind.definition, name)
                _ = try await bench.client.create(Gadget.self, object, namespace: bench.namespace)
                try await gadgets.sees(name)
                let key = ObjectKey(namespace: "", name: "gadgets.\(TestResources.group)")
                _ = try await bench.client.delete(CustomResourceDefinition.self, key)
                try await gadgets.sees(name, gone: true)
                try await bench.client.waitUntilGone(CustomResourceDefinition.self, key)
            }
            expectLegalHistory(gadgets.changes.entries, endingWith: [])
            group.cancelAll()
        }
    }

    @Test("label and field selectors narrow a watch too: what no longer fits is told as gone")
    func selectors() async throws {
        let bench = try await Bench.shared("narrow")
        let made = try await bench.create("a", labels: ["shard": "one"])
        let start = try await bench.client.list(Widget.self, bench.selection()).resourceVersion
        var stream = try await bench.client.watch(
            Widget.self, bench.selection(labels: "shard=one"), from: start, timeout: .seconds(60))
        _ = try await bench.client.mergePatch(
            Widget.self, made.key, ["metadata": ["labels": ["shard": "two"]]])
        guard case .deleted(let gone) = try await stream.next() else {
            Issue.record("the object left the selection, and the watch did not tell")
            return
        }
        #expect(gone.metadata.uid == made.metadata.uid)
    }

    /// Creates, changes, deletes and recreates objects, in an order that differs from run to run.
    static func churn(_ bench: Bench, writers: Int, rounds: Int) async throws {
        let client = try bench.anotherClient().client
        try await concurrently(0..<writers, width: writers) { writer in
            for round in 0..<rounds {
                let key = bench.key("w-\(writer)-\(round % 5)")
                _ = try await client.apply(
                    Widget.self, key, TestResources.widget(key.name, spec: ["size": .integer(Int64(round))]))
                for change in 1...3 {
                    let patch: JSONValue = ["status": ["step": .integer(Int64(round * 10 + change))]]
                    _ = try await client.mergePatch(Widget.self, key, patch, subresource: .status)
                }
                if (round + writer) % 2 == 0 { _ = try await client.delete(Widget.self, key) }
            }
        }
    }
}
