// SPDX-License-Identifier: Apache-2.0
import Platform

/// How a reconcile ended.
package enum ReconcileOutcome: Sendable, Hashable {
    case success(ReconcileResult)
    case failure(ReconcileError)
    /// The time limit passed and the reconcile was cancelled.
    case timedOut
    /// The controller was stopped and the reconcile cancelled: no failure of the object's.
    case cancelled
}

/// What follows from the outcome of a reconcile; the one place that knows about retries.
struct ReconcilePolicy: Sendable {
    /// What happens to the key.
    enum Effect: Sendable, Hashable {
        /// Nothing until the next event; the count of failures starts anew.
        case forget
        /// Another run after this long; the count of failures starts anew.
        case requeue(after: Duration)
        /// Another run after this long; that many failures in a row are behind it.
        case retry(after: Duration, failures: Int)
    }

    /// How many failures that pass by themselves count at most: 16 s with the usual back-off.
    ///
    /// No event tells that the server answers again, or that a conflict is over that a change of status alone has
    /// caused. What has to be done then must not wait for a time that only failures of the object's own deserve.
    private static let passingLimit = 5

    var backoff = Backoff.reconcile
    /// The share by which chance moves a requested requeue, so that objects made together drift apart.
    var requeueJitter = 0.1

    /// Decides what follows when `failures` runs in a row, not counting this one, have failed.
    func effect(of outcome: ReconcileOutcome, failures: Int, random: Double) -> Effect {
        switch outcome {
        case .success(.done), .cancelled:
            return .forget
        case .success(.requeue(after: let delay)):
            return .requeue(after: delay.jittered(by: requeueJitter, random: random))
        case .success(.requeueExactly(after: let delay)):
            return .requeue(after: delay)
        case .timedOut:
            return retry(failures + 1, random)
        case .failure(let error):
            switch error.disposition {
            case .terminal: return .forget
            case .retry: return retry(failures + 1, random, atLeast: error.retryAfter)
            case .conflict, .unavailable:
                return retry(min(failures + 1, Self.passingLimit), random, atLeast: error.retryAfter)
            }
        }
    }

    private func retry(_ failures: Int, _ random: Double, atLeast: Duration? = nil) -> Effect {
        let delay = backoff.delay(failures: failures, random: random)
        return .retry(after: max(delay, atLeast ?? .zero), failures: failures)
    }
}

extension ReconcileOutcome {
    /// The `result` label of `controller_runtime_reconcile_total`; nil for a run that does not count.
    package var resultLabel: String? {
        switch self {
        case .success(.done): "success"
        case .success(.requeue), .success(.requeueExactly): "requeue_after"
        case .failure(let error) where error.disposition == .conflict: "requeue"
        case .failure, .timedOut: "error"
        case .cancelled: nil
        }
    }
}
