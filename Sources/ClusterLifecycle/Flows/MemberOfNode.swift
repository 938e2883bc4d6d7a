// SPDX-License-Identifier: Apache-2.0

/// Which member of etcd belongs to a node that leaves or has lost its machine.
///
/// It is found once, at the beginning, and known by its identity from then on. A node that answers says it itself; of
/// one that does not the members that the others list are searched for its name, or for its address if the member has
/// never started. Whatever is not certain is unknown, and then nothing is done.
enum MemberOfNode: Hashable {
    case member(UInt64)
    /// The node has none, and that is certain.
    case none
    /// It cannot be said now, and why.
    case unknown(String)

    init(_ node: DesiredNode, _ context: FlowContext) {
        if node.role == .worker || context.record.bootstrap == nil {
            self = .none
        } else {
            self = Self.find(node, context)
        }
    }

    private static func find(_ node: DesiredNode, _ context: FlowContext) -> MemberOfNode {
        let views = context.observed.etcd.views
        let others = views.filter { $0.key != node.name }
        // The only member of a cluster has nobody else to ask.
        let lists = (others.isEmpty ? views : others).values.filter { !$0.isEmpty }
        guard let members = lists.first else {
            return .unknown("no control-plane node lists the members of etcd")
        }
        let ids = Set(members.map(\.id))
        guard lists.allSatisfy({ Set($0.map(\.id)) == ids }) else {
            return .unknown("the control-plane nodes list different members of etcd")
        }
        if let id = context.memberID(of: node.name) {
            if ids.contains(id) { return .member(id) }
            guard context.observed.etcd.statuses[node.name] == nil else {
                return .unknown("etcd on it is member \(String(id, radix: 16)), which the others do not list")
            }
        }
        let seen = context.observation(of: node.name)
        if seen.isConfigured, seen.etcdService?.state == "Running", context.memberID(of: node.name) == nil {
            return .unknown("etcd runs on it and does not say which member it is")
        }
        return search(members, for: node, context)
    }

    /// Searches the members that no other node is.
    private static func search(
        _ members: [EtcdObservation.Member], for node: DesiredNode, _ context: FlowContext
    ) -> MemberOfNode {
        let names = context.nodes(.controlPlane).map(\.name).filter { $0 != node.name }
        let taken = Set(names.compactMap { context.memberID(of: $0) })
        let free = members.filter { !taken.contains($0.id) }
        let found = free.filter { $0.isNamed(node.name) || $0.hostname.isEmpty && $0.isAt(node, context) }
        if found.count > 1 { return .unknown("etcd has \(found.count) members that may be its own") }
        if let member = found.first { return .member(member.id) }
        if members.contains(where: { $0.isNamed(node.name) }) {
            return .unknown("etcd has a member of its name, and another node says that it is that one")
        }
        if let member = free.first(where: \.hostname.isEmpty) {
            let id = String(member.id, radix: 16)
            return .unknown("etcd's member \(id) has not started, and may be its own")
        }
        return .none
    }
}

extension EtcdObservation.Member {
    /// Whether it is to be reached at the node's address, present or last.
    fileprivate func isAt(_ node: DesiredNode, _ context: FlowContext) -> Bool {
        let addresses = [
            context.observation(of: node.name).address, context.record.nodes[node.name]?.address,
            context.observed.kubernetes.nodes[node.name]?.internalIP,
        ]
        let hosts = Set(addresses.compactMap { $0.map(Self.host) })
        return peerURLs.contains { hosts.contains(Self.host($0)) }
    }

    /// The host of a URL, of `host:port` or of an address alone.
    private static func host(_ text: String) -> String {
        var rest = text[...]
        if let scheme = rest.firstRange(of: "://") { rest = rest[scheme.upperBound...] }
        rest = rest.prefix { $0 != "/" }
        if rest.first == "[" { return String(rest.dropFirst().prefix { $0 != "]" }) }
        // An IPv6 address without brackets has several colons and no port.
        return rest.count { $0 == ":" } == 1 ? String(rest.prefix { $0 != ":" }) : String(rest)
    }
}

extension FlowContext {
    /// Whether no control-plane node but the one that leaves lists a member any more; false if none lists any.
    func isGone(_ member: UInt64, of node: String) -> Bool {
        let lists = observed.etcd.views.filter { $0.key != node && !$0.value.isEmpty }.values
        return !lists.isEmpty && lists.allSatisfy { list in !list.contains { $0.id == member } }
    }

    /// A control-plane node through which the member of another one can be taken out; nil if there is none.
    func helper(inRemoving member: UInt64, of node: String) -> String? {
        nodes(.controlPlane).first { other in
            guard other.name != node, record.operations[other.name] == nil,
                let status = observed.etcd.statuses[other.name], status.memberID != member,
                status.errors.isEmpty, !status.isLearner
            else { return false }
            let lists = observed.etcd.views[other.name]?.contains { $0.id == member } == true
            return lists && observation(of: other.name).isConfigured
        }?.name
    }
}
