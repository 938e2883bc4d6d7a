// SPDX-License-Identifier: Apache-2.0
package import ControllerRuntime
package import Kubernetes
package import PKI
package import Platform
package import Talos

/// Makes the secrets of new clusters, one after another, beside all reconciles.
///
/// An RSA key takes up to seconds, in which reconciles go on: whoever asks is told to come back, and `notify` says
/// when. What is made is kept until it is taken, and lost with the process: nobody has seen it.
package final class KeyGenerator: Sendable {
    /// Makes secrets for a version of Talos at a time; must not keep a processor busy where tasks run.
    package typealias Make = @Sendable (TalosVersion, Timestamp) async -> Result<SecretsBundle, PKIError>

    /// What there is for a cluster.
    enum Answer: Sendable {
        case ready(SecretsBundle)
        case failed(PKIError)
        /// It is being made; `notify` follows.
        case pending
    }

    private struct Job: Sendable, Hashable {
        var cluster: ObjectKey
        var version: TalosVersion
    }

    private struct State {
        var waiting: [Job] = []
        var done: [Job: Result<SecretsBundle, PKIError>] = [:]
        var isClosed = false
    }

    private let state = Locked(State())
    private let arrival = Wakeup()
    private let make: Make
    private let clock: any Clock
    private let notify: @Sendable (ObjectKey) -> Void

    package init(
        clock: any Clock, make: @escaping Make = KeyGenerator.generate,
        notify: @escaping @Sendable (ObjectKey) -> Void
    ) {
        self.make = make
        self.clock = clock
        self.notify = notify
    }

    /// The secrets for a new cluster, once; asks for them to be made if there are none.
    func take(for cluster: ObjectKey, _ version: TalosVersion) -> Answer {
        let job = Job(cluster: cluster, version: version)
        let result = state.withLock { state in
            let result = state.done.removeValue(forKey: job)
            if result == nil, !state.waiting.contains(job) { state.waiting.append(job) }
            return result
        }
        switch result {
        case .success(let bundle): return .ready(bundle)
        case .failure(let error): return .failed(error)
        case nil:
            arrival.ring()
            return .pending
        }
    }

    /// Drops what was made, or is to be made, for a cluster that is gone.
    func forget(_ cluster: ObjectKey) {
        state.withLock { state in
            state.waiting.removeAll { $0.cluster == cluster }
            if !state.done.isEmpty { state.done = state.done.filter { $0.key.cluster != cluster } }
        }
    }

    /// Makes what is asked for until `close` or cancellation; what it has begun it finishes.
    package func run() async {
        while !Task.isCancelled, !state.withLock({ $0.isClosed }) {
            await workOff()
            await arrival.wait()
        }
    }

    /// Lets `run` end.
    package func close() {
        state.withLock { $0.isClosed = true }
        arrival.ring()
    }

    /// Makes real secrets.
    @Sendable
    package static func generate(
        _ version: TalosVersion, at now: Timestamp
    ) async -> Result<SecretsBundle, PKIError> {
        do throws(PKIError) {
            return .success(try await SecretsBundle.generated(for: version, at: now))
        } catch {
            return .failure(error)
        }
    }

    /// Makes what waits now.
    func workOff() async {
        // A job stays in the list while it is worked on, so that nobody asks for it twice.
        while let job = state.withLock({ $0.isClosed ? nil : $0.waiting.first }), !Task.isCancelled {
            let result = await make(job.version, clock.timestamp)
            let isWanted = state.withLock { state in
                guard let index = state.waiting.firstIndex(of: job) else { return false }
                state.waiting.remove(at: index)
                state.done[job] = result
                return true
            }
            if isWanted { notify(job.cluster) }
        }
    }
}

extension Runnable {
    /// A generator; stopped, it finishes the keys it is at.
    package init(_ generator: KeyGenerator) {
        self.init(name: "key generator", run: { await generator.run() }, stop: { generator.close() })
    }
}
