// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("A controller on a real API server", .timeLimit(.minutes(15)))
struct ControllerTests {
    @Test("a deleted child brings its owner to the workers, one that changes hands brings both owners")
    func children() async throws {
        let bench = try await Bench.shared("children")
        let (one, two) = (try await bench.create("one"), try await bench.create("two"))
        let running = RunningController(bench)
        try await running.run { runs in
            _ = try await bench.client.create(
                ConfigMap.self, Self.child("a", of: one), namespace: bench.namespace)
            try await runs.wait { $0.contains(one.key) }

            let before = runs.entries.count
            _ = try await bench.client.mergePatch(
                ConfigMap.self, bench.key("a"), ["metadata": ["ownerReferences": [Self.reference(two).json]]])
            try await runs.wait { Set($0.dropFirst(before)).isSuperset(of: [one.key, two.key]) }

            let between = runs.entries.count
            _ = try await bench.client.delete(ConfigMap.self, bench.key("a"))
            try await runs.wait { $0.dropFirst(between).contains(two.key) }
            #expect(!runs.entries.dropFirst(between).contains(one.key))
        }
    }

    @Test("a child that was deleted while the line was down brings its owner to the workers")
    func missedDeletion() async throws {
        let bench = try await Bench.shared("missed")
        let owner = try await bench.create("owner")
        let other = try bench.anotherClient().client
        _ = try await other.create(ConfigMap.self, Self.child("a", of: owner), namespace: bench.namespace)
        let running = RunningController(bench)
        try await running.run { runs in
            try await runs.wait { $0.contains(owner.key) }
            bench.link.cut()
            _ = try await other.delete(ConfigMap.self, bench.key("a"))
            let before = runs.entries.count
            bench.link.mend()
            try await runs.wait { $0.dropFirst(before).contains(owner.key) }
        }
    }

    @Test("an owner that was made anew under its name has none of the old one's children")
    func remadeOwner() async throws {
        let bench = try await Bench.shared("remade")
        let old = try await bench.create("owner")
        _ = try await bench.client.delete(Widget.self, old.key)
        try await bench.client.waitUntilGone(Widget.self, old.key)
        let new = try await bench.create("owner")
        // The reference names an owner that is no more; the garbage collector is about to see that.
        let store = Store<ConfigMap>.make()
        let child = try await bench.client.create(
            ConfigMap.self, Self.child("a", of: old), namespace: bench.namespace)
        store.writers[0].replace(with: [child], version: child.metadata.resourceVersion)
        #expect(store.store.list(ownedBy: old.metadata.uid).count == 1)
        #expect(store.store.list(ownedBy: new.metadata.uid).isEmpty)
    }

    @Test("a change of status alone is no reason to run; labels, spec and deletion are")
    func predicate() async throws {
        let bench = try await Bench.shared("predicate")
        let made = try await bench.create("a")
        let queue = WorkQueue(clock: SystemClock())
        let admitted = Journal<String>()
        let widgets = RunningReflector<Widget>(
            bench,
            handlers: [
                { change in
                    guard ChangePredicates.isBeyondStatus(change) else { return }
                    admitted.append(
                        change.new?.metadata.isBeingDeleted == true
                            ? "terminating" : change.new.map { "\($0.metadata.generation)" } ?? "gone")
                },
                EventHandlers.enqueueObject(queue, where: ChangePredicates.isBeyondStatus),
            ])
        try await running(widgets) { _ in
            let client = bench.client
            _ = try await client.mergePatch(
                Widget.self, made.key, ["status": ["step": 1]], subresource: .status)
            _ = try await client.mergePatch(Widget.self, made.key, ["spec": ["size": 2]])
            _ = try await client.mergePatch(
                Widget.self, made.key, ["status": ["step": 2]], subresource: .status)
            let label: JSONValue = [
                "metadata": ["labels": ["a": "b"], "finalizers": ["testing.vitistack.io/hold"]]
            ]
            _ = try await client.mergePatch(Widget.self, made.key, label)
            _ = try await client.delete(Widget.self, made.key)
            _ = try await client.mergePatch(Widget.self, made.key, ["metadata": ["finalizers": .null]])
            try await admitted.wait { $0.contains("gone") }
            #expect(admitted.entries == ["1", "2", "2", "terminating", "gone"])
        }
        #expect(await queue.next() == made.key)
    }

    @Test("two controllers take their own finalizers off at the same time and never each other's")
    func finalizersSideBySide() async throws {
        let bench = try await Bench.shared("finalizers")
        let mine = Finalizer("testing.vitistack.io/mine")
        let theirs = Finalizer("testing.vitistack.io/theirs")
        var widget = try await bench.create("a")
        widget = try await mine.add(to: widget, bench.client)
        widget = try await theirs.add(to: widget, bench.client)
        #expect(widget.metadata.finalizers == [mine.name, theirs.name])
        _ = try await bench.client.delete(Widget.self, widget.key)
        let key = widget.key
        try await withThrowingTaskGroup(of: Void.self) { group in
            for finalizer in [mine, theirs] {
                group.addTask { try await Self.remove(finalizer, from: key, bench) }
            }
            try await group.waitForAll()
        }
        try await bench.client.waitUntilGone(Widget.self, key)
    }

