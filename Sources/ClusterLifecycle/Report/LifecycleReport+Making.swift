// SPDX-License-Identifier: Apache-2.0

extension LifecycleReport {
    /// Tells of a cluster after a decision about it.
    ///
    /// The record of `decision` is the present one, with what became of the actions.
    package static func make(_ context: FlowContext, _ decision: LifecycleDecision) -> LifecycleReport {
        let context = context.with(decision.record)
        let plan = context.desired.isBeingDeleted ? nil : Plan(RolloutPlan(context), context)
        let health = HealthChecks.verdict(context)
        let nodes = context.desired.nodes.map { node(of: $0, context) }
        var report = LifecycleReport(
            state: .running, message: "", since: nil, halt: decision.record.halt,
            steps: steps(decision.record), waits: decision.waits, nodes: nodes, plan: plan, health: health,
            etcd: etcd(context), talos: Versions(nodes.compactMap(\.talos)),
            kubernetes: Versions(nodes.compactMap(\.kubernetes)))
        report.state = LifecycleReport.state(context, report)
        report.since = LifecycleReport.since(report.state, context.record)
        report.message = LifecycleReport.message(context, report)
        return report
    }

    private static func steps(_ record: LifecycleRecord) -> [Step] {
        record.operations.sorted { $0.key < $1.key }.map { node, operation in
            Step(
                node: node, operation: operation.kind.name, step: operation.step, since: operation.since,
                message: operation.lastError)
        }
    }

    private static func etcd(_ context: FlowContext) -> Etcd? {
        let seen = context.observed.etcd
        guard let view = seen.views.min(by: { $0.key < $1.key })?.value else { return nil }
        let leaders = Set(seen.statuses.values.map(\.leader)).subtracting([0])
        let leader = leaders.count == 1 ? leaders.first : nil
        let alarms = (seen.alarms ?? [:]).sorted { $0.key < $1.key }.flatMap { member, names in
            names.filter { $0 != "NONE" }.sorted().map { "\($0) on \(String(member, radix: 16))" }
        }
        return Etcd(
            voters: view.count { !$0.isLearner }, learners: view.count { $0.isLearner },
            leader: leader.flatMap { id in
                seen.statuses.sorted { $0.key < $1.key }.first { $0.value.memberID == id }?.key
            },
            alarms: alarms)
    }
}

extension LifecycleReport.Versions {
    fileprivate init?(_ releases: [Release]) {
        guard let lowest = releases.min(), let highest = releases.max() else { return nil }
        self.init(lowest: lowest, highest: highest)
    }
}

extension LifecycleReport {
    private static func node(of desired: DesiredNode, _ context: FlowContext) -> Node {
        let seen = context.observation(of: desired.name)
        let kubernetes = context.observed.kubernetes.nodes[desired.name]
        return Node(
            name: desired.name, role: desired.role,
            address: seen.address ?? context.record.nodes[desired.name]?.address,
            stage: stage(of: seen, desired), isReady: seen.isWell && kubernetes?.isReady != false,
            problem: problem(of: seen, kubernetes), talos: seen.talos,
            schematic: seen.schematic.flatMap { $0.isEmpty ? nil : $0 },
            kubernetes: kubernetes?.kubeletVersion ?? seen.components[.kubelet]?.version,
            config: config(of: seen, desired, context.record.nodes[desired.name]),
            configProblem: seen.isConfigured ? seen.configProblem : nil,
            member: member(of: desired.name, context), step: context.record.operations[desired.name]?.step,
            isLeaving: desired.isSurplus || desired.isMachineLeaving)
    }

    private static func stage(of seen: NodeObservation, _ desired: DesiredNode) -> String {
        switch seen.contact {
        case .noAddress: desired.hasMachine ? "no address" : "no machine"
        case .unreachable: "unreachable"
        case .refused: "refused"
        case .maintenance: NodeObservation.Stage.maintenance.rawValue
        case .configured: seen.stage.rawValue
        }
    }

    /// Why a node does not answer is not told: it may be worded otherwise at every try.
    private static func problem(of seen: NodeObservation, _ kubernetes: KubernetesNode?) -> String? {
        switch seen.contact {
        case .noAddress, .maintenance: nil
        case .unreachable: "it does not answer"
        case .refused(let words): words
        case .configured:
            if let unmet = seen.unmet.min() {
                unmet
            } else if kubernetes?.isReady == false {
                "Kubernetes does not find it ready"
            } else {
                nil
            }
        }
    }

    private static func config(
        of seen: NodeObservation, _ desired: DesiredNode, _ record: NodeRecord?
    ) -> Config {
        switch seen.config {
        case .unknown: .unknown
        case .matches: .inSync
        case .staged: .staged
        case .differs(let change):
            if change.refusal != nil, !change.isTooNew {
                .refused
            } else if let applied = record?.appliedDigest, applied == desired.configDigest {
                .drifted
            } else {
                change.needsReboot == true ? .pendingReboot : .pending
            }
        }
    }

    private static func member(of node: String, _ context: FlowContext) -> Member? {
        guard let id = context.memberID(of: node) else { return nil }
        let status = context.observed.etcd.statuses[node]
        let listed = context.observed.etcd.views.sorted { $0.key < $1.key }.lazy
            .compactMap { $0.value.first { $0.id == id } }.first
        return Member(
            id: id, isLeader: status?.leader == id, isLearner: listed?.isLearner ?? status?.isLearner ?? false
        )
    }
}
