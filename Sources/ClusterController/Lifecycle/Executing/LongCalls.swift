// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
package import Kubernetes
import Platform

/// Calls that take longer than a pass: they run beside the passes, and each pass sees how far they are.
///
/// One call at a time runs for a node. All of them end when `run()` is cancelled: at the end of the program and when
/// leadership is lost. What became of them is not known then, and whoever comes next asks again.
package final class LongCalls: Sendable {
    /// What a call came to.
    enum Outcome: Sendable, Hashable {
        /// With the snapshot that it has kept, if that is what it was for.
        case done(SnapshotRecord?)
        case failed(String)
        /// It would fail again.
        case refused(String)
        /// There was no answer.
        case lost(String)
    }

    private struct Place: Hashable {
        var cluster: ObjectKey
        var node: String
    }

    private struct Entry {
        var number: Int
        var kind: LifecycleAction.Kind
        var outcome: Outcome?
    }

    private struct State {
        var entries: [Place: Entry] = [:]
        var lastNumber = 0
        /// Whether `run()` takes calls.
        var isOpen = false
    }

    private typealias Job = @Sendable () async -> Void

    private let state = Locked(State())
    private let jobs: AsyncStream<Job>
    private let submit: AsyncStream<Job>.Continuation
    private let onEnd: @Sendable (ObjectKey) -> Void

    /// - Parameter onEnd: told the cluster for which a call has ended, so that it may be looked at soon.
    package init(onEnd: @escaping @Sendable (ObjectKey) -> Void = { _ in }) {
        self.onEnd = onEnd
        (jobs, submit) = AsyncStream.makeStream()
    }

    /// Carries the calls out until the task is cancelled, and returns when all of them have ended; run once.
    package func run() async {
        state.withLock { $0.isOpen = true }
        await withDiscardingTaskGroup { group in
            for await job in jobs { group.addTask { await job() } }
            group.cancelAll()
        }
        state.withLock { $0 = State() }
    }

    /// Begins a call, unless the same one runs already; another one in the way is `notNow`.
    func begin(
        _ kind: LifecycleAction.Kind, on node: String, in cluster: ObjectKey,
        _ call: @escaping @Sendable () async -> Outcome
    ) -> ActionResult {
        let place = Place(cluster: cluster, node: node)
        let (number, result) = state.withLock { state -> (Int?, ActionResult) in
            guard state.isOpen else { return (nil, .notNow("the operator is not ready for long calls")) }
            if let entry = state.entries[place], entry.outcome == nil {
                return (nil, entry.kind == kind ? .running : .notNow("another long call is under way"))
            }
            state.lastNumber += 1
            state.entries[place] = Entry(number: state.lastNumber, kind: kind)
            return (state.lastNumber, .running)
        }
        guard let number else { return result }
        submit.yield { [weak self] in
            let outcome = await call()
            self?.end(place, number, outcome)
        }
        return result
    }

    /// How far the call for a node is; nil if there is none.
    func state(of node: String, in cluster: ObjectKey) -> LongCall? {
        let entry = state.withLock { $0.entries[Place(cluster: cluster, node: node)] }
        guard let entry else { return nil }
        return switch entry.outcome {
        case nil: .running(entry.kind)
        case .done: .done(entry.kind)
        case .failed(let reason): .failed(entry.kind, reason)
        case .refused(let reason): .refused(entry.kind, reason)
        case .lost(let reason): .lost(entry.kind, reason)
        }
    }

    /// The snapshot that has been kept since the last pass; nil if none has been.
    func snapshot(of cluster: ObjectKey) -> SnapshotRecord? {
        let entries = state.withLock { state in
            state.entries.filter { $0.key.cluster == cluster && $0.value.kind == .snapshot }.values
        }
        for entry in entries {
            if case .done(let snapshot?) = entry.outcome { return snapshot }
        }
        return nil
    }

    /// Forgets the calls for a cluster; one that runs comes to its end unseen.
    func forget(_ cluster: ObjectKey) {
        state.withLock { state in
            state.entries = state.entries.filter { $0.key.cluster != cluster }
        }
    }

    /// Whether calls are taken.
    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Whether there is a call for any node of the cluster that runs or whose end has not been told.
    func hasAny(of cluster: ObjectKey) -> Bool {
        state.withLock { $0.entries.keys.contains { $0.cluster == cluster } }
    }

    /// Forgets calls that had ended when `observation` was made: a pass has seen how.
    ///
    /// They are told once: the same call later on is another one.
    func settle(_ observation: ClusterObservation, of cluster: ObjectKey) {
        state.withLock { state in
            for (name, node) in observation.nodes {
                let place = Place(cluster: cluster, node: name)
                guard let entry = state.entries[place], entry.outcome != nil else { continue }
                switch node.longCall {
                case .done(entry.kind), .failed(entry.kind, _), .refused(entry.kind, _), .lost(entry.kind, _):
                    state.entries[place] = nil
                default: break
                }
            }
        }
    }

    private func end(_ place: Place, _ number: Int, _ outcome: Outcome) {
        state.withLock { state in
            guard state.entries[place]?.number == number else { return }
            state.entries[place]?.outcome = outcome
        }
        onEnd(place.cluster)
    }
}
