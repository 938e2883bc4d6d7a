// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

extension World {
    /// Does what a request asks for, or refuses as the real thing does.
    ///
    /// A drain is a single eviction here, and a long call is its end: what goes on in between is the operator's.
    mutating func perform(_ action: LifecycleAction, asOf specification: Specification) -> ActionResult {
        switch action.kind {
        case .cordon, .uncordon, .drain, .deleteNode, .syncManifests: return performOnKubernetes(action)
        case .deleteMachine: return deleteMachine(action.node) ? .done : .alreadyDone
        default: break
        }
        guard let index = index(of: action.node), nodes[index].answers(at: now) else {
            return .notNow("connection refused")
        }
        if case .apply(.install(let fingerprint)) = action.kind {
            return install(index, fingerprint, specification)
        }
        guard nodes[index].activity != .maintenance else { return .notNow("the node is in maintenance mode") }
        guard nodes[index].activity == .up else { return .notNow("the node is busy") }
        switch action.kind {
        case .apply(let mode): return apply(index, mode, specification)
        case .setImage(let component, let release): return setImage(index, component, release)
        case .bootstrap: return bootstrap(index)
        case .pull(let image, _): return pull(index, image)
        case .upgrade(let image, let call): return upgrade(index, image, call)
        case .reboot:
            nodes[index].reboot(at: now, taking: random.number(20...90))
            return .done
        case .reset(let call): return reset(index, call)
        case .forfeitLeadership: return forfeit(index)
        case .leaveEtcd: return leaveEtcd(index) ? .done : .notNow("etcdserver: no leader")
        case .removeMember(let id): return removeMember(id, through: index)
        case .snapshot:
            return nodes[index].etcd.map { isUp($0.member, in: $0.cluster) } ?? false
                ? .done : .notNow("etcd does not run")
        case .cordon, .uncordon, .drain, .deleteNode, .deleteMachine, .syncManifests: return .done
        }
    }

    // MARK: Configuration

    private mutating func install(
        _ index: Int, _ fingerprint: String, _ specification: Specification
    ) -> ActionResult {
        guard nodes[index].activity == .maintenance else { return .notNow("not in maintenance mode") }
        guard nodes[index].fingerprint == fingerprint else { return .refused("another key is shown") }
        var config = specification.config(nodes[index].role)
        guard !config.isInvalid else { return .refused("the configuration is not valid") }
        // As it is done where configurations are sent.
        let release = observation([:], specification).kubernetesForNewNode(specification.kubernetes)
        config.images = config.images.mapValues { _ in release }
        nodes[index].config = config
        if nodes[index].installed == nil {
            nodes[index].activity = .installing(until: now + random.number(30...120))
        } else {
            nodes[index].reboot(at: now, taking: random.number(5...20))
        }
        return .done
    }

    private mutating func apply(
        _ index: Int, _ mode: LifecycleAction.ApplyMode, _ specification: Specification
    ) -> ActionResult {
        var config = specification.config(nodes[index].role)
        guard let live = nodes[index].config else { return .notNow("there is no configuration yet") }
        config.images = live.images
        guard !config.isInvalid else { return .refused("the configuration is not valid") }
        switch mode {
        case .install: return .refused("not in maintenance mode")
        case .staged:
            nodes[index].staged = config
        case .noReboot, .try:
            guard config.rebooting == live.rebooting else { return .refused("a reboot is needed") }
            nodes[index].trial = mode == .try ? (live, now + 60) : nil
            nodes[index].config = config
            nodes[index].staged = nil
        }
        return .done
    }

    private mutating func setImage(
        _ index: Int, _ component: KubernetesComponent, _ release: Release
    ) -> ActionResult {
        guard nodes[index].config?.images[component] != nil else { return .refused("it runs none") }
        nodes[index].config?.images[component] = release
        nodes[index].staged?.images[component] = release
        if component != .proxy { nodes[index].busyComponents[component] = now + random.number(10...40) }
        return .done
    }

    // MARK: Life of a node

    private mutating func pull(_ index: Int, _ image: String) -> ActionResult {
        nodes[index].pulled.insert(image)
        return .done
    }

    private mutating func upgrade(
        _ index: Int, _ text: String, _ call: LifecycleAction.UpgradeCall
    ) -> ActionResult {
        guard let image = InstallerImage(text) else { return .refused("no image") }
        let line = nodes[index].running.talos
        let isNear = abs(image.talos.minor - nodes[index].running.talos.minor) <= 3
        switch call {
        case .lifecycle:
            guard line.minor >= 13 else { return .refused("unimplemented") }
            guard nodes[index].pulled.contains(text) else { return .refused("the image is not there") }
            guard isNear, nodes[index].failingUpgrades == 0 else {
                nodes[index].failingUpgrades = max(0, nodes[index].failingUpgrades - 1)
                return .refused("the installer ended with exit code 1")
            }
            nodes[index].next = image
        case .legacy(let preserve, let stage, _):
            guard isNear else { return .refused("the path is not supported") }
            if nodes[index].role == .controlPlane, line.minor < 12 || !preserve,
                let refusal = upgradeRefusal(index)
            {
                return .notNow(refusal)
            }
            if line.minor <= 7, !preserve, nodes[index].role == .controlPlane {
                guard leaveEtcd(index) else { return .notNow("etcd cannot be left") }
                nodes[index].hasLeftEtcd = false
            }
            if stage {
                nodes[index].next = image
                nodes[index].reboot(at: now, taking: random.number(60...120))
            } else {
                nodes[index].activity = .upgrading(until: now + random.number(30...120), image)
            }
        }
        return .done
    }

