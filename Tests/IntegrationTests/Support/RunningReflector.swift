// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Observability
import Platform
import TestSupport
import Testing

/// A reflector with its store and a journal of everything it told.
struct RunningReflector<R: Resource>: Sendable {
    let reflector: Reflector<R>
    let store: Store<R>
    /// What the handlers saw.
    let changes = Journal<StoreChange<R>>()
    /// What happened to lists and watches.
    let events = Journal<ReflectorObserver.Event>()
    let log = JournalSink()

    init(
        _ bench: Bench, client: KubernetesClient? = nil, timing: ReflectorTiming = .quick,
        handlers: [ChangeHandler<R>] = []
    ) {
        let (store, writers) = Store<R>.make(namespaces: [bench.namespace])
        let (changes, events) = (changes, events)
        let clock = SystemClock()
        reflector = Reflector(
            client: client ?? bench.client, into: writers[0],
            handlers: [{ changes.append($0) }] + handlers, timing: timing, clock: clock,
            random: { .random(in: 0..<1) }, logger: Logger(sink: log, level: .debug, clock: clock),
            observer: ReflectorObserver { events.append($0) })
        self.store = store
    }

    /// Returns when a handler was told of an object of this name, gone or not.
    @discardableResult
    func sees(_ name: String, gone: Bool = false) async throws -> StoreChange<R> {
        try await changes.first { $0.key?.name == name && ($0.new == nil) == gone }
    }

    /// Why everything was listed anew, each time.
    var relists: [RelistReason] {
        events.entries.compactMap { event in
            if case .relisting(let reason) = event { reason } else { nil }
        }
    }
}

/// Runs `work` while the reflector does its own, and ends that.
func running<R: Resource>(
    _ running: RunningReflector<R>, _ work: (RunningReflector<R>) async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await running.reflector.run() }
        await running.reflector.waitForSync()
        try await work(running)
        group.cancelAll()
    }
}

extension ReflectorTiming {
    /// Waits short enough for tests; the rest as in production.
    static var quick: ReflectorTiming {
        var timing = ReflectorTiming()
        timing.backoff = Backoff(initial: .milliseconds(50), maximum: .milliseconds(500), jitter: 1)
        timing.forbiddenDelay = .milliseconds(200)
        timing.relistPause = .milliseconds(100)
        return timing
    }
}

/// Checks that changes tell a story in which each follows from the one before, and that it ends with `objects`.
func expectLegalHistory<R: Resource>(
    _ changes: [StoreChange<R>], endingWith objects: [R], sourceLocation: SourceLocation = #_sourceLocation
) {
    var state: [ObjectKey: ObjectMeta] = [:]
    var problems: [String] = []
    for change in changes {
        guard let key = change.key else {
            problems.append("a change of nothing")
            continue
        }
        let (old, new) = (change.old?.metadata, change.new?.metadata)
        if old?.resourceVersion != state[key]?.resourceVersion { problems.append("\(key): a gap") }
        if let old, let new {
            if old.uid != new.uid { problems.append("\(key): became another object without a deletion") }
            if new.resourceVersion.isNewer(than: old.resourceVersion) != true {
                problems.append("\(key): went back from \(old.resourceVersion) to \(new.resourceVersion)")
            }
        }
        state[key] = new
    }
    #expect(problems.isEmpty, sourceLocation: sourceLocation)
    let told = state.mapValues { "\($0.uid) \($0.resourceVersion)" }
    let listed = Dictionary(
        uniqueKeysWithValues: objects.map { ($0.key, "\($0.metadata.uid) \($0.metadata.resourceVersion)") })
    #expect(told == listed, sourceLocation: sourceLocation)
}

/// Log lines that a test can wait for.
struct JournalSink: LogSink {
    let lines = Journal<String>()

    func write(_ line: [UInt8]) {
        lines.append(String(decoding: line.dropLast(), as: UTF8.self))
    }
}
