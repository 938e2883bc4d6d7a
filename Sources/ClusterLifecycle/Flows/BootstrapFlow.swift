// SPDX-License-Identifier: Apache-2.0
import Platform

/// Makes a cluster of its nodes: once, ever.
///
/// ```
/// (nothing recorded) → recorded → accepted → confirmed
///        └── etcd is there already ────────────↑
/// ```
/// The node and the time are recorded before the request is made, and no other node is ever asked. The same node is
/// asked again as long as it has not accepted and the time for it has not run out, if etcd shows nowhere: it refuses to
/// bootstrap over data, so that a lost reply does no harm.
package enum BootstrapFlow: Flow {
    /// How long a control-plane node that has never answered is waited for once its machine and another node are ready.
    ///
    /// It might be part of a cluster that was made before there was a record of it. If it does not show in that time it
    /// is taken for one that has yet to come up.
    private static let patience: Duration = .seconds(120)
    /// How often the node is asked again while it is not ready for it.
    private static let interval: Duration = .seconds(5)

    package static func decide(_ context: FlowContext, _ decision: inout LifecycleDecision) -> FlowVerdict {
        let etcd = EtcdEvidence(context)
        if etcd.isSplit {
            let names = etcd.running.joined(separator: ", ")
            decision.record.halt(
                .foreignEtcd, "the nodes \(names) are in clusters of etcd that have no member in common",
                context)
            return .busy
        }
        guard let bootstrap = decision.record.bootstrap else { return consider(etcd, context, &decision) }
        if bootstrap.isConfirmed {
            watchForLoss(etcd, context, &decision)
        } else {
            pursue(bootstrap, etcd, context, &decision)
        }
        return .clear
    }

    package static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        guard var bootstrap = record.bootstrap, bootstrap.node == action.node else { return }
        switch result {
        case .done, .running, .alreadyDone:
            bootstrap.isAccepted = true
            bootstrap.lastError = nil
        case .notNow(let message), .unknown(let message), .partly(let message):
            bootstrap.lastError = message
        case .refused(let message):
            bootstrap.lastError = message
            record.halt(
                .bootstrapUncertain, "\(action.node) refuses to bootstrap etcd: \(message)",
                node: action.node,
                context)
        }
        record.bootstrap = bootstrap
    }
}

extension BootstrapFlow {
    /// Records a cluster as made that shows: somebody else has made it, or what was recorded is lost.
    static func adopt(_ context: FlowContext, _ record: inout LifecycleRecord) {
        let etcd = EtcdEvidence(context)
        guard record.bootstrap == nil, !etcd.isSplit else { return }
        if let node = etcd.running.first {
            record.bootstrap = BootstrapRecord(
                node: node, since: context.now, isConfirmed: etcd.lists(node))
        } else if context.observed.kubernetes.isReachable {
            // Kubernetes answers to the cluster's own certificates, so it has an etcd, wherever that is.
            let nodes = context.nodes(.controlPlane).map(\.name)
            let node = nodes.first { context.observed.kubernetes.nodes[$0] != nil } ?? nodes.first ?? ""
            record.bootstrap = BootstrapRecord(node: node, since: context.now, isConfirmed: true)
        }
        record.bootstrap?.isAccepted = true
    }

    /// Stops a cluster of which nothing is recorded or shows, and whose secrets say that it was made before: its nodes
    /// may have data and merely not answer.
    static func recall(_ context: FlowContext, _ record: inout LifecycleRecord) {
        guard record.bootstrap == nil, let before = context.desired.earlierBootstrap else { return }
        record.halt(
            .bootstrappedBefore,
            "etcd of this cluster was begun before, as its secrets say (\(before)), and nothing of it shows",
            context)
    }

