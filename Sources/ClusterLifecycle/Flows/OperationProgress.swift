// SPDX-License-Identifier: Apache-2.0
import Platform

/// What the steps of flows have in common that are not about a node that comes back: waiting, asking again, stopping.
extension LifecycleDecision {
    /// The operation on a node, if it may go on now; after a halt its step has all its time again.
    mutating func resumed(_ name: String, _ context: FlowContext) -> NodeOperation? {
        guard var operation = record.operations[name] else { return nil }
        guard operation.isHalted else { return operation }
        if let halt = record.halt {
            waits.append(Wait("stopped at \(operation.step.rawValue): \(halt.message)", node: name))
            return nil
        }
        operation.isHalted = false
        operation.since = context.now
        operation.attempts = 0
        record.operations[name] = operation
        return operation
    }

    /// Goes on to the next step of the operation on a node.
    mutating func advance(_ name: String, to step: OperationStep, _ context: FlowContext) {
        record.operations[name]?.advance(to: step, at: context.now)
    }

    /// Says what the operation on a node waits for, and looks again soon.
    mutating func await(_ message: String, on name: String, limit: Duration? = nil) {
        guard let operation = record.operations[name] else { return }
        let words = operation.lastError.map { "\(message) (\($0))" } ?? message
        waits.append(Wait(words, node: name, until: limit.map { operation.since + $0 }))
        wake(within: .seconds(5))
    }

    /// Stops the operation on a node where it is, until somebody has looked.
    mutating func stop(_ reason: HaltReason, _ message: String, on name: String, _ context: FlowContext) {
        record.stop(reason, message, on: name, context)
        waits.append(Wait("stopped: \(message)", node: name))
    }

    /// Makes the request of a step on behalf of the operation on a node, unless it was made a short while ago.
    ///
    /// Only for requests that change nothing when they are repeated.
    mutating func ask(
        _ kind: LifecycleAction.Kind, through node: String? = nil, for name: String, every pause: Duration,
        _ context: FlowContext
    ) {
        guard var operation = record.operations[name] else { return }
        let again = operation.since + pause * min(operation.attempts, 1_000_000)
        // A clock that was put back must not keep it from asking for ever.
        guard operation.attempts == 0 || again <= context.now || context.now < operation.since else { return }
        // However much time has gone by, the next time is a whole pause away.
        operation.attempts = max(operation.attempts, operation.pauses(of: pause, until: context.now)) + 1
        record.operations[name] = operation
        actions.append(LifecycleAction(kind, on: node ?? name))
    }
}

extension LifecycleRecord {
    /// Stops the operation on a node where it is, until somebody has looked.
    mutating func stop(_ reason: HaltReason, _ message: String, on name: String, _ context: FlowContext) {
        operations[name]?.isHalted = true
        halt(reason, message, node: name, context)
    }

    /// Notes in the operation on a node what became of a request; true if it was refused for good.
    mutating func note(_ result: ActionResult, on name: String) -> Bool {
        guard var operation = operations[name] else { return false }
        defer { operations[name] = operation }
        switch result {
        case .done, .running, .alreadyDone: operation.lastError = nil
        case .partly(let message), .unknown(let message): operation.lastError = message
        case .notNow(let message):
            operation.lastError = message
            // Nothing was done, so it may be asked for again at once.
            operation.attempts = max(0, operation.attempts - 1)
        case .refused(let message):
            operation.lastError = message
            return true
        }
        return false
    }
}

extension NodeOperation {
    /// How many pauses have gone by since the step began.
    fileprivate func pauses(of pause: Duration, until now: Timestamp) -> Int {
        let (elapsed, overflow) = now.nanosecondsSince1970.subtractingReportingOverflow(
            since.nanosecondsSince1970)
        guard !overflow, elapsed > 0, pause >= .seconds(1) else { return 0 }
        return Int(clamping: elapsed / 1_000_000_000 / pause.components.seconds)
    }

    /// What the last try said, for the end of a sentence.
    var said: String { lastError.map { ": \($0)" } ?? "" }
}
