// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Observability
package import Platform

/// Keeps a `Store` true: lists the objects of a kind once, then watches them for as long as it runs.
///
/// A broken connection costs one request, not a list; a deletion that happened meanwhile is noticed; a kind
/// that may not be read, or is not there yet, is tried again until it can be. It ends only by cancellation.
package final class Reflector<R: Resource>: Sendable {
    /// How it stands, for health checks and metrics.
    package struct Status: Sendable {
        /// The version up to which the store is true.
        package var version: ResourceVersion = ""
        /// What went wrong last, until a list succeeds.
        package var lastError: APIError?
        /// When the last event came or the last list ended.
        package var lastActivity: Instant?
    }

    private let client: KubernetesClient
    private let selection: ObjectSelection
    private let writer: StoreWriter<R>
    private let handlers: [ChangeHandler<R>]
    private let clock: any Clock
    private let random: RandomFraction
    private let logger: Logger
    private let observer: ReflectorObserver
    private let machine: Locked<ReflectorState>
    private let history = Locked(HistoryCheck())
    private let status = Locked(Status())
    private let synced = Gate()

    /// Prepares to fill the writer's store.
    ///
    /// The namespace of `selection` gives way to the writer's, if that writes one namespace alone. `handlers`
    /// are called on the reflector's task, after the store shows the change; they must not wait. Two reflectors of a
    /// kind need a `name` each.
    package init(
        client: KubernetesClient, selection: ObjectSelection = ObjectSelection(), into writer: StoreWriter<R>,
        handlers: [ChangeHandler<R>], timing: ReflectorTiming = .standard, clock: any Clock,
        random: @escaping RandomFraction, logger: Logger, observer: ReflectorObserver = ReflectorObserver(),
        name: String? = nil
    ) {
        self.client = client
        var selection = selection
        if !writer.partition.isEmpty { selection.namespace = writer.partition }
        self.selection = selection
        self.writer = writer
        self.handlers = handlers
        self.clock = clock
        self.random = random
        self.logger = logger.with(["kind": .string(R.definition.kind)])
        self.observer = observer
        let plural = R.definition.plural
        self.name = name ?? (writer.partition.isEmpty ? plural : "\(plural)/\(writer.partition)")
        machine = Locked(ReflectorState(timing: timing))
    }

    /// The kind and, if it is one alone, the namespace, unless another was given: the name in metrics and logs.
    package let name: String

    package var currentStatus: Status { status.withLock { $0 } }

    /// Whether a first list has ended and every handler knows what was in it.
    package var hasSynced: Bool { synced.isOpen }

    /// Returns when `hasSynced` is true, or when the task is cancelled.
    package func waitForSync() async { await synced.wait() }

    /// Lists and watches until the task is cancelled.
    package func run() async {
        var action = step(.began)
        var stream: WatchStream<R>?
        var listing = ListProgress()
        while !Task.isCancelled {
            switch action {
            case .list(let token, let limit, let reason):
                stream = nil
                if token.isEmpty { listing = begin(reason) }
                action = await list(token, limit, &listing)
            case .forget:
                publish(writer.replace(with: [], version: ""))
                logger.error("Kind is gone, its objects are taken for deleted")
                action = step(.forgot)
            case .watch(let version, let timeout):
                stream = nil
                action = await open(from: version, timeout, &stream)
            case .probe:
                action = await probe()
            case .read:
                action = await read(stream)
            case .wait(let delay, let error):
                stream = nil
                logWait(delay, error)
                // The sleep fails only by cancellation, which ends the loop.
                do { try await clock.sleep(for: delay) } catch {}
                action = step(.waited)
            }
        }
    }

    // MARK: Lists

    /// What the list in progress has brought so far.
    private struct ListProgress {
        var started = Instant(nanoseconds: 0)
        var items = 0
        var isComplete = true
    }

    private func begin(_ reason: RelistReason?) -> ListProgress {
        writer.beginList()
        if let reason {
            observer.event(.relisting(reason))
            logger.info("Listing anew", ["reason": .string(reason.rawValue)])
        }
        return ListProgress(started: clock.now)
    }

    private func list(
        _ token: String, _ limit: Int, _ progress: inout ListProgress
    ) async -> ReflectorState.Action {
        let page: ResourcePage<R>
        do throws(APIError) {
            page = try await client.page(R.self, selection, limit: limit, continueToken: token)
        } catch {
            noteFailure(error)
            return step(.listFailed(error))
        }
        progress.items += page.items.count
        noteUndecodable(page.undecodable)
        progress.isComplete = progress.isComplete && page.undecodable.isEmpty
        publish(writer.addPage(page.items))
        if page.continueToken.isEmpty {
            publish(writer.endList(version: page.resourceVersion, isComplete: progress.isComplete))
            history.withLock { $0.listed(isComplete: progress.isComplete) }
            observer.event(.listed(items: progress.items, duration: clock.now - progress.started))
            status.withLock { status in
                status.version = page.resourceVersion
                status.lastError = nil
                status.lastActivity = clock.now
            }
            synced.open()
        }
        return step(.listed(page.resourceVersion, continueToken: page.continueToken))
    }

    private func noteUndecodable(_ problems: [DecodingProblem]) {
        for problem in problems {
            observer.event(.undecodable)
            logger.error("Listed object cannot be read", ["problem": .string(problem.description)])
        }
    }

    // MARK: Watches

    private func open(
        from version: ResourceVersion, _ timeout: Duration, _ stream: inout WatchStream<R>?
    ) async -> ReflectorState.Action {
        do throws(APIError) {
            stream = try await client.watch(R.self, selection, from: version, timeout: timeout)
            history.withLock { $0.opened() }
            status.withLock { $0.lastError = nil }
            return step(.opened)
        } catch {
            noteFailure(error)
            return step(.openFailed(error))
        }
    }

    private func probe() async -> ReflectorState.Action {
        do throws(APIError) {
            let isForeign = try await isNewestForeign()
            let page = try await client.page(R.self, selection, limit: 1)
            let count = page.remaining.map { $0 + page.items.count + page.undecodable.count }
            let isContradicted = history.withLock { history in
                history.expect(count, at: page.resourceVersion)
                let seen = machine.withLock { $0.version }
                return history.isContradicted(by: writer.count, at: seen, isTaken: true)
            }
            return step(.probed(page.resourceVersion, isForeign: isForeign || isContradicted))
        } catch {
            noteFailure(error)
            return step(.probeFailed(error))
        }
    }

    /// Whether the server has the newest object that we know in a version that we should have seen and have not.
    private func isNewestForeign() async throws(APIError) -> Bool {
        guard let known = writer.newest?.metadata else { return false }
        let itself = ObjectSelection(
            namespace: known.namespace.isEmpty ? nil : known.namespace,
            fieldSelector: "metadata.name=\(known.name)")
        let shown = try await client.page(R.self, itself, limit: 1).items.first?.metadata
        return HistoryCheck.isForeign(shown, known: known, seen: machine.withLock { $0.version })
    }

    private func read(_ stream: WatchStream<R>?) async -> ReflectorState.Action {
        guard let stream else { return step(.ended(.finished)) }
        let end = await withTaskGroup(of: ReflectorState.WatchEnd.self) { group in
            group.addTask { await self.readAll(stream) }
            group.addTask { await self.waitForStall(of: stream) }
            let end = await group.next() ?? .finished
            group.cancelAll()
            return end
        }
        let (opened, count) = machine.withLock { ($0.watchOpened, $0.watchEventCount) }
        observer.event(.watched(events: count, duration: clock.now - (opened ?? clock.now)))
        logger.debug("Watch ended", ["how": .describing(end), "events": .integer(Int64(count))])
        return step(.ended(end))
    }

    private func readAll(_ stream: WatchStream<R>) async -> ReflectorState.WatchEnd {
        var stream = stream
        while true {
            do throws(APIError) {
                guard let event = try await stream.next() else { return .finished }
                if let end = receive(event) { return end }
            } catch {
                return .broken(error)
            }
        }
    }

    /// Returns when the open watch has been silent for too long.
    private func waitForStall(of stream: WatchStream<R>) async -> ReflectorState.WatchEnd {
        while !Task.isCancelled {
            let deadline = machine.withLock { $0.readDeadline }
            if deadline <= clock.now { break }
            // The sleep fails only by cancellation, which ends the loop.
            do { try await clock.sleep(until: deadline) } catch {}
        }
        // Before the end of the watch takes it off its connection.
        if !Task.isCancelled { stream.distrustConnection() }
        return .stalled
    }

    /// Takes in one event; the end of the watch if it is the last that can be used.
    private func receive(_ event: WatchEvent<R>) -> ReflectorState.WatchEnd? {
        if isContradicted(at: event.version, isTaken: false) { return .foreign }
        if let end = take(event) { return end }
        return isContradicted(at: event.version, isTaken: true) ? .foreign : nil
    }

    private func isContradicted(at version: ResourceVersion, isTaken: Bool) -> Bool {
        history.withLock { $0.isContradicted(by: writer.count, at: version, isTaken: isTaken) }
    }

    private func take(_ event: WatchEvent<R>) -> ReflectorState.WatchEnd? {
        switch event {
        case .added(let object), .modified(let object):
            note(object.metadata.resourceVersion)
            publish(ifNews: writer.upsert(object))
        case .deleted(let object):
            note(object.metadata.resourceVersion)
            publish(ifNews: writer.remove(object))
        case .bookmark(let version, _):
            writer.advance(to: version)
            note(version, isBookmark: true)
        case .failed(let status):
            return .refused(status)
        case .undecodable(let key, let version, let problem):
            observer.event(.undecodable)
            history.withLock { $0.missed() }
            logger.error(
                "Watch event cannot be read",
                [
                    "namespace": .string(key?.namespace ?? ""), "name": .string(key?.name ?? ""),
                    "problem": .string(problem),
                ])
            guard key != nil, !version.isEmpty else { return .unreadable }
            writer.advance(to: version)
            note(version)
        }
        return nil
    }

    private func note(_ version: ResourceVersion, isBookmark: Bool = false) {
        let now = clock.now
        let seen = machine.withLock { machine in
            machine.received(version: version, isBookmark: isBookmark, at: now)
            return machine.version
        }
        status.withLock { status in
            status.version = seen
            status.lastActivity = now
        }
    }

    // MARK: Telling

    private func publish(ifNews changes: [StoreChange<R>]?) {
        guard let changes else { return observer.event(.stale) }
        publish(changes)
    }

    private func publish(_ changes: [StoreChange<R>]) {
        for change in changes {
            for handler in handlers { handler(change) }
        }
    }

    private func step(_ input: ReflectorState.Input) -> ReflectorState.Action {
        let (now, chance) = (clock.now, random())
        return machine.withLock { $0.step(input, at: now, random: chance) }
    }

    private func noteFailure(_ error: APIError) {
        guard !error.isCancelled else { return }
        status.withLock { $0.lastError = error }
    }

    private func logWait(_ delay: Duration, _ error: APIError?) {
        guard let error, !error.isCancelled else { return }
        logger.warning(
            "List or watch failed", ["error": .describing(error), "retryAfter": .duration(delay)])
    }
}
