// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
package import Kubernetes
package import Platform
package import TalosAPI

/// Looks at clusters: at all nodes of one side by side, each within its time, and at its Kubernetes.
///
/// A cluster with which nothing is done costs one request to each node. What it remembers only saves requests: a quick
/// look never leads to an action (see `LifecycleEngine.pass`).
package final class ClusterObserver: ClusterLooking {
    private let connector: any TalosConnector
    private let kubernetes: KubernetesLook
    private let longCalls: LongCalls
    private let clock: any Clock
    private let limits: LookLimits
    private let memories = Locked<[ObjectKey: LookMemory]>([:])

    package init(
        connector: any TalosConnector, workloads: WorkloadClusters, longCalls: LongCalls, clock: any Clock,
        limits: LookLimits = LookLimits()
    ) {
        self.connector = connector
        self.longCalls = longCalls
        self.clock = clock
        self.limits = limits
        kubernetes = KubernetesLook(workloads: workloads)
    }

    package func look(
        at cluster: ManagedCluster, _ record: LifecycleRecord, _ depth: LookDepth
    ) async -> ClusterLook {
        let memory = memories.withLock { $0[cluster.key] } ?? LookMemory()
        let visit: Visit
        do throws(TalosError) {
            visit = try Visit(cluster, record, connector, limits, clock)
        } catch {
            return ClusterLook(unreachable(cluster, "\(error)".bounded), .close)
        }
        let contacts = await visit.contacts()
        if depth == .quick, let known = memory.closeLook, !longCalls.hasAny(of: cluster.key),
            memory.isGoodEnough(for: cluster, record, contacts, at: clock.now, limits),
            await visit.showsNothingNew(contacts, since: known.observation, if: memory.isExpectant(record))
        {
            return ClusterLook(refreshed(known.observation, contacts), .quick)
        }
        let observation = await closeLook(at: cluster, record, visit, contacts, memory)
        return ClusterLook(
            observation, .close, snapshot: longCalls.snapshot(of: cluster.key))
    }

    package func settle(_ observation: ClusterObservation, of key: ObjectKey) {
        longCalls.settle(observation, of: key)
    }

    package func forget(_ key: ObjectKey) {
        memories.withLock { $0[key] = nil }
        longCalls.forget(key)
        kubernetes.workloads.forget(key)
    }

    private func unreachable(_ cluster: ManagedCluster, _ reason: String) -> ClusterObservation {
        let node = NodeObservation(contact: .unreachable(reason))
        let nodes = cluster.desired.nodes.map { ($0.name, node) }
        return ClusterObservation(at: clock.timestamp, nodes: Dictionary(nodes) { first, _ in first })
    }

    /// What is remembered, with what the nodes have just said themselves.
    private func refreshed(
        _ known: ClusterObservation, _ contacts: [String: NodeObservation]
    ) -> ClusterObservation {
        var observation = known
        observation.at = clock.timestamp
        for (name, contact) in contacts { observation.nodes[name]?.contact = contact.contact }
        return observation
    }

    private func closeLook(
        at cluster: ManagedCluster, _ record: LifecycleRecord, _ visit: Visit,
        _ contacts: [String: NodeObservation], _ memory: LookMemory
    ) async -> ClusterObservation {
        async let asked = askKubernetes(cluster, record, contacts)
        let facts = await visit.details(contacts, memory)
        var observation = ClusterObservation(at: clock.timestamp)
        let kubernetes = await asked
        for (name, node) in facts {
            observation.nodes[name] = node.observation
            observation.nodes[name]?.components = node.components(name, kubernetes)
            observation.nodes[name]?.longCall = longCalls.state(of: name, in: cluster.key)
            observation.etcd.views[name] = node.members
            observation.etcd.statuses[name] = node.status
            if let alarms = node.alarms {
                observation.etcd.alarms = (observation.etcd.alarms ?? [:]).merging(alarms) { first, _ in first
                }
            }
        }
        observation.kubernetes = kubernetes.observation
        remember(facts, observation, cluster, record, memory)
        return observation
    }

    /// Asks nothing of a Kubernetes that nobody has brought up yet.
    ///
    /// Where nothing is recorded there may be one all the same, if there are control-plane nodes of which nothing is
    /// known: it is asked before anybody makes a cluster of the others.
    private func askKubernetes(
        _ cluster: ManagedCluster, _ record: LifecycleRecord, _ contacts: [String: NodeObservation]
    ) async -> KubernetesFacts {
        let controlPlane = cluster.desired.nodes.filter { $0.role == .controlPlane }
        let isUncertain =
            controlPlane.contains { contacts[$0.name]?.isConfigured == true }
            && controlPlane.contains { node in
                let seen = contacts[node.name]
                return seen?.isConfigured != true && seen?.isInMaintenance != true
                    && record.operations[node.name]?.kind != .install
            }
        guard record.bootstrap != nil || isUncertain else {
            var facts = KubernetesFacts()
            facts.observation.problem = "there is none yet"
            return facts
        }
        let emptied = record.operations.filter { [.cordoning, .draining].contains($0.value.step) }.keys
        return await kubernetes.look(at: cluster, emptying: emptied.sorted())
    }

    private func remember(
        _ facts: [String: NodeFacts], _ observation: ClusterObservation, _ cluster: ManagedCluster,
        _ record: LifecycleRecord, _ before: LookMemory
    ) {
        let context = FlowContext(
            desired: cluster.desired, observed: observation, record: record, now: clock.timestamp)
        let isHealthy = HealthChecks.verdict(context).isHealthy
        let boots = facts.compactMap { name, node -> (String, BootFacts)? in
            guard var boot = node.boot else { return nil }
            let states = observation.nodes[name]?.components ?? [:]
            let isSettled =
                record.operations.isEmpty && !states.isEmpty && states.values.allSatisfy(\.isCurrent)
            boot.components =
                isSettled ? node.configuration.map { ($0.version, node.configs) } : nil
            return (name, boot)
        }
        let memory = LookMemory(
            illSince: isHealthy ? nil : before.illSince ?? clock.now,
            closeLook: LookMemory.CloseLook(
                at: clock.now, observation: observation, desired: cluster.desired, record: record,
                endpoint: cluster.endpoint),
            boots: Dictionary(boots) { first, _ in first }, comparisons: facts.compactMapValues(\.comparison))
        memories.withLock { $0[cluster.key] = memory }
    }
}

