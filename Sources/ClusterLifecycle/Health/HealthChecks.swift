// SPDX-License-Identifier: Apache-2.0

/// The checks that `talosctl health` makes, in its order, over one look at a cluster.
///
/// Nodes that are to go are left out. What could not be seen is unknown, and unknown is not healthy. Sizes of memory
/// and disks are not looked at: these are the provider's business.
package struct HealthChecks {
    private let context: FlowContext
    /// The nodes that are to stay.
    private let nodes: [DesiredNode]
    private let controlPlane: [DesiredNode]

    private init(_ context: FlowContext) {
        self.context = context
        nodes = context.desired.nodes.filter { !$0.isSurplus && !$0.isMachineLeaving }
        controlPlane = nodes.filter { $0.role == .controlPlane }
    }

    /// Makes all checks.
    package static func verdict(_ context: FlowContext) -> HealthVerdict {
        let checks = HealthChecks(context)
        return HealthVerdict(checks: HealthCheck.Name.allCases.map(checks.check))
    }

    private func check(_ name: HealthCheck.Name) -> HealthCheck {
        let findings =
            switch name {
            case .etcdService: etcdService
            case .etcdMembers: etcdMembers
            case .etcdAlarms: etcdAlarms
            case .nodesAnswer: nodesAnswer
            case .kubelets: kubelets
            case .nodesBooted: nodesBooted
            case .kubernetesAPI: kubernetesAPI
            case .nodesRegistered: kubernetesNodes { $0 == nil ? "unknown to Kubernetes" : nil }
            case .controlPlane: components
            case .nodesReady: kubernetesNodes { $0?.isReady == false ? "not ready" : nil }
            case .addons: addons
            case .nodesSchedulable: kubernetesNodes { $0?.isUnschedulable == true ? "cordoned" : nil }
            }
        return findings.check(name)
    }

    private var etcdService: Findings {
        if context.record.bootstrap == nil && context.observed.etcd.statuses.isEmpty {
            return Findings(failed: "etcd was not bootstrapped yet")
        }
        return service("etcd", of: controlPlane) { $0.etcdService }
    }

    /// Every control-plane node gives the same list, and its members are those of the control-plane nodes.
    private var etcdMembers: Findings {
        var findings = Findings()
        let views = context.observed.etcd.views
        let lists = Set(views.values.map { Set($0.map(Key.init)) })
        guard let members = lists.first else { return Findings(unknown: "nobody lists the members of etcd") }
        if lists.count > 1 {
            return Findings(failed: "\(views.keys.sorted().listed) list different members of etcd")
        }
        for node in controlPlane {
            guard let id = context.memberID(of: node.name) else {
                findings.unknown(node.name, "member of etcd not seen")
                continue
            }
            if !members.contains(where: { $0.id == id }) {
                findings.fail(node.name, "its etcd is no member of the cluster's")
            }
        }
        let leaving = context.record.operations.values.compactMap(\.memberID)
        let known = Set(context.nodes(.controlPlane).compactMap { context.memberID(of: $0.name) } + leaving)
        for member in members.sorted(by: { $0.id < $1.id }) where !known.contains(member.id) {
            findings.fail(String(member.id, radix: 16), "a member without a control-plane node")
        }
        for member in members.sorted(by: { $0.id < $1.id }) where member.isLearner {
            findings.fail(String(member.id, radix: 16), "not a voter yet")
        }
        return findings
    }

    private struct Key: Hashable {
        var id: UInt64
        var isLearner: Bool

        init(_ member: EtcdObservation.Member) {
            (id, isLearner) = (member.id, member.isLearner)
        }
    }

    private var etcdAlarms: Findings {
        guard let alarms = context.observed.etcd.alarms else {
            return Findings(unknown: "etcd's alarms could not be asked for")
        }
        var findings = Findings()
        for (member, names) in alarms.sorted(by: { $0.key < $1.key }) {
            let raised = names.filter { $0 != "NONE" }.sorted()
            if !raised.isEmpty {
                findings.fail("member \(String(member, radix: 16))", "raised \(raised.listed)")
            }
        }
        for (node, status) in context.observed.etcd.statuses.sorted(by: { $0.key < $1.key }) {
            if status.leader == 0 { findings.fail(node, "no leader of etcd") }
            if let error = status.errors.sorted().first { findings.fail(node, "etcd says \(error)") }
        }
        return findings
    }

    private var nodesAnswer: Findings {
        each(nodes) { node, seen in
            switch seen.contact {
            case .configured: nil
            case .noAddress: .unknown("no address")
            case .unreachable: .failed("no answer")
            case .refused: .failed("refused, by its certificate or ours")
            case .maintenance: .failed("no configuration")
            }
        }
    }

    private var kubelets: Findings { service("kubelet", of: nodes) { $0.kubeletService } }

    private var nodesBooted: Findings {
        each(nodes) { node, seen in
            guard seen.isConfigured else { return .unknown("not seen") }
            return seen.stage == .running ? nil : .failed("\(seen.stage.rawValue)")
        }
    }

    private var kubernetesAPI: Findings {
        context.observed.kubernetes.isReachable
            ? Findings() : Findings(failed: "the Kubernetes API does not answer")
    }

    private var components: Findings {
        let names: [KubernetesComponent] = [.apiServer, .controllerManager, .scheduler]
        return each(controlPlane) { node, seen in
            let states = names.map { seen.components[$0] }
            let bad = zip(names, states).filter { $1.map { !$0.isReady } ?? false }.map(\.0.rawValue)
            if !bad.isEmpty { return .failed("\(bad.listed) not ready") }
            return states.contains { $0 == nil } ? .unknown("control plane not seen") : nil
        }
    }

    private var addons: Findings {
        guard context.observed.kubernetes.isReachable else {
            return Findings(unknown: "the Kubernetes API does not answer")
        }
        return context.observed.kubernetes.addonsProblem.map { Findings(failed: $0) } ?? Findings()
    }

    private func kubernetesNodes(_ problem: (KubernetesNode?) -> String?) -> Findings {
        guard context.observed.kubernetes.isReachable else {
            return Findings(unknown: "the Kubernetes API does not answer")
        }
        return each(nodes) { node, _ in
            problem(context.observed.kubernetes.nodes[node.name]).map { .failed($0) }
        }
    }

    private func service(
        _ name: String, of nodes: [DesiredNode], _ state: (NodeObservation) -> ServiceState?
    ) -> Findings {
        each(nodes) { _, seen in
            guard let service = state(seen) else { return .unknown("\(name) not seen") }
            if service.isWell { return nil }
            return .failed(service.state == "Running" ? "\(name) not healthy" : "\(name) not running")
        }
    }

    private func each(
        _ nodes: [DesiredNode], _ finding: (DesiredNode, NodeObservation) -> Finding?
    ) -> Findings {
        var findings = Findings()
        for node in nodes {
            switch finding(node, context.observation(of: node.name)) {
            case .failed(let problem): findings.fail(node.name, problem)
            case .unknown(let problem): findings.unknown(node.name, problem)
            case nil: break
            }
        }
        return findings
    }
}

