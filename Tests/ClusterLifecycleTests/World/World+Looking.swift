// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

extension World {
    /// What an operator sees that looks now; `calls` are its own long calls.
    func observation(_ calls: [String: LongCall], _ specification: Specification) -> ClusterObservation {
        var seen = ClusterObservation(at: clock)
        for desired in management.desired(specification).nodes {
            seen.nodes[desired.name] = look(at: desired, calls[desired.name], specification)
        }
        seen.etcd = etcdObservation
        seen.kubernetes = kubernetesObservation
        return seen
    }

    private func look(
        at desired: DesiredNode, _ call: LongCall?, _ specification: Specification
    ) -> NodeObservation {
        guard desired.hasMachine, let node = node(desired.name) else {
            return NodeObservation(contact: .noAddress)
        }
        if now < node.strangerUntil {
            return NodeObservation(contact: .refused("unknown authority"), address: address(node))
        }
        guard node.answers(at: now) else {
            return NodeObservation(contact: .unreachable("connection timed out"), address: address(node))
        }
        if node.activity == .maintenance {
            var seen = NodeObservation(
                contact: .maintenance(fingerprint: node.fingerprint), address: address(node))
            seen.stage = .maintenance
            seen.talos = node.running.talos
            return seen
        }
        // A worker's certificate is made by a control-plane node.
        guard
            node.role == .controlPlane
                || nodes.contains(where: { $0.role == .controlPlane && $0.activity == .up })
                || node.upSince + 60 < now
        else { return NodeObservation(contact: .unreachable("connection refused"), address: address(node)) }
        return lookInside(node, call, specification)
    }

    private func address(_ node: SimulatedNode) -> String { "\(node.name).example:50000" }

    private func lookInside(
        _ node: SimulatedNode, _ call: LongCall?, _ specification: Specification
    ) -> NodeObservation {
        var seen = NodeObservation(contact: .configured, address: address(node))
        seen.bootID = "\(node.name)-\(node.incarnation)-\(node.bootID)"
        seen.talos = node.running.talos
        seen.schematic = node.running.schematic
        seen.longCall = call
        seen.config = configState(node, specification)
        seen.kubeletService = ServiceState(
            state: "Running",
            isHealthy: node.busyComponents[.kubelet] == nil && node.components[.kubelet] != nil)
        if node.role == .controlPlane { addEtcd(node, &seen) }
        switch node.activity {
        case .upgrading: seen.stage = .upgrading
        case .resetting: seen.stage = .resetting
        default:
            // A node that has left etcd has started all the same, and is not well.
            let hasStarted =
                now >= node.upSince + World.etcdStart
                && (node.hasLeftEtcd || seen.etcdService?.isWell ?? true)
            seen.stage = hasStarted ? .running : .booting
        }
        if seen.stage != .running {
            seen.unmet = ["services: not all of them run"]
        } else if node.hasLeftEtcd {
            seen.unmet = ["services: etcd is not healthy"]
        } else if kubernetes.nodes[node.name]?.isReady != true {
            seen.unmet = ["nodeReady: the node is not ready"]
        } else if !node.busyComponents.isEmpty {
            seen.unmet = ["staticPods: not ready"]
        }
        seen.isReady = seen.unmet.isEmpty
        for component in KubernetesComponent.allCases {
            guard let wanted = node.config?.images[component] else { continue }
            seen.images[component] = "registry.example/\(component.rawValue):\(wanted)"
            let version = component == .proxy ? kubernetes.proxy : node.components[component]
            seen.components[component] = ComponentState(
                version: version, isReady: node.busyComponents[component] == nil, isCurrent: version == wanted
            )
        }
        return seen
    }

    private func addEtcd(_ node: SimulatedNode, _ seen: inout NodeObservation) {
        // A node that has just started looks as if it had no data, whether it has or not.
        guard let data = node.etcd, now >= node.upSince + World.etcdStart else {
            seen.etcdService = ServiceState(
                state: node.hasLeftEtcd ? "Finished" : "Preparing", isHealthy: nil)
            return
        }
        seen.memberID = data.member
        let isWell = isUp(data.member, in: data.cluster) && hasQuorum(data.cluster)
        seen.etcdService = ServiceState(state: "Running", isHealthy: isWell)
    }

    private func configState(_ node: SimulatedNode, _ specification: Specification) -> ConfigState {
        let desired = specification.config(node.role)
        guard let live = node.config else { return .unknown }
        if let staged = node.staged, staged.matches(desired) { return .staged }
        guard !live.matches(desired) else { return .matches }
        return .differs(
            ConfigChange(
                hash:
                    "\(live.live)>\(desired.live) \(live.rebooting)>\(desired.rebooting) \(desired.installer.text)",
                summary: "changes", needsReboot: live.rebooting != desired.rebooting,
                configDigest: desired.digest, refusal: desired.isInvalid ? "it is not valid" : nil))
    }

    private var etcdObservation: EtcdObservation {
        var seen = EtcdObservation()
        for node in nodes where node.role == .controlPlane && node.answers(at: now) {
            guard let data = node.etcd, isUp(data.member, in: data.cluster) else { continue }
            let etcd = etcds[data.cluster]
            let isAlive = hasQuorum(data.cluster)
            seen.statuses[node.name] = EtcdObservation.Status(
                memberID: data.member, leader: isAlive ? etcd.leader ?? 0 : 0, raftIndex: etcd.raftIndex,
                raftAppliedIndex: etcd.raftIndex, isLearner: etcd.members[data.member]?.isLearner ?? false,
                errors: isAlive ? [] : ["etcdserver: no leader"])
            guard isAlive else { continue }
            seen.views[node.name] = etcd.members.sorted { $0.key < $1.key }.map { id, member in
                // A member that never started has no name.
                let isStarted =
                    self.node(member.node)?.etcd?.member == id
                    && (!member.isLearner || now >= member.since + 10)
                return EtcdObservation.Member(
                    id: id, hostname: isStarted || !member.isLearner ? member.node : "",
                    isLearner: member.isLearner, peerURLs: ["https://\(member.node).example:2380"])
            }
            seen.alarms = etcd.alarms
        }
        return seen
    }

    private var kubernetesObservation: KubernetesObservation {
        var seen = KubernetesObservation()
        guard isKubernetesReachable else {
            seen.problem = "connection refused"
            return seen
        }
        seen.problem = nil
        for (name, node) in kubernetes.nodes {
            let pods = evictable(on: name)
            var object = KubernetesNode(
                isReady: node.isReady, isUnschedulable: node.isUnschedulable,
                isCordonedByUs: node.isCordonedByUs,
                kubeletVersion: node.kubelet, evictablePods: pods.count)
            let blocked = Set(pods.map { kubernetes.pods[$0] }.filter { !mayEvict($0) }.map(\.app)).sorted()
            object.blockers = blocked.map { "the disruption budget of \($0) allows none" }
            object.internalIP = "\(name).example"
            seen.nodes[name] = object
        }
        for component in KubernetesComponent.allCases where component != .kubelet && component != .proxy {
            seen.lowestVersions[component] = nodes.filter { $0.isServing(at: now) }.compactMap {
                $0.components[component]
            }.min()
        }
        seen.lowestVersions[.proxy] = kubernetes.proxy
        return seen
    }
}
