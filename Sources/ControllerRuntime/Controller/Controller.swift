// SPDX-License-Identifier: Apache-2.0
import Kubernetes
package import Observability
package import Platform

/// What a controller tells about itself as it works; the default tells nobody.
package struct ControllerObserver: Sendable {
    /// A worker began a reconcile.
    package var started: @Sendable () -> Void
    /// A worker ended a reconcile after this long.
    package var finished: @Sendable (ReconcileOutcome, Duration) -> Void
    /// A reconcile begins to wait for somebody else and takes up no worker, or comes back from that.
    package var setAside: @Sendable (Bool) -> Void

    package init(
        started: @escaping @Sendable () -> Void = {},
        finished: @escaping @Sendable (ReconcileOutcome, Duration) -> Void = { _, _ in },
        setAside: @escaping @Sendable (Bool) -> Void = { _ in }
    ) {
        self.started = started
        self.finished = finished
        self.setAside = setAside
    }

    /// Tells `other` too, after this one.
    package func and(_ other: ControllerObserver) -> ControllerObserver {
        ControllerObserver(
            started: { [self] in
                started()
                other.started()
            },
            finished: { [self] outcome, duration in
                finished(outcome, duration)
                other.finished(outcome, duration)
            },
            setAside: { [self] isAside in
                setAside(isAside)
                other.setAside(isAside)
            })
    }
}

/// The run that the current task belongs to.
package enum ReconcileContext {
    /// Names one run of a reconcile in all its log lines; empty outside of one.
    @TaskLocal package static var reconcileID = ""
    /// What the run takes up; nil outside of one.
    @TaskLocal fileprivate static var place: ReconcilePlace?

    /// Waits for something that is neither ours nor the API server's, such as machines that may not answer.
    ///
    /// Meanwhile the worker reconciles another key: one that waits does not delay others. Outside of a reconcile it makes
    /// no difference.
    package static func aside<Result>(_ wait: () async -> Result) async -> Result {
        guard let place else { return await wait() }
        place.setAside(true)
        defer { place.setAside(false) }
        return await wait()
    }
}

/// The place of a run among those that are in work.
private final class ReconcilePlace: Sendable {
    private let key: ObjectKey
    private let queue: WorkQueue
    private let observer: ControllerObserver

    init(_ key: ObjectKey, _ queue: WorkQueue, _ observer: ControllerObserver) {
        self.key = key
        self.queue = queue
        self.observer = observer
    }

    /// Says whether the run only waits for somebody else now.
    func setAside(_ isAside: Bool) {
        queue.setAside(key, isAside)
        observer.setAside(isAside)
    }
}

