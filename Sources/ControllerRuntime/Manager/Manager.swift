// SPDX-License-Identifier: Apache-2.0
import Kubernetes
package import Observability
package import Platform

/// The lifetime of the program: starts its parts in order and stops them in reverse.
///
/// The order is servers, caches, background work, leader election, controllers. Each stage is a task group
/// inside the one before, so a stage has ended before the one that it depends on is asked to. The lease is
/// given back last, and only if everything has ended in time.
package final class Manager: Sendable {
    /// What a manager runs, stage by stage.
    package struct Parts: Sendable {
        /// Probes and metrics: there from the first moment to the last.
        package var servers: [Runnable] = []
        /// Filled before anything below starts.
        package var caches: [CacheRunnable] = []
        /// Runs whether we lead or not.
        package var background: [Runnable] = []
        /// Nil to work without asking others.
        package var elector: LeaderElector?
        /// Runs only while we lead.
        package var controllers: [Runnable] = []

        package init() {}
    }

    private struct Progress {
        var hasRun = false
        var running: [String] = []
        var outcome = ManagerOutcome()
    }

    /// How long a cache may take to fill before that is logged, and logged again.
    static let syncWarningInterval = Duration.seconds(120)
    /// How long after being cancelled a runnable is waited for before it is given up.
    static let cancellationAllowance = Duration.seconds(1)

    private let parts: Parts
    private let gracePeriod: Duration
    private let clock: any Clock
    private let logger: Logger
    private let abandon: @Sendable (ManagerOutcome) -> Void
    private let progress = Locked(Progress())
    /// Opened when the program is to end.
    private let stopping = Gate()
    /// Opened when the grace period is over: everything is cancelled.
    private let killing = Gate()

    /// Prepares to run `parts`.
    ///
    /// After `gracePeriod` what still runs is cancelled; zero cancels at once, a negative one waits for ever.
    /// What does not heed cancellation cannot be ended from here: then `abandon` is called, which must end the
    /// process.
    package init(
        _ parts: Parts, gracePeriod: Duration = .seconds(30), clock: any Clock, logger: Logger,
        abandon: @escaping @Sendable (ManagerOutcome) -> Void
    ) {
        self.parts = parts
        self.gracePeriod = gracePeriod
        self.clock = clock
        self.logger = logger
        self.abandon = abandon
    }

    /// Runs everything until `shutdown` returns or a part fails, and returns when all has ended.
    ///
    /// `shutdown` must return when its task is cancelled. A manager runs once.
    package func run(until shutdown: @escaping @Sendable () async -> Void) async -> ManagerOutcome {
        let names = allNames
        if Set(names).count < names.count || !markRun() {
            let reason = "it runs once, and each runnable needs a name of its own: \(names)"
            return ManagerOutcome(failures: [.init(name: "manager", reason: reason)])
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await shutdown()
                if !Task.isCancelled { self.logger.info("Stopping") }
                self.stopping.open()
            }
            group.addTask { await self.enforceGrace() }
            await run(stages[...])
            group.cancelAll()
        }
        let outcome = progress.withLock { $0.outcome }
        // Work that had to be cut off may have left requests on their way.
        if !killing.isOpen { await parts.elector?.release() }
        return outcome
    }

    /// Unhealthy until every cache has been filled once; the reason names the kind and what stands in its way.
    package var cachesSynced: HealthResult {
        let missing = parts.caches.filter { !$0.hasSynced() }
        guard !missing.isEmpty else { return .healthy }
        return .unhealthy(missing.map(Self.describe).joined(separator: "; "))
    }

    /// Unhealthy from the moment the program is asked to end.
    package var notStopping: HealthResult {
        stopping.isOpen ? .unhealthy("stopping") : .healthy
    }

    // MARK: Stages

    /// Runnables that start and stop together.
    private struct Stage: Sendable {
        var runnables: [Runnable]
        /// Returns when the next stage may start.
        var ready: @Sendable () async -> Void = {}
    }

    private var stages: [Stage] {
        let leading = Gate()
        var stages = [
            Stage(runnables: parts.servers),
            Stage(runnables: parts.caches.map(\.runnable), ready: { await self.waitForCaches() }),
            Stage(runnables: parts.background),
        ]
        if let elector = parts.elector {
            stages.append(
                Stage(runnables: [election(elector, leading)], ready: { await leading.wait() }))
        }
        stages.append(Stage(runnables: parts.controllers))
        return stages
    }

    private func election(_ elector: LeaderElector, _ leading: Gate) -> Runnable {
        Runnable(name: "leader election") {
            await elector.acquire()
            guard elector.isLeader else { return }
            leading.open()
            do throws(LeadershipLost) {
                try await elector.keep()
            } catch {
                // Another may lead already: nothing may be finished in peace.
                self.killing.open()
                throw error
            }
        }
    }

    private func run(_ stages: ArraySlice<Stage>) async {
        guard let stage = stages.first else { return await stopping.wait() }
        let stop = Gate()
        await withTaskGroup(of: Void.self) { group in
            for runnable in stage.runnables {
                group.addTask { await self.supervise(runnable, until: stop) }
            }
            await untilStopping(stage.ready)
            if !stopping.isOpen { await run(stages.dropFirst()) }
            stop.open()
        }
    }

    /// Runs `wait` but does not outlast the order to stop.
    private func untilStopping(_ wait: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await wait() }
            group.addTask { await self.stopping.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    /// Runs one runnable until it returns, or asks it to once `stop` is open.
    private func supervise(_ runnable: Runnable, until stop: Gate) async {
        progress.withLock { $0.running.append(runnable.name) }
        logger.debug("Starting", ["runnable": .string(runnable.name)])
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.run(runnable)
                return true
            }
            group.addTask {
                await self.untilStopped(runnable, stop)
                return false
            }
            _ = await group.next()
            group.cancelAll()
        }
        progress.withLock { $0.running.removeAll { $0 == runnable.name } }
        logger.debug("Stopped", ["runnable": .string(runnable.name)])
    }

    private func run(_ runnable: Runnable) async {
        do {
            try await runnable.run()
        } catch {
            // Whoever was cancelled and says so has not failed.
            if Task.isCancelled, error is CancellationError { return }
            let failure = ManagerOutcome.Failure(name: runnable.name, reason: String(describing: error))
            logger.error(
                "Runnable failed", ["runnable": .string(runnable.name), "error": .string(failure.reason)])
            progress.withLock { $0.outcome.failures.append(failure) }
            stopping.open()
        }
    }

    /// Returns when the runnable is to be cancelled.
    private func untilStopped(_ runnable: Runnable, _ stop: Gate) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await stop.wait()
                guard let ask = runnable.stop, !Task.isCancelled else { return }
                ask()
                await self.killing.wait()
            }
            group.addTask { await self.killing.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    // MARK: Limits

    /// Cancels everything when the grace period is over, and gives up on what does not end even then.
    private func enforceGrace() async {
        await stopping.wait()
        if gracePeriod < .zero {
            await killing.wait()
        } else {
            _ = await withDeadline(clock.now + gracePeriod, on: clock) { await self.killing.wait() }
        }
        guard !Task.isCancelled else { return }
        let isLost = killing.isOpen
        if !isLost { noteStillRunning() }
        killing.open()
        // The sleep fails only because all has ended, and then there is nothing to give up.
        do { try await clock.sleep(for: Self.cancellationAllowance) } catch { return }
        if isLost { noteStillRunning() }
        abandon(progress.withLock { $0.outcome })
    }

    private func noteStillRunning() {
        let running = progress.withLock { progress in
            progress.outcome.stillRunning = progress.running
            return progress.running
        }
        logger.error("Grace period is over", ["running": .list(running)])
    }

    private func waitForCaches() async {
        await withTaskGroup(of: Void.self) { group in
            for cache in parts.caches {
                group.addTask { await self.waitForCache(cache) }
            }
        }
        if !Task.isCancelled { logger.info("Caches are filled") }
    }

    /// It goes on for as long as it takes: permissions may yet be granted and kinds installed.
    private func waitForCache(_ cache: CacheRunnable) async {
        while !Task.isCancelled, !cache.hasSynced() {
            let deadline = clock.now + Self.syncWarningInterval
            if await withDeadline(deadline, on: clock, { await cache.waitForSync() }) == nil,
                !Task.isCancelled
            {
                logger.error("Cache is not filled yet", ["cache": .string(Self.describe(cache))])
            }
        }
    }

    private static func describe(_ cache: CacheRunnable) -> String {
        let error = cache.lastError().map { ": \($0)" } ?? " not listed yet"
        return cache.runnable.name + error
    }

    private var allNames: [String] {
        (parts.servers + parts.caches.map(\.runnable) + parts.background + parts.controllers).map(\.name)
    }

    private func markRun() -> Bool {
        progress.withLock { progress in
            defer { progress.hasRun = true }
            return !progress.hasRun
        }
    }
}
