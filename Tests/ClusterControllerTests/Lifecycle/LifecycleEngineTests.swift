// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import Observability
import Platform
import TestSupport
import Testing

@testable import ClusterController

@Suite("One pass over a cluster")
struct LifecycleEngineTests {
    /// Keeps in order what a pass does.
    private final class Journal: Sendable {
        private let entries = Locked<[String]>([])
        var all: [String] { entries.withLock { $0 } }
        func note(_ entry: String) { entries.withLock { $0.append(entry) } }
    }

    private struct Looking: ClusterLooking {
        let journal: Journal
        /// What a quick look comes to.
        var depth = LookDepth.close
        var snapshot: SnapshotRecord?
        var meanwhile: @Sendable () -> Void = {}

        func look(
            at cluster: ManagedCluster, _ record: LifecycleRecord, _ depth: LookDepth
        ) async -> ClusterLook {
            journal.note("look \(depth)")
            meanwhile()
            let found = depth == .close ? LookDepth.close : self.depth
            return ClusterLook(ClusterObservation(at: Fixture.noon), found, snapshot: snapshot)
        }

        func settle(_ observation: ClusterObservation, of key: ObjectKey) { journal.note("settle") }
        func forget(_ key: ObjectKey) { journal.note("forget \(key)") }
    }

    private struct Performing: ActionPerforming {
        let journal: Journal

        func perform(
            _ action: LifecycleAction, in cluster: ManagedCluster, _ observation: ClusterObservation,
            _ store: any LifecycleStore
        ) async -> ActionResult {
            journal.note("perform \(action.node)")
            return .notNow("result of \(action.node)")
        }
    }

    /// Fails at the store number `failing`, from 1.
    private final class Store: LifecycleStore {
        private let journal: Journal
        private let failing: Int
        private let error: LifecycleStoreError
        private let count = Locked(0)

        init(_ journal: Journal, failing: Int = 0, _ error: LifecycleStoreError = .conflict) {
            self.journal = journal
            self.failing = failing
            self.error = error
        }

        func store(_ record: LifecycleRecord) async throws(LifecycleStoreError) {
            journal.note("store \(record.approvedItems.sorted())")
            let number = count.withLock { count in
                count += 1
                return count
            }
            if number == failing { throw error }
        }

        func deleteMachine(_ name: String) async throws(LifecycleStoreError) {}
    }

    private let journal = Journal()
    private let sink = RecordingLogSink()
    private let clock = ManualClock()

    /// An engine whose rules ask for actions on `nodes` and note both the decision and the results in the record.
    private func engine(_ looking: Looking, _ nodes: [String], notes: Bool = true) -> LifecycleEngine {
        let rules = PlanningRules(
            decide: { context in
                var decision = LifecycleDecision(record: context.record)
                if notes { decision.record.approvedItems.insert("decided") }
                decision.actions = nodes.map { LifecycleAction(.cordon, on: $0) }
                return decision
            },
            absorb: { result, action, _, record in
                if notes { record.approvedItems.insert("\(action.node): \(result.logText)") }
            },
            report: { context, decision in LifecycleReport.make(context, decision) })
        return LifecycleEngine(
            looking: looking, performing: Performing(journal: journal), rules: rules,
            logger: Logger(sink: sink, clock: clock), clock: clock)
    }

