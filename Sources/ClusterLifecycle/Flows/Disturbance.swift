// SPDX-License-Identifier: Apache-2.0
import Platform

/// What every flow that takes a node down for a while has in common: the way down and the way back.
///
/// ```
/// Checking → Snapshotting → Cordoning → Draining → (the flow's own steps) → Rebooting → Verifying → Settling
///                                                                                   → Uncordoning → over
/// ```
/// A flow begins an operation at ``OperationStep/checking`` and asks ``advance(_:_:)`` in every pass. When the node is
/// empty and may go down the operation stands at `middle`: from then on the steps are the flow's, until it sets one of
/// those that are known here again. Each step looks whether what it is for is there already before it asks for it.
package struct Disturbance: Sendable {
    /// What a pass came to.
    package enum Phase: Sendable, Hashable {
        /// There is something to wait for, or something was asked for: nothing more in this pass.
        case waiting
        /// The operation stands at a step of the flow's own, and the node is empty and may be taken down now.
        case own(OperationStep)
        /// The node is back, and the operation has been taken out of the record.
        case finished
        /// It was not begun after all, as something is in the way: taken out of the record, nothing was touched.
        case withdrawn
    }

    /// What a flow finds in a node that has come up again.
    package enum Outcome: Sendable, Hashable {
        case asExpected
        /// Not yet, and why.
        case notYet(String)
        /// It never will be.
        case failed(HaltReason, String)
    }

    package var node: DesiredNode
    /// The flow's own step that follows when the node is empty; `rebooting` if there is none.
    package var middle: OperationStep
    package var rebootMode = UpgradePolicy.RebootMode.default
    /// Whether a snapshot of etcd is kept before a control-plane node goes down.
    package var takesSnapshot = false
    /// Whether a node that Kubernetes does not know may be disturbed without being emptied.
    package var mayBeUnregistered = false
    /// Whether the node leaves for good, so that etcd must do without its member from then on.
    package var leavesEtcd = false
    /// Nodes that need not be well, because they are dead or leaving.
    package var tolerated: Set<String> = []
    /// What a reboot that does not succeed is called.
    package var failure = HaltReason.rebootTimedOut
    /// Judges the node once it runs again with another boot ID.
    package var judge: @Sendable (NodeObservation) -> Outcome = { _ in .asExpected }

    package init(_ node: DesiredNode, middle: OperationStep) {
        self.node = node
        self.middle = middle
    }

    /// Takes the operation on the node in `decision.record` as far as it goes now.
    ///
    /// It writes the operation back itself. Without one it is finished.
    package func advance(_ context: FlowContext, _ decision: inout LifecycleDecision) -> Phase {
        // A step follows upon another at once if there is nothing to do in it; no step is gone through twice.
        for _ in OperationStep.allCases {
            guard mayGoOn(context, &decision) else { return .waiting }
            if decision.record.halt != nil, isStillUp(decision.record) { withdraw(context, &decision) }
            guard var operation = decision.record.operations[node.name] else { return .finished }
            let move = self.move(&operation, context.with(decision.record), &decision)
            decision.record.operations[node.name] = operation
            switch move {
            case .stay: return .waiting
            case .own: return .own(operation.step)
            case .go(let step):
                operation.advance(to: step, at: context.now)
                decision.record.operations[node.name] = operation
            case .end(let phase):
                decision.record.operations[node.name] = nil
                return phase
            case .halt(let reason, let message):
                halt(reason, message, context, &decision)
                return .waiting
            case .fail(let reason, let message):
                // To look again would find the same: once somebody says so the node is given back, and begun with anew.
                operation.advance(to: .uncordoning, at: context.now)
                decision.record.operations[node.name] = operation
                halt(reason, message, context, &decision)
                return .waiting
            }
        }
        return .waiting
    }

    /// Stops here: the operation stays where it is, and nothing more is asked for until the halt is lifted.
    package func halt(
        _ reason: HaltReason, _ message: String, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) {
        decision.record.operations[node.name]?.isHalted = true
        decision.record.halt(reason, message, node: node.name, context)
    }

    /// Gives an operation up before the node was taken down: it becomes usable again as it was.
    ///
    /// Only for steps up to and including `middle`, before its request was made.
    package func withdraw(_ context: FlowContext, _ decision: inout LifecycleDecision) {
        guard let step = decision.record.operations[node.name]?.step else { return }
        if [.checking, .pulling, .snapshotting].contains(step) {
            decision.record.operations[node.name] = nil
        } else {
            decision.record.operations[node.name]?.isHalted = false
            decision.record.operations[node.name]?.advance(to: .uncordoning, at: context.now)
        }
    }

    /// Whether nothing but cordon and drain was done to the node; after a halt it is not taken down any more.
    private func isStillUp(_ record: LifecycleRecord) -> Bool {
        guard let operation = record.operations[node.name], !operation.isHalted else { return false }
        return [.checking, .snapshotting, .cordoning, .draining].contains(operation.step)
    }
}

