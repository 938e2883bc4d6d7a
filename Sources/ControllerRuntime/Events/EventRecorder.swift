// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Observability
package import Platform

/// Publishes events about objects without ever making anybody wait for it.
///
/// Events queue up to a limit, beyond which they are dropped and counted; `run` sends them one by one,
/// correlated so that repetition costs little. What cannot be sent is logged and forgotten.
package final class EventRecorder: Sendable {
    /// Events that may wait to be sent.
    package static let queueLimit = 1000
    /// Tries for one event when the API server cannot be reached, and the time between them.
    static let tries = 12
    static let retryInterval = Duration.seconds(10)
    /// How long `run` goes on sending after `close`.
    static let flushLimit = Duration.seconds(2)
    /// How long a refusal for want of permission is not logged again.
    static let forbiddenLogInterval = Duration.seconds(3600)

    private struct State {
        var waiting: [EventRequest] = []
        var isClosed = false
        var lastForbiddenLog: Instant?
    }

    private let client: KubernetesClient
    private let source: EventSource
    private let clock: any Clock
    private let random: RandomFraction
    private let logger: Logger
    private let dropped: @Sendable (Int) -> Void
    private let state = Locked(State())
    private let arrival = Wakeup()
    private let closing = Wakeup()

    /// Makes a recorder that calls `dropped` with the number of events lost whenever some are.
    package init(
        client: KubernetesClient, source: EventSource, clock: any Clock, random: @escaping RandomFraction,
        logger: Logger, dropped: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        // Repeating is done here, where it keeps nobody waiting.
        var client = client
        client.retry = .never
        self.client = client
        self.source = source
        self.clock = clock
        self.random = random
        self.logger = logger
        self.dropped = dropped
    }

    /// Notes an event; never blocks and never fails.
    package func record(_ type: EventType, reason: String, message: String, about object: ObjectReference) {
        let request = EventRequest(
            type: type, reason: reason, message: message, regarding: object, timestamp: clock.timestamp)
        let isAccepted = state.withLock { state in
            guard !state.isClosed, state.waiting.count < Self.queueLimit else { return false }
            state.waiting.append(request)
            return true
        }
        if isAccepted { arrival.ring() } else { dropped(1) }
    }

    /// Accepts no more events and lets `run` end once what waits is sent, or after two seconds.
    package func close() {
        state.withLock { $0.isClosed = true }
        arrival.ring()
        closing.ring()
    }

    /// Sends events until `close` or cancellation.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sendAll() }
            group.addTask {
                await self.closing.wait()
                // The sleep fails only when all is sent, and then nothing is left to cut short.
                do { try await self.clock.sleep(for: Self.flushLimit) } catch {}
            }
            await group.next()
            group.cancelAll()
        }
        let lost = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting.count
        }
        if lost > 0 { dropped(lost) }
    }

    private func sendAll() async {
        var correlator = EventCorrelator()
        var lastSuffix: UInt64 = 0
        while !Task.isCancelled {
            guard let request = state.withLock({ $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }) else {
                if isClosed { return }
                await arrival.wait()
                continue
            }
            guard let event = correlator.correlate(request, at: clock.now) else {
                dropped(1)
                continue
            }
            lastSuffix = max(lastSuffix &+ 1, UInt64(max(clock.timestamp.nanosecondsSince1970, 0)))
            if let published = await publish(event, suffix: lastSuffix) {
                correlator.setPublished(published, for: event.key)
            }
        }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Sends an event until it is taken or refused; nil if it is not there.
    private func publish(_ event: CorrelatedEvent, suffix: UInt64) async -> PublishedEvent? {
        var event = event
        var attempt = 1
        while true {
            do {
                return try await send(event, suffix: suffix)
            } catch {
                if error.isNotFound, event.published != nil {
                    event.published = nil
                    continue
                }
                guard error.isWorthRetrying, attempt < Self.tries, !isClosed, !Task.isCancelled else {
                    giveUp(event, error)
                    return nil
                }
                await waitForRetry(isFirst: attempt == 1)
                attempt += 1
            }
        }
    }

    private func send(_ event: CorrelatedEvent, suffix: UInt64) async throws(APIError) -> PublishedEvent {
        if let published = event.published {
            let key = ObjectKey(namespace: published.namespace, name: published.name)
            _ = try await client.mergePatch(CoreEvent.self, key, event.patch)
            return published
        }
        let name = event.name(suffix: suffix)
        let object = event.object(named: name, from: source)
        _ = try await client.create(CoreEvent.self, object, namespace: event.namespace)
        return PublishedEvent(namespace: event.namespace, name: name)
    }

    /// Waits ten seconds, the first time a random part of that, or until the recorder is closed.
    private func waitForRetry(isFirst: Bool) async {
        let deadline = clock.now + Self.retryInterval * (isFirst ? random() : 1)
        while clock.now < deadline, !isClosed, !Task.isCancelled {
            await arrival.wait(until: deadline, on: clock)
        }
    }

    private func giveUp(_ event: CorrelatedEvent, _ error: APIError) {
        dropped(1)
        if error.isCancelled || error == .fenced { return }
        let now = clock.now
        let isLogged = state.withLock { state in
            guard error.isForbidden else { return true }
            if let last = state.lastForbiddenLog, now - last < Self.forbiddenLogInterval { return false }
            state.lastForbiddenLog = now
            return true
        }
        guard isLogged else { return }
        logger.warning(
            "Event could not be published",
            [
                "reason": .string(event.request.reason), "object": .string(event.request.regarding.name),
                "namespace": .string(event.namespace), "error": .describing(error),
            ])
    }
}

extension APIError {
    /// Whether the same request may succeed later: no answer, or an answer that says so.
    fileprivate var isWorthRetrying: Bool {
        switch self {
        case .status(let status):
            status.code == 429 || (status.code >= 500 && !status.isNamespaceTerminating)
        case .transport: !isCancelled
        case .credentials: true
        case .undecodable, .invalidRequest, .fenced: false
        }
    }
}
