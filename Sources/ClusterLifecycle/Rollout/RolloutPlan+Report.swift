// SPDX-License-Identifier: Apache-2.0

extension LifecycleReport.Plan {
    /// The plan as people are told of it; nil if there is nothing to do.
    package init?(_ plan: RolloutPlan, _ context: FlowContext) {
        guard !plan.items.isEmpty else { return nil }
        self.init(
            hash: plan.hash,
            items: plan.items.map { item in
                Item(
                    node: item.node ?? context.desired.name, summary: item.summary,
                    isApproved: context.isApproved(item.digest))
            })
    }
}
