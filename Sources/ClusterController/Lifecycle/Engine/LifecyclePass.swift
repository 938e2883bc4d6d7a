// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle

/// What one pass over a cluster has seen and done.
package struct LifecyclePass: Sendable {
    /// The record as it is kept now.
    package var record: LifecycleRecord
    package var observation: ClusterObservation
    /// What people are told about it.
    package var report: LifecycleReport
    /// What was done, in the order of the decision.
    package var performed: [PerformedAction] = []
    /// What is waited for, most important first.
    package var waits: [Wait]
    /// When to look again at the latest; nil for the usual interval.
    package var wake: Duration?

    package init(
        record: LifecycleRecord, observation: ClusterObservation, report: LifecycleReport,
        performed: [PerformedAction] = [], waits: [Wait] = [], wake: Duration? = nil
    ) {
        self.record = record
        self.observation = observation
        self.report = report
        self.performed = performed
        self.waits = waits
        self.wake = wake
    }
}

/// An action and what became of it.
package struct PerformedAction: Sendable, Hashable {
    package var action: LifecycleAction
    package var result: ActionResult

    package init(_ action: LifecycleAction, _ result: ActionResult) {
        self.action = action
        self.result = result
    }
}

/// Why a pass ended early; it is safe to make another one at any time.
package enum LifecycleError: Error, Sendable, Hashable {
    /// Somebody else has changed the record; if that showed before anything was done, nothing was.
    case conflict
    /// The record could not be kept; the next pass looks what has been done.
    case store(String)
    /// The task was cancelled.
    case cancelled
}

extension LifecycleError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .conflict: "the record has been changed by somebody else"
        case .store(let reason): "the record could not be kept: \(reason)"
        case .cancelled: "cancelled"
        }
    }
}

extension LifecycleError {
    init(_ error: LifecycleStoreError) {
        switch error {
        case .conflict: self = .conflict
        case .failed(let reason): self = .store(reason)
        }
    }
}