/// What is wrong with one node.
private enum Finding {
    case failed(String)
    case unknown(String)
}

/// What a check found: who has which problem, in the order of discovery.
private struct Findings {
    private var failed: [(problem: String, subjects: [String])] = []
    private var unknown: [(problem: String, subjects: [String])] = []

    init() {}

    init(failed problem: String) { failed = [(problem, [])] }

    init(unknown problem: String) { unknown = [(problem, [])] }

    mutating func fail(_ subject: String, _ problem: String) { Self.add(subject, problem, to: &failed) }

    mutating func unknown(_ subject: String, _ problem: String) { Self.add(subject, problem, to: &unknown) }

    private static func add(
        _ subject: String, _ problem: String, to list: inout [(problem: String, subjects: [String])]
    ) {
        if let index = list.firstIndex(where: { $0.problem == problem }) {
            list[index].subjects.append(subject)
        } else {
            list.append((problem, [subject]))
        }
    }

    func check(_ name: HealthCheck.Name) -> HealthCheck {
        let found = failed + unknown
        if found.isEmpty { return HealthCheck(name, .passed, "in order") }
        let message = found.prefix(3).map { problem, subjects in
            subjects.isEmpty ? problem : "\(problem): \(subjects.listed)"
        }
        return HealthCheck(name, failed.isEmpty ? .unknown : .failed, message.joined(separator: "; "))
    }
}

extension [String] {
    /// At most five of the names, then how many more there are.
    var listed: String {
        let names = prefix(5).joined(separator: ", ")
        return count > 5 ? "\(names) and \(count - 5) more" : names
    }
}

extension FlowContext {
    /// The node's own member of etcd as it tells it now; nil if it does not.
    func memberID(of node: String) -> UInt64? {
        observed.etcd.statuses[node]?.memberID ?? observation(of: node).memberID
    }
}
