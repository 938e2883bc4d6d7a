// SPDX-License-Identifier: Apache-2.0
import Platform

/// Takes nodes out of the cluster for good: those that the specification has no place for, and those whose Machine
/// somebody has deleted.
///
/// ```
/// Checking → Cordoning → Draining ─→ ForfeitingLeadership → LeavingEtcd ─→ Resetting → DeletingNode → DeletingMachine
///     │                     └─ worker ──────────────────────────────────────↑  ↑              ↑
///     └─ dead: control plane → RemovingMember ─────────────────────────────────┘              │
///              worker ─────────────────────────────────────────────────────────────────────────┘
/// ```
/// Workers go first and side by side, control-plane nodes one at a time. Every step looks first whether what it is for
/// is there already, and a node's Machine is deleted only when its member is gone from every list of etcd's members.
enum RemovalFlow: Flow {
    static func decide(_ context: FlowContext, _ decision: inout LifecycleDecision) -> FlowVerdict {
        for name in underWay(decision.record) {
            NodeRemoval(name, context.with(decision.record)).advance(&decision)
        }
        begin(context, &decision)
        return underWay(decision.record).isEmpty ? .clear : .busy
    }

    private static func underWay(_ record: LifecycleRecord) -> [String] {
        record.operations.filter { $0.value.kind == .remove }.keys.sorted()
    }

    static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        if Disturbance.absorb(result, of: action, context, &record) { return }
        var name = action.node
        if case .removeMember(let id) = action.kind {
            name = record.operations.first { $0.value.memberID == id }?.key ?? name
        }
        let isRefused = record.note(result, on: name)
        switch action.kind {
        case .forfeitLeadership where isRefused:
            // Leaving gives the leadership up too, only less smoothly.
            record.operations[name]?.advance(to: .leavingEtcd, at: context.now)
        case .reset where isRefused:
            record.stop(.resetFailed, words(record, name, "refuses to be reset"), on: name, context)
        case _ where isRefused:
            record.stop(.removalFailed, words(record, name, "cannot be removed"), on: name, context)
        default: break
        }
    }

    private static func words(_ record: LifecycleRecord, _ name: String, _ problem: String) -> String {
        "\(name) \(problem)\(record.operations[name]?.said ?? "")"
    }
}

extension RemovalFlow {
    /// Begins with every worker that is to go, and when none is left with one node of the control plane.
    private static func begin(_ context: FlowContext, _ decision: inout LifecycleDecision) {
        let all = context.desired.nodes.map { LeavingNode($0.name, context.with(decision.record)) }
            .filter(\.isLeaving)
        let leaving = all.filter { !isOver($0, context) }
        for left in all where isOver(left, context) { forget(left, context, &decision) }
        let workers = leaving.filter { $0.node.role == .worker }
        for worker in workers { begin(worker, context.with(decision.record), &decision) }
        // A dead member only takes from the quorum: it goes before one that is still of use.
        let nodes = leaving.filter { $0.node.role == .controlPlane }
        let dead = nodes.filter { $0.condition == .dead }
        guard let next = (dead.isEmpty ? nodes : dead).last else { return }
        guard workers.isEmpty else {
            return decision.waits.append(Wait("is removed when the workers are", node: next.node.name))
        }
        begin(next, context.with(decision.record), &decision)
    }

    /// What is remembered of a node goes when nothing is left of it: whoever comes in its place is another one.
    private static func forget(
        _ left: LeavingNode, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        let name = left.node.name
        guard !left.node.hasMachine, !context.observation(of: name).isConfigured else { return }
        decision.record.nodes[name] = nil
        if decision.record.operations[name]?.kind != .remove { decision.record.operations[name] = nil }
    }

    /// Whether nothing is left to do but to wait until the provider has taken the machine away.
    private static func isOver(_ leaving: LeavingNode, _ context: FlowContext) -> Bool {
        leaving.node.isMachineLeaving && leaving.isUnregistered
            && MemberOfNode(leaving.node, context) == .none
    }

    private static func begin(
        _ leaving: LeavingNode, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        let name = leaving.node.name
        if context.record.operations[name]?.kind == .remove { return }
        if let obstacle = obstacle(to: leaving, context) {
            return decision.waits.append(Wait("is not removed yet: \(obstacle)", node: name))
        }
        if case .silent(let until) = leaving.condition {
            decision.waits.append(
                Wait("does not answer; taken for dead if that lasts", node: name, until: until))
            return decision.wake(within: .seconds(10))
        }
        var operation = NodeOperation(.remove, .checking, at: context.now)
        switch MemberOfNode(leaving.node, context) {
        case .member(let id): operation.memberID = id
        case .none: break
        case .unknown(let problem):
            return decision.waits.append(
                Wait("is not removed yet: \(problem)", node: name, problem: .removalFailed))
        }
        if let refusal = operation.memberID.flatMap({ EtcdGuard(context).mayLeave($0).message }) {
            return decision.waits.append(
                Wait("is not removed yet: \(refusal)", node: name, problem: .quorumAtRisk))
        }
        decision.record.operations[name] = operation
        NodeRemoval(name, context.with(decision.record)).advance(&decision)
    }

    /// Why a node may be part of a cluster of which nothing is recorded and nothing shows; nil if it is none, or if
    /// somebody has deleted its Machine and so answers for it.
    private static func clusterDoubt(_ leaving: LeavingNode, _ context: FlowContext) -> String? {
        let isEmpty = context.observation(of: leaving.node.name).isInMaintenance
        guard context.record.bootstrap == nil, !isEmpty, !leaving.node.isMachineLeaving else { return nil }
        return EtcdEvidence(context).doubt
    }

    /// Why nothing may be begun on a node now; another operation on it gives way, for the node has no use for it.
    private static func obstacle(to leaving: LeavingNode, _ context: FlowContext) -> String? {
        if let reason = context.beginningObstacle { return reason }
        if context.record.bootstrap?.isConfirmed == false { return "the cluster is being bootstrapped" }
        if let doubt = clusterDoubt(leaving, context) {
            return "nothing is known of a cluster, and there may be one it has to leave: \(doubt)"
        }
        guard leaving.node.role == .controlPlane else { return nil }
        var record = context.record
        record.operations[leaving.node.name] = nil
        return Capacity(context.with(record)).obstacle(to: leaving.node.name)
    }
}
