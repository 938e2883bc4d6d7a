// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Observability
package import Platform

/// Turns what the parts of the runtime tell about themselves into metrics.
///
/// Making it declares every family; asking for an observer announces its series at zero.
package struct RuntimeMetrics: Sendable {
    private let registry: MetricRegistry
    private let clock: any Clock

    package init(_ registry: MetricRegistry, clock: any Clock) {
        self.registry = registry
        self.clock = clock
        for definition in RuntimeMetricTable.all {
            switch definition.kind {
            case .counter: _ = registry.counter(definition)
            case .gauge: _ = registry.gauge(definition)
            case .histogram: _ = registry.histogram(definition)
            }
        }
    }

    /// For a queue of this name; watch its depth too with `track(_:name:)`.
    package func workQueueObserver(name: String) -> WorkQueueObserver {
        let adds = registry.counter(RuntimeMetricTable.queueAdds).labels(name, name)
        let retries = registry.counter(RuntimeMetricTable.queueRetries).labels(name, name)
        let waits = registry.histogram(RuntimeMetricTable.queueDuration).labels(name, name)
        let works = registry.histogram(RuntimeMetricTable.workDuration).labels(name, name)
        return WorkQueueObserver(
            added: { adds.increment() }, retried: { retries.increment() },
            taken: { waits.observe($0) }, finished: { works.observe($0) })
    }

    /// Reads the depth and the unfinished work of `queue` at each scrape.
    package func track(_ queue: WorkQueue, name: String) {
        let depth = registry.gauge(RuntimeMetricTable.queueDepth).labels(name, name, "")
        let unfinished = registry.gauge(RuntimeMetricTable.unfinishedWork).labels(name, name)
        let longest = registry.gauge(RuntimeMetricTable.longestRunning).labels(name, name)
        registry.onCollect { [clock] in
            let state = queue.snapshot
            let work = state.unfinished(at: clock.now)
            depth.set(Double(state.depth))
            unfinished.set(work.total.seconds)
            longest.set(work.longest.seconds)
        }
    }

    /// For a controller of this name with that many workers.
    package func controllerObserver(name: String, workers: Int) -> ControllerObserver {
        let results = registry.counter(RuntimeMetricTable.reconciles)
        let series = Dictionary(
            ["success", "error", "requeue", "requeue_after"].map { ($0, results.labels(name, $0)) }
        ) { first, _ in first }
        let errors = registry.counter(RuntimeMetricTable.reconcileErrors).labels(name)
        let terminals = registry.counter(RuntimeMetricTable.terminalErrors).labels(name)
        let timeouts = registry.counter(RuntimeMetricTable.timeouts).labels(name)
        _ = registry.counter(RuntimeMetricTable.panics).labels(name)
        let times = registry.histogram(RuntimeMetricTable.reconcileTime).labels(name)
        let active = registry.gauge(RuntimeMetricTable.activeWorkers).labels(name)
        registry.gauge(RuntimeMetricTable.maxConcurrent).labels(name).set(Double(workers))
        return ControllerObserver(
            started: { active.add(1) },
            finished: { outcome, duration in
                active.add(-1)
                times.observe(duration)
                guard let label = outcome.resultLabel else { return }
                series[label]?.increment()
                if label == "error" { errors.increment() }
                if case .timedOut = outcome { timeouts.increment() }
                if case .failure(let error) = outcome, error.disposition == .terminal {
                    terminals.increment()
                }
            },
            setAside: { active.add($0 ? -1 : 1) })
    }

    /// For a reflector of this name; watch its age too with `track(_:)`.
    package func reflectorObserver(name: String) -> ReflectorObserver {
        let lists = registry.counter(RuntimeMetricTable.lists).labels(name)
        let listTimes = registry.histogram(RuntimeMetricTable.listDuration).labels(name)
        let listItems = registry.histogram(RuntimeMetricTable.itemsPerList).labels(name)
        let watches = registry.counter(RuntimeMetricTable.watches).labels(name)
        let shorts = registry.counter(RuntimeMetricTable.shortWatches).labels(name)
        let watchTimes = registry.histogram(RuntimeMetricTable.watchDuration).labels(name)
        let watchItems = registry.histogram(RuntimeMetricTable.itemsPerWatch).labels(name)
        let relists = registry.counter(RuntimeMetricTable.relists)
        for reason in RelistReason.allCases { _ = relists.labels(name, reason.rawValue) }
        let undecodable = registry.counter(RuntimeMetricTable.undecodable).labels(name)
        let stale = registry.counter(RuntimeMetricTable.staleEvents).labels(name)
        return ReflectorObserver { event in
            switch event {
            case .listed(let items, let duration):
                lists.increment()
                listTimes.observe(duration)
                listItems.observe(Double(items))
            case .watched(let events, let duration):
                watches.increment()
                watchTimes.observe(duration)
                watchItems.observe(Double(events))
                if events == 0, duration < ReflectorTiming.standard.shortWatch { shorts.increment() }
            case .relisting(let reason): relists.labels(name, reason.rawValue).increment()
            case .undecodable: undecodable.increment()
            case .stale: stale.increment()
            }
        }
    }

    /// Reads the version and the age of the last event of `reflector` at each scrape.
    package func track<R: Resource>(_ reflector: Reflector<R>) {
        let version = registry.gauge(RuntimeMetricTable.lastVersion).labels(reflector.name)
        let age = registry.gauge(RuntimeMetricTable.lastEventAge).labels(reflector.name)
        registry.onCollect { [clock] in
            let status = reflector.currentStatus
            version.set(Double(status.version.text.suffix(15)) ?? 0)
            age.set(status.lastActivity.map { (clock.now - $0).seconds } ?? 0)
        }
    }

    /// For a leader elector whose lease has this name.
    package func electorObserver(name: String) -> LeaderElectorObserver {
        let leading = registry.gauge(RuntimeMetricTable.leading).labels(name)
        let slowPaths = registry.counter(RuntimeMetricTable.slowPath).labels(name)
        return LeaderElectorObserver(
            leading: { leading.set($0 ? 1 : 0) }, slowPath: { slowPaths.increment() })
    }

    /// For `ClientObservers.request`.
    package var requestObserver: @Sendable (RequestObservation) -> Void {
        let requests = registry.counter(RuntimeMetricTable.requests)
        let durations = registry.histogram(RuntimeMetricTable.requestDuration)
        return { request in
            let code = request.statusCode.map(String.init) ?? "<error>"
            requests.labels(code, request.method, request.host).increment()
            durations.labels(request.verb.rawValue, request.host).observe(request.duration)
        }
    }

    /// For `EventRecorder`.
    package var eventsDropped: @Sendable (Int) -> Void {
        let dropped = registry.counter(RuntimeMetricTable.eventsDropped)
        return { dropped.increment(by: Double($0)) }
    }
}
