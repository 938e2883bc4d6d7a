// SPDX-License-Identifier: Apache-2.0
import Platform

/// What must be in order before a node goes down, and what becomes of what was asked for.
extension Disturbance {
    /// What is in the way of taking the node down now, one sentence each; empty if nothing is.
    ///
    /// The node itself must be well. If it is one of the control plane all others must be too, and etcd must keep its
    /// quorum without it; of the workers no more may be unavailable than the policy allows.
    package func obstacles(_ context: FlowContext) -> [String] {
        var obstacles: [String] = []
        if !tolerated.contains(node.name),
            let problem = context.problem(of: node, mayBeUnregistered: mayBeUnregistered)
        {
            obstacles.append(problem)
        }
        guard node.role == .controlPlane else {
            return obstacles + (Capacity(context).shortage(without: node).map { [$0] } ?? [])
        }
        for other in context.nodes(.controlPlane) where other.name != node.name {
            if context.isDisturbed(other.name) {
                obstacles.append("\(other.name) is disturbed already")
            } else if !tolerated.contains(other.name), context.isPart(other),
                let problem = context.problem(of: other)
            {
                obstacles.append("\(other.name) \(problem)")
            }
        }
        let etcd = EtcdGuard(context)
        let member = memberID(context)
        let verdict =
            switch (leavesEtcd, member) {
            case (true, .some(let member)): etcd.mayLeave(member)
            default: etcd.mayBeDown(node: node.name, memberID: member)
            }
        if let message = verdict.message { obstacles.append(message) }
        return obstacles
    }

    /// The member of etcd that the node is, if it says so.
    func memberID(_ context: FlowContext) -> UInt64? {
        context.observed.etcd.statuses[node.name]?.memberID ?? context.observation(of: node.name).memberID
    }

    /// How soon to look again at a node that something is done to.
    private static let look: Duration = .seconds(5)

    /// Waits, and says so.
    func wait(
        _ message: String, _ operation: NodeOperation, _ limit: Duration?, _ decision: inout LifecycleDecision
    ) -> Move {
        let words = operation.lastError.map { "\(message) (\($0))" } ?? message
        decision.waits.append(Wait(words, node: node.name, until: limit.map { operation.since + $0 }))
        decision.wake(within: Self.look)
        return .stay
    }

    /// What the last try said, for the end of a sentence.
    func said(_ operation: NodeOperation) -> String {
        operation.lastError.map { ": \($0)" } ?? ""
    }

    /// Notes what became of an action of one of the steps that are known here; false if it is none of them.
    package static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) -> Bool {
        switch action.kind {
        case .snapshot, .cordon, .uncordon, .drain, .reboot: break
        default: return false
        }
        guard var operation = record.operations[action.node] else { return true }
        switch result {
        case .done, .running, .alreadyDone: operation.lastError = nil
        case .partly(let message), .unknown(let message): operation.lastError = message
        case .notNow(let message):
            operation.lastError = message
            // Nothing was done, so it may be asked for again at once.
            operation.attempts = max(0, operation.attempts - 1)
        case .refused(let message):
            operation.lastError = message
            operation.isHalted = record.halt == nil || operation.isHalted
            record.halt(refusal(of: action.kind), "\(action.node): \(message)", node: action.node, context)
        }
        record.operations[action.node] = operation
        if case .snapshot = action.kind, [.done, .alreadyDone].contains(result) {
            record.snapshot = SnapshotRecord(at: context.now, location: "taken from \(action.node)")
        }
        return true
    }

    /// What it is called that a request was refused for good.
    private static func refusal(of kind: LifecycleAction.Kind) -> HaltReason {
        switch kind {
        case .snapshot: .snapshotFailed
        case .cordon, .drain: .drainTimedOut
        default: .rebootTimedOut
        }
    }
}

extension EtcdGuard {
    /// A guard of the cluster's etcd that knows who is leaving by the operations that are under way.
    ///
    /// A node that has yet to leave is a member like any other: the second of two could not leave without being one.
    package init(_ context: FlowContext) {
        let leaving = context.record.operations.filter { $0.value.isTakenOut }
        self.init(
            context.observed.etcd, leaving: Set(leaving.values.compactMap(\.memberID)),
            ignoring: Set(leaving.keys))
    }
}

extension NodeOperation {
    /// Whether the node's member of etcd is dead or gone for good, so that its answers do not count any more.
    fileprivate var isTakenOut: Bool {
        switch (kind, step) {
        case (.replace, _): true
        case (.remove, .removingMember), (.remove, .resetting), (.remove, .deletingNode),
            (.remove, .deletingMachine):
            true
        default: false
        }
    }
}

extension FlowContext {
    /// What keeps a node from being well, from `is` or `does not` on; nil if it is.
    ///
    /// Everything has to be known: the node itself, its Kubernetes node, and on the control plane its member of etcd.
    package func problem(of node: DesiredNode, mayBeUnregistered: Bool = false) -> String? {
        let seen = observation(of: node.name)
        switch seen.contact {
        case .configured: break
        case .noAddress: return "has no address"
        case .maintenance: return "is in maintenance mode"
        case .unreachable(let why), .refused(let why): return "does not answer: \(why)"
        }
        guard seen.stage == .running else { return "is \(seen.stage.rawValue)" }
        guard seen.isReady else { return "is not ready: \(seen.unmet.first ?? "it does not say why")" }
        if let problem = kubernetesProblem(of: node.name, mayBeUnregistered: mayBeUnregistered) {
            return problem
        }
        guard node.role == .controlPlane else { return nil }
        return EtcdGuard(self).problem(ofMemberOn: node.name).map { "is not well: \($0)" }
    }

    private func kubernetesProblem(of node: String, mayBeUnregistered: Bool) -> String? {
        if let problem = observed.kubernetes.problem {
            return "is not known to be well, for the Kubernetes API does not answer: \(problem)"
        }
        guard let found = observed.kubernetes.nodes[node] else {
            let isExpected = !mayBeUnregistered && desired.policy.drain.isEnabled
            return isExpected ? "is not registered in Kubernetes" : nil
        }
        return found.isReady ? nil : "is not Ready in Kubernetes"
    }

    /// Whether the node has been part of the cluster and stays in it.
    package func isPart(_ node: DesiredNode) -> Bool {
        hasBeenPart(node.name) && !node.isSurplus && !node.isMachineLeaving
    }

    /// Whether the node has been part of the cluster: the record says so, or it shows, also to Kubernetes.
    package func hasBeenPart(_ node: String) -> Bool {
        record.nodes[node]?.wasConfigured == true || observation(of: node).isConfigured
            || observed.kubernetes.nodes[node] != nil
    }

    /// Whether something is under way that takes the node down or out.
    package func isDisturbed(_ node: String) -> Bool {
        guard let operation = record.operations[node] else { return false }
        switch operation.kind {
        case .install, .component: return false
        case .configure, .upgrade, .remove, .replace, .teardown:
            return ![.checking, .pulling].contains(operation.step)
        }
    }
}
