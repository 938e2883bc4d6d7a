// SPDX-License-Identifier: Apache-2.0
import PKI

/// All that would be done to nodes that run, for people to read and to approve.
///
/// It is made anew from every look. Nodes that cannot be seen are not in it. Its hash stays the same as long as the
/// same is to be done in the same way.
package struct RolloutPlan: Sendable, Hashable {
    /// One thing that would be done.
    package struct Item: Sendable, Hashable {
        /// The node; nil if it is about the cluster as a whole.
        package var node: String?
        /// What it is approved by.
        package var digest: String
        /// For people, in a few words.
        package var summary: String
        /// What of the configuration would change, with no secret in it; nil if that is not what it is about.
        package var difference: String?
        /// Whether the node is rebooted for it.
        package var reboots: Bool

        package init(
            node: String?, digest: String, summary: String, difference: String? = nil, reboots: Bool = false
        ) {
            self.node = node
            self.digest = digest
            self.summary = summary
            self.difference = difference
            self.reboots = reboots
        }
    }

    /// In the order in which they are done.
    package let items: [Item]

    package init(_ context: FlowContext) {
        let changes: [Item] = context.desired.nodes.compactMap { node in
            guard let plan = ConfigChangePlan(node, context), let manner = plan.manner else { return nil }
            return Item(
                node: node.name, digest: plan.digest, summary: plan.summary,
                difference: plan.change?.summary, reboots: manner == .reboot)
        }
        let upgrades = UpgradeNeed(context).items.map {
            Item(node: $0.node, digest: $0.digest, summary: $0.summary, reboots: true)
        }
        let kubernetes = KubernetesNeed(context)
        items =
            changes + upgrades
            + (kubernetes.summary.map { [Item(node: nil, digest: kubernetes.digest, summary: $0)] } ?? [])
    }

    /// What an approval names: 12 hexadecimal digits; empty for a plan without items.
    package var hash: String {
        if items.isEmpty { return "" }
        let text = items.map(\.digest).sorted().joined(separator: "\n")
        return String(SHA256.hexadecimal(of: Array(text.utf8)).prefix(12))
    }

    /// Whether everything in it may be begun, as far as approval goes.
    package func isApproved(_ context: FlowContext) -> Bool {
        items.allSatisfy { context.isApproved($0.digest) }
    }
}

extension FlowContext {
    /// Whether an item of the plan may be carried out: roll-outs need no approval, or somebody has given it.
    package func isApproved(_ digest: String) -> Bool {
        desired.policy.rollout.approval == .auto || record.approvedItems.contains(digest)
    }
}

/// Keeps what was approved.
enum Approval {
    /// Takes over the approval of the present plan, and forgets that of items that are done.
    ///
    /// An approval names a plan as a whole. Its items stay approved while the plan shrinks; whatever is new in a plan, or
    /// has changed, waits for the approval of that plan.
    static func update(_ plan: RolloutPlan, _ context: FlowContext, _ record: inout LifecycleRecord) {
        let digests = Set(plan.items.map(\.digest))
        if !digests.isEmpty, context.desired.approvedPlan == plan.hash {
            record.approvedItems = digests
        } else if isComplete(context, record) {
            record.approvedItems.formIntersection(digests)
        }
    }

    /// Whether everything was seen that could put an item into the plan: otherwise one may only be missing from it for
    /// now.
    private static func isComplete(_ context: FlowContext, _ record: LifecycleRecord) -> Bool {
        guard record.operations.isEmpty, record.kubernetesTarget == nil, record.talosTarget == nil else {
            return false
        }
        return context.desired.nodes.allSatisfy { node in
            let seen = context.observation(of: node.name)
            return seen.isConfigured && seen.config != .unknown && seen.talos != nil
        }
    }
}