    @Test("an object that is being deleted gets no finalizer from us, and the server would refuse one")
    func finalizerTooLate() async throws {
        let bench = try await Bench.shared("too-late")
        let held = try await Finalizer("testing.vitistack.io/hold").add(
            to: try await bench.create("a"), bench.client)
        _ = try await bench.client.delete(Widget.self, held.key)
        let terminating = try await bench.client.get(Widget.self, held.key)
        let ours = Finalizer("testing.vitistack.io/ours")
        #expect(ours.addition(to: terminating.metadata) == nil)
        let unchanged = try await ours.add(to: terminating, bench.client)
        #expect(unchanged.metadata == terminating.metadata)
        let patch: JSONValue = [
            "metadata": ["finalizers": ["testing.vitistack.io/hold", "testing.vitistack.io/ours"]]
        ]
        let refusal = await apiError {
            _ = try await bench.client.mergePatch(Widget.self, held.key, patch)
        }
        #expect(refusal?.status?.code == 422 || refusal?.isForbidden == true)
    }

    @Test(
        "finalizer, work outside, clean-up, removal: a crash between any two steps leaves no trace outside",
        arguments: 0...4)
    func crashes(after steps: Int) async throws {
        let bench = try await Bench.shared("crash-\(steps)")
        let key = try await bench.create("a").key
        let outside = Locked<Set<String>>([])
        let reconciler = OutsideWorker(client: bench.client, outside: outside)
        // The process ends after so many steps; another begins from what is written down.
        try await reconciler.reconcile(key, atMost: steps)
        _ = try await bench.client.delete(Widget.self, key)
        try await reconciler.reconcile(key, atMost: max(0, 3 - steps))
        try await reconciler.reconcile(key, atMost: .max)
        try await bench.client.waitUntilGone(Widget.self, key)
        #expect(outside.withLock { $0 }.isEmpty)
    }

    private static func remove(_ finalizer: Finalizer, from key: ObjectKey, _ bench: Bench) async throws {
        while true {
            let error = await apiError {
                let now = try await bench.client.get(Widget.self, key)
                try await finalizer.remove(from: now, bench.client)
            }
            guard let error, !error.isNotFound else { return }
            guard error.isConflict else { throw error }
        }
    }

    private static func reference(_ owner: Widget) -> OwnerReference {
        OwnerReference(
            apiVersion: Widget.definition.apiVersion, kind: Widget.definition.kind,
            name: owner.metadata.name, uid: owner.metadata.uid)
    }

    private static func child(_ name: String, of owner: Widget) -> JSONValue {
        TestResources.configMap(name, owner: reference(owner))
    }
}

/// A controller of Widgets that own ConfigMaps; its reconciles do nothing but are noted.
private struct RunningController: Sendable {
    private struct Noting: Reconciler {
        let runs: Journal<ObjectKey>

        func reconcile(_ key: ObjectKey) async throws(ReconcileError) -> ReconcileResult {
            runs.append(key)
            return .done
        }
    }

    private let children: RunningReflector<ConfigMap>
    private let controller: Controller
    private let runs = Journal<ObjectKey>()

    init(_ bench: Bench) {
        let clock = SystemClock()
        let queue = WorkQueue(clock: clock)
        children = RunningReflector<ConfigMap>(
            bench, handlers: [EventHandlers.enqueueController(of: Widget.definition, queue)])
        controller = Controller(
            name: "widgets", reconciler: Noting(runs: runs), queue: queue,
            options: Controller.Options(workers: 2), clock: clock, random: { .random(in: 0..<1) },
            logger: Logger(sink: JournalSink(), clock: clock))
    }

    func run(_ work: (Journal<ObjectKey>) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await controller.run() }
            try await running(children) { _ in try await work(runs) }
            controller.stop()
            try await group.waitForAll()
        }
    }
}

/// Keeps something outside the cluster for each Widget, one step at a time.
private struct OutsideWorker: Sendable {
    let client: KubernetesClient
    let outside: Locked<Set<String>>
    private let finalizer = Finalizer("testing.vitistack.io/outside")

    /// Takes up to `limit` steps, each of which may be the last before a crash.
    func reconcile(_ key: ObjectKey, atMost limit: Int) async throws {
        for _ in 0..<min(limit, 10) {
            guard try await step(key) else { return }
        }
    }

    private func step(_ key: ObjectKey) async throws -> Bool {
        let found = try await client.list(
            Widget.self,
            ObjectSelection(namespace: key.namespace, fieldSelector: "metadata.name=\(key.name)"))
        guard let widget = found.items.first else { return false }
        let name = widget.metadata.uid
        let isThere = outside.withLock { $0.contains(name) }
        switch (widget.metadata.isBeingDeleted, finalizer.isPresent(on: widget.metadata), isThere) {
        case (false, false, _): _ = try await finalizer.add(to: widget, client)
        case (false, true, false): outside.withLock { _ = $0.insert(name) }
        case (true, true, true): outside.withLock { _ = $0.remove(name) }
        case (true, true, false): try await finalizer.remove(from: widget, client)
        case (false, true, true), (true, false, _): return false
        }
        return true
    }
}
