// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform

/// Lets many callers share one run of the same work.
///
/// The first caller does the work in its own task, and the others wait for what comes of it. If the first one
/// is cancelled, one of the others begins anew, so nobody fails because somebody else gave up.
final class SingleFlight<Value: Sendable>: Sendable {
    private enum Outcome: Sendable {
        case done(Result<Value, APIError>)
        /// Nobody does the work any more.
        case vacant
        case cancelled
    }

    private struct State {
        var isRunning = false
        var waiters: [Int: CheckedContinuation<Outcome, Never>] = [:]
        var nextWaiter = 0
    }

    private let state = Locked(State())

    /// Whether somebody is at work.
    var isBusy: Bool { state.withLock { $0.isRunning } }

    /// How many callers wait for the one at work.
    var waiterCount: Int { state.withLock { $0.waiters.count } }

    /// Does `work`, or returns what the caller who is at it gets.
    func run(_ work: () async throws(APIError) -> Value) async throws(APIError) -> Value {
        while true {
            if claim() { return try await lead(work) }
            switch await outcome() {
            case .done(let result): return try result.get()
            case .vacant: continue
            case .cancelled: throw .transport(.cancelled)
            }
        }
    }

    private func claim() -> Bool {
        state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
    }

    private func lead(_ work: () async throws(APIError) -> Value) async throws(APIError) -> Value {
        let result: Result<Value, APIError>
        do {
            result = .success(try await work())
        } catch {
            result = .failure(error)
        }
        let waiters = state.withLock { state in
            defer { state.waiters = [:] }
            state.isRunning = false
            return state.waiters
        }
        let outcome = Task.isCancelled ? Outcome.vacant : .done(result)
        for waiter in waiters.values { waiter.resume(returning: outcome) }
        return try result.get()
    }

    private func outcome() async -> Outcome {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let early = state.withLock { state -> Outcome? in
                    if Task.isCancelled { return .cancelled }
                    guard state.isRunning else { return .vacant }
                    state.waiters[id] = waiter
                    return nil
                }
                if let early { waiter.resume(returning: early) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: .cancelled)
        }
    }
}