    @Test("The decision is kept before it is carried out, and what became of it after")
    func order() async throws {
        let fixture = try EngineFixture()
        let engine = engine(Looking(journal: journal), ["a"])
        let pass = try await engine.pass(fixture.cluster, LifecycleRecord(), Store(journal))
        #expect(
            journal.all == [
                "look quick", #"store ["decided"]"#, "perform a",
                #"store ["a: not now: result of a", "decided"]"#, "settle",
            ])
        #expect(pass.record.approvedItems.count == 2)
        #expect(
            pass.performed == [PerformedAction(LifecycleAction(.cordon, on: "a"), .notNow("result of a"))])
    }

    @Test("Nothing is done, and nothing forgotten, if the decision cannot be kept")
    func conflict() async throws {
        let fixture = try EngineFixture()
        let engine = engine(Looking(journal: journal), ["a"])
        await #expect(throws: LifecycleError.conflict) {
            try await engine.pass(fixture.cluster, LifecycleRecord(), Store(journal, failing: 1))
        }
        await #expect(throws: LifecycleError.store("no")) {
            try await engine.pass(
                fixture.cluster, LifecycleRecord(), Store(journal, failing: 1, .failed("no")))
        }
        #expect(!journal.all.contains { $0.hasPrefix("perform") || $0 == "settle" })
    }

    @Test("A pass whose results cannot be kept says so")
    func lateConflict() async throws {
        let fixture = try EngineFixture()
        let engine = engine(Looking(journal: journal), ["a"])
        await #expect(throws: LifecycleError.conflict) {
            try await engine.pass(fixture.cluster, LifecycleRecord(), Store(journal, failing: 2))
        }
        #expect(journal.all.contains("perform a") && !journal.all.contains("settle"))
    }

    @Test("What a quick look would lead to is decided anew after a close one")
    func quick() async throws {
        let fixture = try EngineFixture()
        let engine = engine(Looking(journal: journal, depth: .quick), ["a"])
        try await engine.pass(fixture.cluster, LifecycleRecord(), Store(journal))
        #expect(journal.all.prefix(3) == ["look quick", "look close", #"store ["decided"]"#])
    }

    @Test("A quick look that leads to nothing costs nothing more")
    func idle() async throws {
        let fixture = try EngineFixture()
        let engine = engine(Looking(journal: journal, depth: .quick), [], notes: false)
        let pass = try await engine.pass(fixture.cluster, LifecycleRecord(), Store(journal))
        #expect(journal.all == ["look quick", "settle"] && pass.performed.isEmpty)
    }

    @Test("The results of actions are in the order of the decision")
    func manyActions() async throws {
        let fixture = try EngineFixture()
        let nodes = (10..<60).map { "n\($0)" }
        let engine = engine(Looking(journal: journal), nodes)
        let pass = try await engine.pass(fixture.cluster, LifecycleRecord(), Store(journal))
        #expect(pass.performed.map(\.action.node) == nodes)
    }

    @Test("A snapshot that has been kept since is noted in the record")
    func snapshot() async throws {
        let fixture = try EngineFixture()
        let snapshot = SnapshotRecord(at: Fixture.noon, location: "/snapshots/a")
        let engine = engine(Looking(journal: journal, snapshot: snapshot), [], notes: false)
        let pass = try await engine.pass(fixture.cluster, LifecycleRecord(), Store(journal))
        #expect(pass.record.snapshot == snapshot && journal.all.contains("store []"))
    }

    @Test(
        "A clock that was set between two passes makes no step older or younger, and is made up for once",
        arguments: [Duration.seconds(7200), .seconds(-7200)])
    func clockSet(_ jump: Duration) async throws {
        let fixture = try EngineFixture()
        let engine = engine(Looking(journal: journal), [], notes: false)
        var record = LifecycleRecord()
        let began = clock.timestamp
        record.operations["a"] = NodeOperation(.remove, .draining, at: began)
        record = try await engine.pass(fixture.cluster, record, Store(journal)).record
        #expect(record.operations["a"]?.since == began)

        clock.advance(by: .seconds(60))
        clock.jumpWallClock(by: jump)
        // It could not be kept: the next pass finds the record as it was.
        await #expect(throws: LifecycleError.conflict) {
            try await engine.pass(fixture.cluster, record, Store(journal, failing: 1))
        }
        record = try await engine.pass(fixture.cluster, record, Store(journal)).record
        let operation = try #require(record.operations["a"])
        #expect(operation.since == began + jump && operation.started == began + jump)
        #expect(!record.isOverdue(operation, .seconds(60), at: clock.timestamp))
        #expect(record.isOverdue(operation, .seconds(59), at: clock.timestamp))

        clock.advance(by: .seconds(60))
        let next = try await engine.pass(fixture.cluster, record, Store(journal)).record
        #expect(next == record)
    }

    @Test(
        "A clock that is set in the middle of a pass counts from the next one on",
        arguments: [Duration.seconds(7200), .seconds(-7200)])
    func clockSetMeanwhile(_ jump: Duration) async throws {
        let fixture = try EngineFixture()
        let (began, clock) = (clock.timestamp, clock)
        let rules = PlanningRules(
            decide: { context in
                var decision = LifecycleDecision(record: context.record)
                if context.record.operations.isEmpty {
                    decision.record.operations["a"] = NodeOperation(.remove, .draining, at: context.now)
                }
                return decision
            }, absorb: { _, _, _, _ in }, report: { LifecycleReport.make($0, $1) })
        let engine = LifecycleEngine(
            looking: Looking(journal: journal) { clock.jumpWallClock(by: jump) },
            performing: Performing(journal: journal), rules: rules,
            logger: Logger(sink: sink, clock: clock), clock: clock)
        let first = try await engine.pass(fixture.cluster, LifecycleRecord(), Store(journal))
        #expect(first.observation.at == began && first.record.operations["a"]?.since == began)
        let next = try await engine.pass(fixture.cluster, first.record, Store(journal)).record
        #expect(next.operations["a"]?.since == began + jump)
    }

    @Test("A pass that was cancelled does nothing")
    func cancelled() async throws {
        let fixture = try EngineFixture()
        let engine = engine(Looking(journal: journal), ["a"])
        let journal = journal
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            _ = try await engine.pass(fixture.cluster, LifecycleRecord(), Store(journal))
        }
        await #expect(throws: LifecycleError.cancelled) { try await task.value }
        #expect(journal.all == ["look quick"])
    }

    @Test("An action that comes to the same at every pass is logged once, and so is a halt")
    func log() async throws {
        let fixture = try EngineFixture()
        var record = LifecycleRecord()
        record.halt = Halt(
            .drainTimedOut, "pods are left", node: "a", at: Fixture.noon, resumeToken: nil, desiredHash: "")
        let engine = engine(Looking(journal: journal), ["a"])
        for _ in 0..<3 { try await engine.pass(fixture.cluster, record, Store(journal)) }
        #expect(sink.lines.count == 2)
        #expect(sink.lines.contains { $0.contains(#""reason":"DrainTimedOut","detail":"pods are left""#) })
        #expect(
            sink.lines.contains {
                $0.contains(#""cluster":"demo","namespace":"default""#)
                    && $0.contains(#""node":"a","action":"cordon","result":"not now: result of a""#)
            })
        engine.forget(fixture.cluster.key)
        #expect(journal.all.last == "forget default/demo")
    }
}
