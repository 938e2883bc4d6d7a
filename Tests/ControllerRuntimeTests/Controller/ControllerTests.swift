// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Observability
import Platform
import TestSupport
import Testing

/// Does what a closure says.
private struct ClosureReconciler: Reconciler {
    var body: @Sendable (ObjectKey) async -> Result<ReconcileResult, ReconcileError>

    func reconcile(_ key: ObjectKey) async throws(ReconcileError) -> ReconcileResult {
        try await body(key).get()
    }
}

@Suite("Controller")
struct ControllerTests {
    private let clock = ManualClock()
    private let lines = RecordingLogSink()
    private let runs = Recorder<ObjectKey>()
    private let outcomes = Recorder<ReconcileOutcome>()
    private let key = ObjectKey("a")

    private func controller(
        workers: Int = 1, queue: WorkQueueObserver = WorkQueueObserver(),
        _ body: @escaping @Sendable (ObjectKey) async -> Result<ReconcileResult, ReconcileError>
    ) -> Controller {
        let runs = runs
        let outcomes = outcomes
        return Controller(
            name: "test",
            reconciler: ClosureReconciler { key in
                runs.append(key)
                return await body(key)
            }, queue: WorkQueue(clock: clock, observer: queue), options: Controller.Options(workers: workers),
            clock: clock,
            random: { 0.5 }, logger: .recording(lines, clock),
            observer: ControllerObserver(finished: { outcome, _ in outcomes.append(outcome) }))
    }