    /// What a control-plane node finds wrong with etcd before it upgrades itself.
    private func upgradeRefusal(_ index: Int) -> String? {
        guard let data = nodes[index].etcd, hasQuorum(data.cluster) else { return "etcd is not healthy" }
        let members = etcds[data.cluster].members
        if members.count == 2 { return "etcd has two members" }
        return members.values.contains(where: \.isLearner) ? "a member of etcd has not started" : nil
    }

    private mutating func reset(_ index: Int, _ call: LifecycleAction.ResetCall) -> ActionResult {
        if call.isGraceful, nodes[index].role == .controlPlane {
            guard let data = nodes[index].etcd, etcds[data.cluster].members.count > 1, leaveEtcd(index) else {
                return .refused("the last member of etcd cannot leave it")
            }
        }
        nodes[index].activity = .resetting(until: now + random.number(20...90), call)
        return .done
    }

    // MARK: etcd

    private mutating func bootstrap(_ index: Int) -> ActionResult {
        guard nodes[index].role == .controlPlane else { return .refused("not a control-plane node") }
        guard now >= nodes[index].upSince + Self.etcdStart else {
            return .notNow("bootstrap is not available yet")
        }
        guard nodes[index].etcd == nil else { return .alreadyDone }
        let id = newMember()
        etcds.append(
            SimulatedEtcd(
                members: [id: SimulatedEtcd.Member(node: nodes[index].name, isLearner: false, since: now)],
                leader: id))
        nodes[index].etcd = SimulatedNode.EtcdData(cluster: etcds.count - 1, member: id)
        nodes[index].hasLeftEtcd = false
        bootstraps += 1
        return .done
    }

    private mutating func forfeit(_ index: Int) -> ActionResult {
        guard let data = nodes[index].etcd, hasQuorum(data.cluster) else { return .notNow("no leader") }
        if etcds[data.cluster].leader == data.member {
            let others = etcds[data.cluster].voters.filter { $0 != data.member && isUp($0, in: data.cluster) }
            guard let next = others.first else { return .notNow("nobody else can lead") }
            etcds[data.cluster].leader = next
        }
        return .done
    }

    private mutating func leaveEtcd(_ index: Int) -> Bool {
        guard let data = nodes[index].etcd else { return true }
        guard etcds[data.cluster].members.count > 1, removeMember(data.member, from: data.cluster) else {
            return false
        }
        nodes[index].etcd = nil
        nodes[index].hasLeftEtcd = true
        return true
    }

    private mutating func removeMember(_ id: UInt64, through index: Int) -> ActionResult {
        guard let data = nodes[index].etcd, isUp(data.member, in: data.cluster), hasQuorum(data.cluster)
        else {
            return .notNow("etcdserver: no leader")
        }
        guard etcds[data.cluster].members[id] != nil else { return .alreadyDone }
        return removeMember(id, from: data.cluster) ? .done : .notNow("etcdserver: unhealthy cluster")
    }

    // MARK: Kubernetes

    private mutating func performOnKubernetes(_ action: LifecycleAction) -> ActionResult {
        guard isKubernetesReachable else { return .notNow("connection refused") }
        if action.kind == .syncManifests {
            kubernetes.proxy = node(action.node)?.config?.images[.proxy] ?? kubernetes.proxy
            return .done
        }
        guard kubernetes.nodes[action.node] != nil else {
            return action.kind == .deleteNode ? .alreadyDone : .notNow("there is no such node")
        }
        switch action.kind {
        case .cordon:
            if kubernetes.nodes[action.node]?.isUnschedulable == false {
                kubernetes.nodes[action.node]?.isUnschedulable = true
                kubernetes.nodes[action.node]?.isCordonedByUs = true
            }
        case .uncordon:
            kubernetes.nodes[action.node]?.isUnschedulable = false
            kubernetes.nodes[action.node]?.isCordonedByUs = false
        case .deleteNode:
            kubernetes.nodes[action.node] = nil
            cordonedByUser.remove(action.node)
            deletedNodes.insert(action.node)
        case .drain(let force): return evictOne(from: action.node, force)
        default: break
        }
        return .done
    }

    /// Asks for one eviction, as one request of a drain does.
    private mutating func evictOne(from node: String, _ force: Bool) -> ActionResult {
        let pods = evictable(on: node)
        guard !pods.isEmpty else { return .done }
        let left = "\(pods.count) pods are left"
        guard
            let pod = pods.first(where: {
                kubernetes.pods[$0].goneAt == nil && (force || mayEvict(kubernetes.pods[$0]))
            })
        else { return .partly(left) }
        kubernetes.pods[pod].goneAt = now + random.number(1...15)
        return .partly(left)
    }
}