/// One look at the nodes of one cluster.
struct Visit: Sendable {
    private let cluster: ManagedCluster
    private let connector: any TalosConnector
    private let credentials: TalosCredentials
    private let limits: LookLimits
    private let clock: any Clock
    private let deadline: Instant

    init(
        _ cluster: ManagedCluster, _ record: LifecycleRecord, _ connector: any TalosConnector,
        _ limits: LookLimits, _ clock: any Clock
    ) throws(TalosError) {
        self.cluster = cluster
        self.connector = connector
        self.limits = limits
        self.clock = clock
        credentials = try TalosCredentials(
            authority: cluster.credentials.talosAuthority, client: cluster.credentials.talosClient)
        deadline = clock.now + limits.cluster
    }

    /// How each node can be reached; those whose turn did not come are missing.
    func contacts() async -> [String: NodeObservation] {
        await onEachNode { node, look in
            await look.contact(cluster.addresses[node.name] ?? [], pinned: cluster.fingerprints[node.name]) {
                cluster.doubt(node.name, $0)
            }
        }
    }

    /// Whether the nodes of the control plane that answered look as they did in an earlier look; not asked unless
    /// something is expected.
    func showsNothingNew(
        _ contacts: [String: NodeObservation], since known: ClusterObservation, if isExpectant: Bool
    ) async -> Bool {
        guard isExpectant else { return true }
        let glimpses = await onEachNode { node, look -> Glimpse? in
            guard node.role == .controlPlane, let contact = contacts[node.name] else { return nil }
            return await look.glimpse(contact)
        }
        return glimpses.allSatisfy { known.glimpse(of: $0.key) == $0.value }
    }

    /// What the nodes that answered say about themselves.
    func details(
        _ contacts: [String: NodeObservation], _ memory: LookMemory
    ) async -> [String: NodeFacts] {
        let names = Set(cluster.desired.nodes.map(\.name))
        return await onEachNode { node, look in
            guard let contact = contacts[node.name] else { return nil }
            var facts = await look.details(
                contact, node.role, others: names.subtracting([node.name]), known: memory.boots[node.name])
            await ConfigComparer().compare(&facts, node, in: cluster, look, memory.comparisons[node.name])
            return facts
        }
    }

    /// Runs `work` for the nodes, some of them side by side; nodes for which there is no time left are left out.
    func onEachNode<Finding: Sendable>(
        _ work: @escaping @Sendable (DesiredNode, NodeLook) async -> Finding?
    ) async -> [String: Finding] {
        let findings = await inParallel(cluster.desired.nodes, limits.nodesAtATime) { node in
            guard clock.now < deadline else { return (node.name, nil as Finding?) }
            return (node.name, await work(node, look(at: node.name)))
        } isLast: { _ in
            false
        }
        var byName: [String: Finding] = [:]
        for (name, finding) in findings { byName[name] = finding }
        return byName
    }

    private func look(at name: String) -> NodeLook {
        NodeLook(
            name: name, connector: connector, credentials: credentials, limits: limits, clock: clock,
            deadline: min(deadline, clock.now + limits.node))
    }
}