    /// Runs the controller while `body` does, and stops it afterwards.
    private func run(_ controller: Controller, _ body: () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await controller.run() }
            await body()
            controller.stop()
        }
    }

    /// Lets the timer loop of the queue fall asleep until `seconds` from now, then moves there.
    private func pass(seconds: Int64) async {
        while clock.nextDeadline != clock.now + .seconds(seconds) { await Task.yield() }
        clock.advance(by: .seconds(seconds))
    }

    @Test("a key that was added is reconciled")
    func success() async {
        let controller = controller { _ in .success(.done) }
        await run(controller) {
            controller.queue.add(key)
            await outcomes.wait(for: 1)
        }
        #expect(runs.values == [key])
        #expect(outcomes.values == [.success(.done)])
    }

    @Test("what was added before it ran has not waited for it")
    func standby() async {
        let waits = Recorder<Duration>()
        let controller = controller(queue: WorkQueueObserver(taken: { waits.append($0) })) { _ in
            .success(.done)
        }
        controller.queue.add(key)
        clock.advance(by: .seconds(3600))
        await run(controller) { await outcomes.wait(for: 1) }
        #expect(waits.values == [.zero])
    }

    @Test("failures are tried again after 1 s, 2 s, 4 s, and a success starts anew")
    func retries() async {
        let results = Locked<[Result<ReconcileResult, ReconcileError>]>([
            .failure(ReconcileError(errorType: "E", message: "1")),
            .failure(ReconcileError(errorType: "E", message: "2")),
            .failure(ReconcileError(errorType: "E", message: "3", disposition: .conflict)),
            .success(.done), .failure(ReconcileError(errorType: "E", message: "4")), .success(.done),
        ])
        let controller = controller { _ in results.withLock { $0.removeFirst() } }
        await run(controller) {
            controller.queue.add(key)
            for seconds in [1, 2, 4] as [Int64] { await pass(seconds: seconds) }
            await outcomes.wait(for: 4)
            while controller.failingCount > 0 { await Task.yield() }
            controller.queue.add(key)
            await pass(seconds: 1)
            await outcomes.wait(for: 6)
        }
        #expect(runs.values.count == 6)
        #expect(controller.failingCount == 0)
    }

    @Test("one that waits for somebody else takes up no worker, and goes on as soon as it need not wait")
    func aside() async {
        let gate = Gate()
        let inWork = Locked<(now: Int, most: Int)>((0, 0))
        let controller = controller { key in
            if key == ObjectKey("slow") { await ReconcileContext.aside { await gate.wait() } }
            inWork.withLock { counts in
                counts.now += 1
                counts.most = max(counts.most, counts.now)
            }
            await Task.yield()
            inWork.withLock { $0.now -= 1 }
            return .success(.done)
        }
        await run(controller) {
            controller.queue.add(ObjectKey("slow"))
            while controller.queue.snapshot.busyCount > 0 || runs.values.isEmpty { await Task.yield() }
            for number in 0..<20 { controller.queue.add(ObjectKey("fast-\(number)")) }
            await outcomes.wait(for: 20)
            #expect(inWork.withLock { $0.most } == 1)
            gate.open()
            await outcomes.wait(for: 21)
        }
        #expect(controller.queue.snapshot.busyCount == 0)
    }

    @Test("no more of them wait than there may be, and outside of a reconcile it makes no difference")
    func asideLimit() async {
        #expect(await ReconcileContext.aside { 1 } == 1)
        let gate = Gate()
        let controller = controller { _ in
            await ReconcileContext.aside { await gate.wait() }
            return .success(.done)
        }
        await run(controller) {
            for number in 0..<100 { controller.queue.add(ObjectKey("slow-\(number)")) }
            await runs.wait(for: 33)
            #expect(controller.queue.snapshot.depth == 67)
            gate.open()
            await outcomes.wait(for: 100)
        }
        #expect(runs.values.count == 100)
    }

    @Test("a terminal error is not tried again and leaves nothing behind")
    func terminal() async {
        let controller = controller { _ in
            .failure(ReconcileError(errorType: "Validation", message: "no", disposition: .terminal))
        }
        await run(controller) {
            controller.queue.add(key)
            await outcomes.wait(for: 1)
        }
        #expect(controller.queue.snapshot.delayedCount == 0)
        #expect(controller.failingCount == 0)
        #expect(lines.lines.count { $0.contains("Reconcile failed for good") } == 1)
        #expect(lines.lines.contains { $0.contains("Validation") && $0.contains("reconcileID") })
    }

    @Test("a requested requeue comes when asked for")
    func requeue() async {
        let controller = controller { _ in .success(.requeue(after: .seconds(30))) }
        await run(controller) {
            controller.queue.add(key)
            await pass(seconds: 30)
            await outcomes.wait(for: 2)
        }
        #expect(runs.values.count == 2)
    }

    @Test("a reconcile beyond its time limit is cancelled and tried again")
    func timeout() async {
        let gate = Gate()
        let controller = controller { _ in
            await gate.wait()
            return .success(.done)
        }
        await run(controller) {
            controller.queue.add(key)
            await pass(seconds: 300)
            await outcomes.wait(for: 1)
            gate.open()
            await pass(seconds: 1)
            await outcomes.wait(for: 2)
        }
        #expect(outcomes.values == [.timedOut, .success(.done)])
    }

    @Test("stopping finishes what is in work and takes no more")
    func gracefulStop() async {
        let gate = Gate()
        let controller = controller { _ in
            await gate.wait()
            return .success(.done)
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await controller.run() }
            controller.queue.add(key)
            await runs.wait(for: 1)
            controller.queue.add(ObjectKey("b"))
            controller.stop()
            gate.open()
        }
        #expect(outcomes.values == [.success(.done)])
        #expect(runs.values == [key])
    }

    @Test("cancellation ends what is in work, and that is no failure")
    func cancellation() async {
        let gate = Gate()
        let controller = controller { _ in
            await gate.wait()
            return .failure(ReconcileError(errorType: "E", message: "cancelled"))
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await controller.run() }
            controller.queue.add(key)
            await runs.wait(for: 1)
            group.cancelAll()
        }
        #expect(outcomes.values == [.cancelled])
        #expect(!lines.lines.contains { $0.contains("\"error\"") })
    }

    @Test("as many keys are in work as there are workers, each with a name of its own for the run")
    func workers() async {
        let gate = Gate()
        let ids = Recorder<String>()
        let controller = controller(workers: 3) { _ in
            ids.append(ReconcileContext.reconcileID)
            await gate.wait()
            return .success(.done)
        }
        await run(controller) {
            for name in ["a", "b", "c", "d"] { controller.queue.add(ObjectKey(name)) }
            await runs.wait(for: 3)
            #expect(controller.queue.snapshot.depth == 1)
            gate.open()
            await outcomes.wait(for: 4)
        }
        #expect(ids.values.allSatisfy { !$0.isEmpty })
    }
}