/// Workers that take keys from a queue and reconcile them: retries, back-off, time limit and logs are here.
package final class Controller: Sendable {
    /// The policy of a controller.
    package struct Options: Sendable {
        /// How many keys are worked on at the same time, 1 at least, without those that only wait for somebody else.
        package var workers: Int
        /// How many keys may wait for somebody else at the same time; see `ReconcileContext.aside`.
        package var waiting: Int
        /// How long one reconcile may take before it is cancelled and tried again.
        package var timeout: Duration
        /// The waits between failures of one key.
        package var backoff: Backoff

        package init(
            workers: Int = 1, waiting: Int = 32, timeout: Duration = .seconds(300),
            backoff: Backoff = .reconcile
        ) {
            self.workers = max(workers, 1)
            self.waiting = max(waiting, 0)
            self.timeout = timeout
            self.backoff = backoff
        }
    }

    package let name: String
    package let queue: WorkQueue
    private let reconciler: any Reconciler
    private let options: Options
    private let policy: ReconcilePolicy
    private let clock: any Clock
    private let random: RandomFraction
    private let logger: Logger
    private let observer: ControllerObserver
    /// Failures in a row by key; no zeros.
    private let failures = Locked<[ObjectKey: Int]>([:])

    package init(
        name: String, reconciler: any Reconciler, queue: WorkQueue, options: Options = Options(),
        clock: any Clock, random: @escaping RandomFraction, logger: Logger,
        observer: ControllerObserver = ControllerObserver()
    ) {
        self.name = name
        self.queue = queue
        self.reconciler = reconciler
        self.options = options
        policy = ReconcilePolicy(backoff: options.backoff)
        self.clock = clock
        self.random = random
        self.logger = logger.with(["controller": .string(name)])
        self.observer = observer
    }

    /// Works until `stop`, then ends what is in work and returns; cancellation cancels that too.
    package func run() async {
        queue.restartWaits()
        queue.limit(to: options.workers)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.queue.run() }
            for _ in 0..<(options.workers + options.waiting) {
                group.addTask { await self.work() }
            }
        }
    }

    /// Takes no more keys and lets `run` return once those in work are done.
    package func stop() {
        queue.shutDown()
    }

    /// How many keys have failed last time; for tests and diagnosis.
    package var failingCount: Int { failures.withLock { $0.count } }

    private func work() async {
        while let key = await queue.next() {
            await process(key)
            queue.done(key)
        }
    }

    private func process(_ key: ObjectKey) async {
        let id = makeID()
        let started = clock.now
        observer.started()
        let outcome = await ReconcileContext.$reconcileID.withValue(id) {
            await ReconcileContext.$place.withValue(ReconcilePlace(key, queue, observer)) {
                await reconcile(key, since: started)
            }
        }
        let duration = clock.now - started
        observer.finished(outcome, duration)
        let failed = failures.withLock { $0[key, default: 0] }
        let effect = policy.effect(of: outcome, failures: failed, random: random())
        log(outcome, effect, key, duration, id)
        apply(effect, to: key)
    }

    private func reconcile(_ key: ObjectKey, since started: Instant) async -> ReconcileOutcome {
        let reconciler = reconciler
        let outcome = await withDeadline(started + options.timeout, on: clock) {
            do throws(ReconcileError) {
                return ReconcileOutcome.success(try await reconciler.reconcile(key))
            } catch {
                return .failure(error)
            }
        }
        if case .success = outcome { return outcome ?? .timedOut }
        return Task.isCancelled ? .cancelled : outcome ?? .timedOut
    }

    private func apply(_ effect: ReconcilePolicy.Effect, to key: ObjectKey) {
        failures.withLock { counts in
            if case .retry(_, let failed) = effect { counts[key] = failed } else { counts[key] = nil }
        }
        switch effect {
        case .forget: break
        case .requeue(let delay): queue.add(key, after: delay)
        case .retry(let delay, _): queue.retry(key, after: delay)
        }
    }

    private func log(
        _ outcome: ReconcileOutcome, _ effect: ReconcilePolicy.Effect, _ key: ObjectKey,
        _ duration: Duration, _ id: String
    ) {
        var fields: LogFields {
            var fields: LogFields = [
                "namespace": .string(key.namespace), "name": .string(key.name), "reconcileID": .string(id),
                "duration": .duration(duration),
            ]
            if case .retry(let delay, _) = effect {
                fields = fields.merging(["retryAfter": .duration(delay)])
            }
            guard case .failure(let error) = outcome else { return fields }
            return fields.merging(["errorType": .string(error.errorType), "error": .string(error.message)])
        }
        switch outcome {
        case .success: logger.debug("Reconciled", fields)
        case .cancelled: logger.info("Reconcile cancelled", fields)
        case .timedOut: logger.error("Reconcile timed out", fields)
        case .failure(let error) where error.disposition == .conflict:
            logger.debug("Reconcile conflicted", fields)
        case .failure(let error) where error.disposition == .terminal:
            logger.error("Reconcile failed for good", fields)
        case .failure: logger.error("Reconcile failed", fields)
        }
    }

    private func makeID() -> String {
        String(UInt64(random() * 0x1p53), radix: 16)
    }
}