extension Disturbance {
    /// What follows from one look at one step.
    enum Move {
        case stay, own
        case go(OperationStep)
        case end(Phase)
        case halt(HaltReason, String)
        /// Halts an operation that cannot succeed any more.
        case fail(HaltReason, String)
    }

    /// Whether the operation may go on; after a halt it has all the time of its step again.
    func mayGoOn(_ context: FlowContext, _ decision: inout LifecycleDecision) -> Bool {
        guard let operation = decision.record.operations[node.name], operation.isHalted else { return true }
        if let halt = decision.record.halt {
            let message = "stopped at \(operation.step.rawValue): \(halt.message)"
            decision.waits.append(Wait(message, node: node.name))
            return false
        }
        decision.record.operations[node.name]?.isHalted = false
        decision.record.operations[node.name]?.since = context.now
        decision.record.operations[node.name]?.attempts = 0
        return true
    }

    private func move(
        _ operation: inout NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Move {
        switch operation.step {
        case .checking: check(context, &decision)
        case .snapshotting: snapshot(&operation, context, &decision)
        case .cordoning: cordon(&operation, context, &decision)
        case .draining: drain(&operation, context, &decision)
        case .rebooting: reboot(&operation, context, &decision)
        case .verifying: verify(operation, context, &decision)
        case .settling: settle(&operation, context, &decision)
        case .uncordoning: uncordon(operation, context, &decision)
        default: .own
        }
    }

    private func check(_ context: FlowContext, _ decision: inout LifecycleDecision) -> Move {
        let obstacles = obstacles(context)
        guard obstacles.isEmpty else {
            decision.waits += obstacles.map { Wait($0, node: node.name) }
            return .end(.withdrawn)
        }
        return .go(.snapshotting)
    }

    private func snapshot(
        _ operation: inout NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> Move {
        guard takesSnapshot, node.role == .controlPlane, !hasFreshSnapshot(decision.record, context.now)
        else {
            return .go(.cordoning)
        }
        let limit = context.desired.policy.timeouts.pull
        switch context.observation(of: node.name).longCall {
        case .running(.snapshot):
            break
        case .done(.snapshot) where operation.attempts > 0:
            decision.record.snapshot = SnapshotRecord(at: context.now, location: "taken from \(node.name)")
            return .go(.cordoning)
        case .failed(.snapshot, let message) where operation.attempts >= 3:
            return .halt(.snapshotFailed, "no snapshot of etcd could be kept: \(message)")
        default:
            operation.attempts += 1
            decision.actions.append(LifecycleAction(.snapshot, on: node.name))
        }
        if context.record.isOverdue(operation, limit, at: context.now) {
            return .halt(.snapshotFailed, "no snapshot of etcd was kept within \(limit)\(said(operation))")
        }
        return wait("keeps a snapshot of etcd", operation, limit, &decision)
    }

    /// One that was kept within the last hour will do for every node of a roll-out.
    private func hasFreshSnapshot(_ record: LifecycleRecord, _ now: Timestamp) -> Bool {
        guard let snapshot = record.snapshot else { return false }
        return snapshot.at + .seconds(3600) > now
    }
}