    /// Decides whether this cluster is to be made now, of which nothing is recorded.
    private static func consider(
        _ etcd: EtcdEvidence, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> FlowVerdict {
        let now = context.with(decision.record)
        if let obstacle = now.comingUpObstacle {
            decision.waits.append(Wait("the cluster is not bootstrapped: \(obstacle)"))
            return .clear
        }
        guard let first = candidate(etcd, now) else {
            decision.waits.append(
                Wait("the cluster is bootstrapped when a control-plane node is ready for it"))
            return .clear
        }
        let doubts = context.nodes(.controlPlane).compactMap {
            doubt(about: $0, beside: first.name, etcd, now)
        }
        guard doubts.isEmpty else {
            decision.waits.append(
                Wait("the cluster is not bootstrapped yet: \(doubts.joined(separator: "; "))"))
            decision.wake(within: .seconds(10))
            return .clear
        }
        decision.record.bootstrap = BootstrapRecord(node: first.name, since: context.now)
        decision.actions.append(LifecycleAction(.bootstrap, on: first.name))
        decision.wake(within: interval)
        return .busy
    }

    /// The node that is asked: the first one that waits for it.
    private static func candidate(_ etcd: EtcdEvidence, _ context: FlowContext) -> DesiredNode? {
        context.nodes(.controlPlane).first { node in
            let seen = context.observation(of: node.name)
            return !node.isSurplus && node.hasMachine && !node.isMachineLeaving && etcd.isIdle(on: node.name)
                && (seen.stage == .running || seen.stage == .booting)
        }
    }

    /// Why a node may have etcd's data although none was seen to run; nil if it has none.
    private static func doubt(
        about node: DesiredNode, beside candidate: String, _ etcd: EtcdEvidence, _ context: FlowContext
    ) -> String? {
        let known = context.record.nodes[node.name] ?? NodeRecord()
        switch context.observation(of: node.name).contact {
        case .maintenance: return nil
        case .configured:
            guard etcd.isIdle(on: node.name), let since = known.etcdIdleSince else {
                return "it is not known whether \(node.name) has etcd"
            }
            return since + EtcdEvidence.quiet <= context.now ? nil : "\(node.name) may be about to start etcd"
        case .noAddress, .unreachable, .refused:
            // One that was seen empty, and has been given its configuration since, is on its way.
            if context.record.operations[node.name]?.kind == .install || !node.hasMachine { return nil }
            // What is up and shows another certificate may have etcd for all that is known, however long it does so.
            if case .refused(let why) = context.observation(of: node.name).contact {
                return "\(node.name) answers, but not as a node of this cluster: \(why)"
            }
            if known.wasConfigured { return "\(node.name) was part of a cluster and does not answer" }
            let ready = context.record.nodes[candidate]?.etcdIdleSince ?? context.now
            let since = max(ready, known.readySince ?? ready)
            return since + patience <= context.now ? nil : "\(node.name) has not been seen yet"
        }
    }
}

extension BootstrapFlow {
    /// Follows a bootstrap that was recorded and has not been seen to succeed.
    private static func pursue(
        _ bootstrap: BootstrapRecord, _ etcd: EtcdEvidence, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) {
        if context.nodes(.controlPlane).contains(where: { etcd.lists($0.name) }) {
            decision.record.bootstrap?.isConfirmed = true
            decision.record.bootstrap?.isAccepted = true
            decision.record.bootstrap?.lastError = nil
            return
        }
        let limit = context.desired.policy.timeouts.bootstrap
        let words = bootstrap.lastError.map { ": \($0)" } ?? ""
        guard context.now <= bootstrap.since + limit else {
            decision.record.halt(
                .bootstrapUncertain,
                "\(bootstrap.node) was asked to bootstrap etcd, and none has shown within \(limit)\(words)",
                node: bootstrap.node, context)
            return
        }
        decision.waits.append(
            Wait(
                "\(bootstrap.node) bootstraps etcd\(words)", node: bootstrap.node,
                until: bootstrap.since + limit))
        decision.wake(within: interval)
        if mayAskAgain(bootstrap, etcd, context.with(decision.record)) {
            decision.actions.append(LifecycleAction(.bootstrap, on: bootstrap.node))
        }
    }

    /// Whether the node may be asked once more: it has not accepted, nothing of etcd shows anywhere, and every other
    /// node that may have some has been looked at.
    private static func mayAskAgain(
        _ bootstrap: BootstrapRecord, _ etcd: EtcdEvidence, _ context: FlowContext
    ) -> Bool {
        guard !bootstrap.isAccepted, context.record.halt.map(\.reason.isAboutOneMachine) ?? true,
            etcd.isIdle(on: bootstrap.node), !etcd.isRunning
        else { return false }
        return context.nodes(.controlPlane).allSatisfy { node in
            let known = context.record.nodes[node.name]
            return context.observation(of: node.name).isInMaintenance || etcd.isIdle(on: node.name)
                || known?.wasConfigured != true
        }
    }

    /// A cluster that was made once, and of which nothing is left on any node, is lost: it is never made again.
    private static func watchForLoss(
        _ etcd: EtcdEvidence, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        let nodes = context.nodes(.controlPlane)
        guard !nodes.isEmpty, !etcd.isRunning else { return }
        let limit = context.desired.policy.timeouts.bootstrap
        let isLost = nodes.allSatisfy { node in
            if context.observation(of: node.name).isInMaintenance { return true }
            guard etcd.isIdle(on: node.name), let since = decision.record.nodes[node.name]?.etcdIdleSince
            else { return false }
            return since + limit < context.now
        }
        guard isLost else { return }
        decision.record.halt(
            .clusterLost,
            "the cluster was bootstrapped once, and no control-plane node has anything of etcd left", context)
    }
}
