// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import StructuredData
import TalosAPI

/// What a close look at one node has found.
struct NodeFacts: Sendable {
    var observation: NodeObservation
    /// The members of etcd as the node lists them; nil if it did not say.
    var members: [EtcdObservation.Member]?
    var status: EtcdObservation.Status?
    /// Nil if the node did not say.
    var alarms: [UInt64: [String]]?
    /// What its components are started with.
    var configs: [KubernetesComponent: ComponentConfig] = [:]
    /// Its live configuration; nil if it did not give it.
    var configuration: NodeConfiguration?
    /// How that compares with the one it is to have; nil if that is not known.
    var comparison: ConfigComparison?
    /// Nil unless all of it is known.
    var boot: BootFacts?

    init(_ observation: NodeObservation) {
        self.observation = observation
    }
}

/// What of a node stays as it is until it boots again.
struct BootFacts: Sendable {
    var bootID: String
    var talos: Release
    /// Empty for an image without a schematic.
    var schematic: String
    /// What its components are started with, and the version of the live configuration that asks for it.
    ///
    /// Nil unless what runs is what the configuration asks for: until then it changes by itself.
    var components: (version: String, configs: [KubernetesComponent: ComponentConfig])?
}

extension NodeLook {
    /// Asks a node that answers as one of the cluster's for everything else.
    ///
    /// One that says it is one of `others`, the cluster's other nodes, is refused. What is `known` from an earlier look
    /// is not asked again in the same boot.
    func details(
        _ contact: NodeObservation, _ role: NodeRole, others: Set<String>, known: BootFacts?
    ) async -> NodeFacts {
        var facts = NodeFacts(contact)
        guard contact.isConfigured, let endpoint = contact.address.flatMap({ NodeEndpoint($0) }) else {
            return facts
        }
        let node: any TalosNode
        do throws(TalosError) {
            node = try connector.node(at: endpoint, as: credentials)
        } catch {
            facts.observation.contact = .unreachable("\(error)".bounded)
            return facts
        }
        var silence = false
        let bootID = await ask(&silence) { limit throws(TalosError) in try await node.bootID(within: limit) }
        facts.observation.bootID = bootID
        if let known, known.bootID == bootID {
            facts.observation.talos = known.talos
            facts.observation.schematic = known.schematic
            facts.boot = known
        } else {
            if let other = await otherName(node, others, &silence) {
                facts.observation = NodeObservation(
                    contact: .refused("the node at its address says that it is \(other)"),
                    address: contact.address)
                return facts
            }
            await askBoot(node, &facts, &silence)
        }
        await askServices(node, &facts, &silence)
        facts.configuration =
            await ask(&silence) { limit throws(TalosError) in
                try await node.machineConfiguration(within: limit)
            } ?? nil
        if role == .controlPlane { await askEtcd(node, &facts, &silence) }
        await askComponents(node, role, &facts, &silence)
        return facts
    }

    /// What a node of the control plane says of what changes while it comes up; nil if it says nothing.
    func glimpse(_ contact: NodeObservation) async -> Glimpse? {
        guard contact.isConfigured, let endpoint = contact.address.flatMap({ NodeEndpoint($0) }) else {
            return nil
        }
        var facts = NodeFacts(contact)
        var silence = false
        do throws(TalosError) {
            let node = try connector.node(at: endpoint, as: credentials)
            await askServices(node, &facts, &silence)
            if facts.observation.etcdService?.state == "Running" {
                await askMembers(node, &facts, &silence)
            }
        } catch {
            return nil
        }
        return Glimpse(
            etcd: facts.observation.etcdService, kubelet: facts.observation.kubeletService,
            members: facts.members)
    }

    /// The name of another node of the cluster, if the node says that it is that one.
    private func otherName(
        _ node: any TalosNode, _ others: Set<String>, _ silence: inout Bool
    ) async -> String? {
        let own = await ask(&silence) { limit throws(TalosError) in try await node.ownName(within: limit) }
        guard let own, let own, !own.isName(of: name), others.contains(where: own.isName) else { return nil }
        return own
    }

    private func askBoot(_ node: any TalosNode, _ facts: inout NodeFacts, _ silence: inout Bool) async {
        let version = await ask(&silence) { limit throws(TalosError) in try await node.version(within: limit)
        }
        facts.observation.talos = version.flatMap { Release($0.tag) }
        let answer = await ask(&silence) { limit throws(TalosError) in
            try await node.schematicID(within: limit)
        }
        guard let answer else { return }
        let schematic = answer ?? ""
        facts.observation.schematic = schematic
        guard let bootID = facts.observation.bootID, let talos = facts.observation.talos else { return }
        facts.boot = BootFacts(bootID: bootID, talos: talos, schematic: schematic)
    }

