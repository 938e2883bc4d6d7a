// SPDX-License-Identifier: Apache-2.0
package import Kubernetes

/// Makes the world match what one object asks for.
///
/// Level-based: it is told which object to look at, never what happened to it, so it reads the present
/// state and does what is missing. It may be called at any time and any number of times; it is never
/// called twice at once for one key. The object may be gone, and that is no error.
package protocol Reconciler: Sendable {
    /// Brings the object of `key` one step, or all the way, to what it asks for.
    ///
    /// - Throws: `ReconcileError`, which says whether another try can help.
    func reconcile(_ key: ObjectKey) async throws(ReconcileError) -> ReconcileResult
}

/// What to do with a key after a reconcile that succeeded.
package enum ReconcileResult: Sendable, Hashable {
    /// Nothing until the next event.
    case done
    /// Look again after this long, event or not; chance moves it by a tenth at most.
    case requeue(after: Duration)
    /// Look again after just this long, event or not: it was chosen with other objects in mind.
    case requeueExactly(after: Duration)
}

/// A reconcile that failed, and what the controller is to make of it.
package struct ReconcileError: Error, Sendable, Hashable {
    /// Whether and how another try follows.
    package enum Disposition: Sendable, Hashable {
        /// Try again with exponential back-off.
        case retry
        /// Try again with a back-off that stays short, for somebody else merely was faster: not an error to report.
        case conflict
        /// Try again with a back-off that stays short: the API server is at fault, and will be back, not the object.
        case unavailable
        /// Another try cannot help until the object changes.
        case terminal
    }

    /// The kind of failure: the `error_type` label of the error metric, as in `ValidationError`.
    package var errorType: String
    /// What failed, for logs; never a secret.
    package var message: String
    package var disposition: Disposition
    /// How long the server asked to wait; the back-off is never shorter than this.
    package var retryAfter: Duration?

    package init(
        errorType: String, message: String, disposition: Disposition = .retry, retryAfter: Duration? = nil
    ) {
        self.errorType = errorType
        self.message = message
        self.disposition = disposition
        self.retryAfter = retryAfter
    }
}
