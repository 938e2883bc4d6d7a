// SPDX-License-Identifier: Apache-2.0
import Platform

extension LifecycleReport {
    /// The one word; what needs a person's attention comes first, then what is under way, then what is waited for.
    static func state(_ context: FlowContext, _ report: LifecycleReport) -> State {
        if report.halt != nil { return .halted }
        if context.desired.isBeingDeleted { return .tearingDown }
        return underWay(context.record) ?? (context.desired.isPaused ? .paused : nil)
            ?? beginning(context) ?? pending(context, report)
            ?? (report.health.isHealthy ? .running : .degraded)
    }

    private static func underWay(_ record: LifecycleRecord) -> State? {
        let kinds = record.operations.values.map { State(ofOperation: $0.kind) }
        if record.bootstrap?.isConfirmed == false { return .bootstrapping }
        let order: [State] = [
            .tearingDown, .upgradingTalos, .upgradingKubernetes, .configuring, .scalingDown, .replacing,
            .installing,
        ]
        return order.first { kinds.contains($0) }
    }

    /// What a cluster is that has never run.
    private static func beginning(_ context: FlowContext) -> State? {
        let nodes = context.desired.nodes
        guard context.record.bootstrap == nil else {
            return nodes.contains { !$0.hasMachine && !$0.isSurplus } ? .waitingForMachines : nil
        }
        if nodes.isEmpty { return .notStarted }
        let isSeen = nodes.contains { node in
            switch context.observation(of: node.name).contact {
            case .configured, .maintenance: true
            case .noAddress, .refused, .unreachable: false
            }
        }
        return isSeen ? .installing : .waitingForMachines
    }

    private static func pending(_ context: FlowContext, _ report: LifecycleReport) -> State? {
        if context.desired.nodes.contains(where: { $0.isSurplus }) { return .scalingDown }
        guard let plan = report.plan else { return nil }
        if !plan.isApproved { return .waitingForApproval }
        if !context.desired.policy.windows.isOpen(at: context.now) { return .waitingForWindow }
        if context.record.talosTarget != nil { return .upgradingTalos }
        return context.record.kubernetesTarget == nil ? nil : .upgradingKubernetes
    }

    /// Since when the state holds, where something remembers it.
    static func since(_ state: State, _ record: LifecycleRecord) -> Timestamp? {
        switch state {
        case .halted: record.halt?.since
        case .tearingDown: record.teardownSince
        case .bootstrapping: record.bootstrap?.since
        default:
            record.operations.values.filter { State(ofOperation: $0.kind) == state }.map(\.started).min()
        }
    }

    static func message(_ context: FlowContext, _ report: LifecycleReport) -> String {
        switch report.state {
        case .halted:
            report.halt.map { "\($0.reason.rawValue): \($0.message)" } ?? ""
        case .running:
            running(report)
        case .degraded:
            report.health.firstProblem.map { "\($0.name.rawValue): \($0.message)" } ?? ""
        case .paused:
            "nothing is begun while the cluster is paused"
        case .waitingForWindow:
            context.desired.policy.windows.nextOpening(after: context.now).map {
                "\(report.plan?.items.count ?? 0) changes wait until \($0.rfc3339())"
            } ?? report.state.phrase
        case .waitingForApproval:
            "\(report.plan?.items.count ?? 0) changes wait for the approval of plan \(report.plan?.hash ?? "")"
        default:
            progress(report) ?? report.waits.first?.sentence ?? report.state.phrase
        }
    }

    private static func running(_ report: LifecycleReport) -> String {
        let nodes = report.nodes.count == 1 ? "one node" : "\(report.nodes.count) nodes"
        let talos = report.talos.map { " with Talos \($0)" } ?? ""
        let kubernetes = report.kubernetes.map { " and Kubernetes \($0)" } ?? ""
        return "\(nodes)\(talos)\(kubernetes)"
    }

    private static func progress(_ report: LifecycleReport) -> String? {
        if report.steps.isEmpty { return nil }
        let steps = report.steps.prefix(3).map { "\($0.node) \($0.step.rawValue)" }
        let more = report.steps.count > 3 ? " and \(report.steps.count - 3) more" : ""
        return "\(report.state.phrase): \(steps.joined(separator: ", "))\(more)"
    }
}

extension LifecycleReport.State {
    fileprivate init(ofOperation kind: NodeOperation.Kind) {
        self =
            switch kind {
            case .install: .installing
            case .configure: .configuring
            case .upgrade: .upgradingTalos
            case .component: .upgradingKubernetes
            case .remove: .scalingDown
            case .replace: .replacing
            case .teardown: .tearingDown
            }
    }

    /// What people say for it.
    fileprivate var phrase: String {
        switch self {
        case .notStarted: "nothing has been asked for"
        case .waitingForMachines: "waits for machines"
        case .installing: "installs"
        case .bootstrapping: "bootstraps etcd"
        case .running: "runs"
        case .degraded: "is not healthy"
        case .configuring: "changes the configuration"
        case .upgradingTalos: "upgrades Talos"
        case .upgradingKubernetes: "upgrades Kubernetes"
        case .scalingDown: "removes nodes"
        case .replacing: "replaces a control-plane node"
        case .tearingDown: "takes the cluster down"
        case .halted: "is halted"
        case .paused: "is paused"
        case .waitingForApproval: "waits for approval"
        case .waitingForWindow: "waits for a maintenance window"
        }
    }
}

extension LifecycleReport.Versions: CustomStringConvertible {
    /// One release, or both ends as in `v1.11.5 to v1.12.0`.
    package var description: String { lowest == highest ? "\(lowest)" : "\(lowest) to \(highest)" }
}
