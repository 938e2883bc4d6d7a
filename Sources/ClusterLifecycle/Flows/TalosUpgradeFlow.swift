// SPDX-License-Identifier: Apache-2.0
import Platform

/// Brings every node to the desired release of Talos with the desired extensions: the control plane first, node by
/// node, then the workers, one minor version after the other.
///
/// ```
/// PullingImage → Checking → Snapshotting → Cordoning → Draining → Installing → Rebooting → Verifying → Settling
///                                                                                        → Uncordoning → over
/// ```
/// Nothing is begun unless the whole way is known to be supported, and nothing after the first failure. Releases before
/// 1.13 reboot by themselves after the installation.
package enum TalosUpgradeFlow: Flow {
    package static func decide(
        _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> FlowVerdict {
        for (name, operation) in decision.record.operations.sorted(by: { $0.key < $1.key }) {
            guard case .upgrade = operation.kind else { continue }
            NodeUpgrade(name, context, decision.record)?.advance(&decision)
        }
        let verdict = begin(context.with(decision.record), &decision)
        return hasOperation(decision.record) ? .busy : verdict
    }

    private static func hasOperation(_ record: LifecycleRecord) -> Bool {
        record.operations.values.contains { if case .upgrade = $0.kind { true } else { false } }
    }

    /// Finds out whether another node has to be upgraded, and begins with it if nothing is in the way.
    private static func begin(_ context: FlowContext, _ decision: inout LifecycleDecision) -> FlowVerdict {
        let need = UpgradeNeed(context)
        guard !need.items.isEmpty else {
            if !hasOperation(decision.record), need.nodes.allSatisfy({ need.release(of: $0) != nil }) {
                decision.record.talosTarget = nil
            }
            return .clear
        }
        guard context.beginningObstacle == nil else { return .busy }
        guard !need.kubernetes.isEmpty else {
            decision.waits.append(Wait("Talos is not upgraded yet: it is not known which Kubernetes runs"))
            return .busy
        }
        if Set(need.kubernetes.map(\.line)).count > 1, !hasOperation(decision.record) {
            decision.waits.append(Wait("Talos is upgraded when all of Kubernetes runs one minor version"))
            return .clear
        }
        switch need.path.verdict {
        case .refused(let message):
            decision.record.halt(.unsupportedPath, message, context)
            return .busy
        case .kubernetesFirst(let message):
            decision.waits.append(Wait(message))
            return .clear
        case .there:
            return begin(context.desired.talos, need, context, &decision)
        case .hops(let hops):
            return begin(hops.first ?? context.desired.talos, need, context, &decision)
        }
    }

    /// Begins to bring nodes to `hop`.
    private static func begin(
        _ hop: Release, _ need: UpgradeNeed, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> FlowVerdict {
        let candidates = need.nodes.filter { need.needs($0, hop) }
        if let node = candidates.first(where: { need.image(for: $0, hop) == nil }) {
            decision.record.halt(
                .unsupportedPath,
                "the way goes through Talos \(hop), and \(node.installer) is named by its digest or without a tag: "
                    + "name it by its tag, or go to \(hop) first", node: node.name, context)
            return .busy
        }
        if let present = decision.record.talosTarget, present < hop,
            let (node, problem) = firstProblem(need, context)
        {
            decision.waits.append(
                Wait("Talos \(hop) comes when all nodes are well: \(node) \(problem)", node: node))
            return .busy
        }
        if let wait = context.windowObstacle {
            decision.waits.append(wait)
            return .busy
        }
        for node in next(candidates, need, context) {
            guard begin(node, hop, need, context, &decision) else { break }
        }
        return .busy
    }

    /// The first node that is not well, and why.
    private static func firstProblem(_ need: UpgradeNeed, _ context: FlowContext) -> (String, String)? {
        for node in need.nodes {
            if let problem = context.problem(of: node) { return (node.name, problem) }
        }
        return nil
    }

    /// One of the control plane, or the workers when all of the control plane is known to be there.
    private static func next(
        _ candidates: [DesiredNode], _ need: UpgradeNeed, _ context: FlowContext
    ) -> [DesiredNode] {
        let isFree = { (node: DesiredNode) in context.record.operations[node.name] == nil }
        let controlPlane = need.nodes.filter { $0.role == .controlPlane }
        let isReady = controlPlane.allSatisfy { node in
            isFree(node) && need.release(of: node) != nil && !candidates.contains { $0.name == node.name }
        }
        if isReady { return candidates.filter { $0.role == .worker && isFree($0) } }
        return Array(candidates.filter { $0.role == .controlPlane && isFree($0) }.prefix(1))
    }

    /// Begins with one node; false if there is no use in trying the next one.
    private static func begin(
        _ node: DesiredNode, _ hop: Release, _ need: UpgradeNeed, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) -> Bool {
        guard let image = need.image(for: node, hop) else { return false }
        if let item = need.items.first(where: { $0.node == node.name }),
            !context.with(decision.record).isApproved(item.digest)
        {
            decision.waits.append(Wait("its upgrade to Talos \(item.to) waits for approval", node: node.name))
            return true
        }
        let present = context.with(decision.record)
        if let obstacle = Capacity(present).obstacle(to: node.name) ?? context.desired.fleetObstacle {
            decision.waits.append(Wait("its upgrade to Talos \(hop) waits: \(obstacle)", node: node.name))
            return false
        }
        var operation = NodeOperation(.upgrade(image: image, to: hop), .pulling, at: context.now)
        operation.memberID = present.observation(of: node.name).memberID
        let obstacles = NodeUpgrade.disturbance(node, operation, context).obstacles(present)
        guard obstacles.isEmpty else {
            let message = obstacles.joined(separator: "; ")
            decision.waits.append(Wait("its upgrade to Talos \(hop) waits: \(message)", node: node.name))
            return true
        }
        decision.record.talosTarget = hop
        decision.record.operations[node.name] = operation
        NodeUpgrade(node.name, context, decision.record)?.advance(&decision)
        return true
    }

    package static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        if Disturbance.absorb(result, of: action, context, &record) { return }
        NodeUpgrade.absorb(result, of: action, context, &record)
    }
}
