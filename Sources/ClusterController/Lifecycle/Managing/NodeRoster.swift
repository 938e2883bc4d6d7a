// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import Platform
import TalosAPI

/// Every node that a cluster is to have or still has: its topology's places, Machines beyond it, and nodes whose Machines
/// are gone but which are not settled yet.
struct NodeRoster {
    let spec: ClusterSpec
    let machines: [String: Machine]
    let record: LifecycleRecord
    /// The digest and the installer of each configuration that can be given to a node now, by the node's name.
    var configs: [String: NodeConfig] = [:]

    /// What of a node's configuration decides about its life.
    struct NodeConfig: Sendable, Hashable {
        var digest: String
        /// Nil if the configuration names none.
        var installer: String?
    }

    init(_ spec: ClusterSpec, owned: [Machine], _ record: LifecycleRecord) {
        self.spec = spec
        machines = Dictionary(owned.map { ($0.metadata.name, $0) }) { first, _ in first }
        self.record = record
    }

    /// The nodes of a cluster that is to go: those that there are Machines of.
    var remainingNodes: [DesiredNode] { nodes.filter { machines[$0.name] != nil } }

    /// The control plane first, then the workers; of each those of the topology by rising index, then what is to go.
    var nodes: [DesiredNode] {
        let wanted = Topology(spec).nodes.map(node)
        let names = Set(wanted.map(\.name))
        let rest = Set(machines.keys).union(unsettled).subtracting(names).sorted().map(surplus)
        let all = wanted + rest
        return all.filter { $0.role == .controlPlane } + all.filter { $0.role == .worker }
    }

    /// Nodes that were part of the cluster, or that something is done to.
    private var unsettled: Set<String> {
        Set(record.operations.keys).union(record.nodes.filter { $0.value.wasConfigured }.keys)
    }

    private func node(_ place: TopologyNode) -> DesiredNode {
        let config = configs[place.name]
        var node = DesiredNode(place, of: spec, configDigest: config?.digest, image: config?.installer)
        locate(&node)
        return node
    }

    private func surplus(_ name: String) -> DesiredNode {
        var node = DesiredNode(
            name: name, role: role(of: name), isSurplus: true, configDigest: nil, installer: "")
        locate(&node)
        return node
    }

    /// What a node is whose place is gone: its name tells, for labels can be edited.
    private func role(of name: String) -> NodeRole {
        let stem = "\(spec.clusterName)-\(MachineRole.controlPlaneNamePart)-"
        let isIndex = name.hasPrefix(stem) && Int(plainDecimal: name.dropFirst(stem.count)) != nil
        return isIndex ? .controlPlane : .worker
    }

    private func locate(_ node: inout DesiredNode) {
        guard let machine = machines[node.name] else {
            node.hasMachine = false
            node.isMachineLeaving = unsettled.contains(node.name)
            return
        }
        node.hasMachine = machine.isThere
        node.isMachineLeaving = machine.metadata.isBeingDeleted
    }
}

extension Machine {
    /// Where its Talos API is, as somebody has said; nil if nobody has.
    var explicitEndpoint: String? { metadata.annotations[APINames.talosEndpointAnnotation] }

    /// Whether its provider says that it has that address.
    fileprivate func reports(_ address: IPAddress) -> Bool {
        addresses.contains { (IPAddress($0) ?? IPPrefix($0)?.address) == address }
    }

    /// Whether there is a machine behind it, as far as its provider or somebody says.
    var isThere: Bool {
        state != .failed && (isReady || !addresses.isEmpty || explicitEndpoint != nil)
    }
}

extension NodeRoster {
    /// Where to look for the Talos API of each node, the best first; none of a node that has never been anywhere.
    var addresses: [String: [String]] {
        let rules = NodeAddresses(
            podsAndServices: (spec.podSubnets + spec.serviceSubnets).map(\.network),
            endpointHost: spec.endpoint.host)
        var addresses: [String: [String]] = [:]
        for name in Set(machines.keys).union(unsettled) {
            let machine = machines[name]
            addresses[name] = rules.candidates(
                explicit: machine?.explicitEndpoint, reported: machine?.addresses ?? [],
                lastGood: record.nodes[name]?.address)
        }
        return addresses
    }

    /// Why a machine in maintenance mode at an endpoint may be another one than the node's; nil if the node's Machine
    /// reports that address and no other of `machines`, all that are known, does.
    ///
    /// Providers hand addresses on: what a node last answered at may be somebody else's by now.
    func doubt(about name: String, at endpoint: String, among machines: () -> [Machine]) -> String? {
        guard let machine = self.machines[name] else { return "there is no Machine \(name)" }
        guard machine.explicitEndpoint == nil,
            let address = NodeEndpoint(endpoint).flatMap({ IPAddress($0.host) })
        else { return nil }
        guard machine.reports(address) else { return "its Machine does not report \(address.text)" }
        let other = machines().first {
            $0.metadata.uid != machine.metadata.uid && $0.explicitEndpoint == nil && $0.reports(address)
        }
        guard let other else { return nil }
        let isNear = other.key.namespace == machine.key.namespace
        let owner = isNear ? "Machine \(other.key.name)" : "a Machine of another namespace"
        return "\(owner) reports \(address.text) too"
    }

    /// The keys that somebody has pinned, by the name of the node.
    var fingerprints: [String: String] {
        machines.compactMapValues { $0.metadata.annotations[APINames.fingerprintAnnotation] }
    }

    /// Where people reach the Talos API: the nodes of the control plane; nil while none of them is known.
    var talosEndpoints: [String]? {
        let addresses = addresses
        let names = Topology(spec).nodes.filter { $0.role == .controlPlane }.map(\.name)
        let hosts = names.compactMap { addresses[$0]?.first }.map(Self.host)
        return hosts.isEmpty ? nil : hosts
    }

    /// `host:port` without a port that is the usual one.
    private static func host(_ endpoint: String) -> String {
        let usual = ":50000"
        guard endpoint.hasSuffix(usual) else { return endpoint }
        let host = endpoint.dropLast(usual.count)
        return host.first == "[" && host.last == "]" ? String(host.dropFirst().dropLast()) : String(host)
    }
}