    private func askServices(_ node: any TalosNode, _ facts: inout NodeFacts, _ silence: inout Bool) async {
        let services = await ask(&silence) { limit throws(TalosError) in
            try await node.services(within: limit)
        }
        for service in services ?? [] {
            switch service.id {
            case "etcd": facts.observation.etcdService = ServiceState(service)
            case "kubelet": facts.observation.kubeletService = ServiceState(service)
            default: break
            }
        }
    }

    /// Asks nothing of an etcd that does not run: the answers would only be late.
    private func askEtcd(_ node: any TalosNode, _ facts: inout NodeFacts, _ silence: inout Bool) async {
        guard facts.observation.etcdService?.state == "Running" else { return }
        let status = await ask(&silence) { limit throws(TalosError) in
            try await node.etcdStatus(within: limit)
        }
        facts.status = status.map(EtcdObservation.Status.init)
        facts.observation.memberID = status?.memberID
        await askMembers(node, &facts, &silence)
        let alarms = await ask(&silence) { limit throws(TalosError) in
            try await node.etcdAlarms(within: limit)
        }
        facts.alarms = alarms.map(EtcdObservation.alarms)
        if facts.observation.memberID == nil {
            facts.observation.memberID =
                await ask(&silence) { limit throws(TalosError) in
                    try await node.etcdMemberID(within: limit)
                } ?? nil
        }
    }

    private func askMembers(_ node: any TalosNode, _ facts: inout NodeFacts, _ silence: inout Bool) async {
        let members = await ask(&silence) { limit throws(TalosError) in
            try await node.etcdMembers(local: true, within: limit)
        }
        facts.members = members?.map(EtcdObservation.Member.init)
    }

    private func askComponents(
        _ node: any TalosNode, _ role: NodeRole, _ facts: inout NodeFacts, _ silence: inout Bool
    ) async {
        if let known = facts.boot?.components, known.version == facts.configuration?.version {
            facts.configs = known.configs
            return
        }
        facts.configs[.kubelet] =
            await ask(&silence) { limit throws(TalosError) in try await node.kubeletConfig(within: limit) }
            ?? nil
        guard role == .controlPlane else { return }
        for component in ControlPlaneComponent.allCases {
            guard let key = KubernetesComponent(rawValue: component.rawValue) else { continue }
            facts.configs[key] =
                await ask(&silence) { limit throws(TalosError) in
                    try await node.componentConfig(component, within: limit)
                } ?? nil
        }
    }
}

extension TalosNode {
    /// The name by which Kubernetes, or the network, knows the node; nil if it does not tell.
    func ownName(within limit: Duration) async throws(TalosError) -> String? {
        if let name = try await nodename(within: limit), !name.isEmpty { return name }
        return try await resource(.hostnameStatus, id: "hostname", within: limit)?.spec["hostname"]?.string
    }
}

extension String {
    /// Whether a node that says this name is the one that its cluster calls `node`: names of hosts have no case, and a
    /// domain may follow.
    func isName(of node: String) -> Bool {
        let own = lowercased()
        return own == node || own.prefix { $0 != "." } == node
    }
}

extension ServiceState {
    fileprivate init(_ service: ServiceInfo) {
        let isHealthy: Bool? =
            switch service.health {
            case .unknown: nil
            case .healthy: true
            case .unhealthy: false
            }
        self.init(state: service.state.description, isHealthy: isHealthy)
    }
}

extension EtcdObservation.Member {
    fileprivate init(_ member: EtcdMember) {
        self.init(
            id: member.id, hostname: member.hostname, isLearner: member.isLearner, peerURLs: member.peerURLs)
    }
}

extension EtcdObservation.Status {
    fileprivate init(_ status: EtcdStatus) {
        self.init(
            memberID: status.memberID, leader: status.leader, raftIndex: status.raftIndex,
            raftAppliedIndex: status.raftAppliedIndex, isLearner: status.isLearner,
            errors: status.errors.map(\.bounded))
    }
}

extension EtcdObservation {
    fileprivate static func alarms(_ alarms: [EtcdAlarm]) -> [UInt64: [String]] {
        var byMember: [UInt64: [String]] = [:]
        for alarm in alarms {
            switch alarm.kind {
            case .none: break
            case .noSpace: byMember[alarm.memberID, default: []].append("NOSPACE")
            case .corrupt: byMember[alarm.memberID, default: []].append("CORRUPT")
            case .other(let number): byMember[alarm.memberID, default: []].append("alarm \(number)")
            }
        }
        return byMember
    }
}
