// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle

/// One cluster of etcd; more than one in a world is a split brain.
struct SimulatedEtcd: Sendable {
    struct Member: Hashable, Sendable {
        var node: String
        var isLearner: Bool
        /// When it was added.
        var since: Int
    }

    var members: [UInt64: Member] = [:]
    var leader: UInt64?
    var raftIndex: UInt64 = 1
    var alarms: [UInt64: [String]] = [:]

    var voters: [UInt64] { members.filter { !$0.value.isLearner }.keys.sorted() }
    /// How many voters have to be there.
    var quorum: Int { members.values.count { !$0.isLearner } / 2 + 1 }
}

extension World {
    /// Whether a member runs, and is reached by the others.
    func isUp(_ member: UInt64, in cluster: Int) -> Bool {
        guard let host = etcds[cluster].members[member], let index = index(of: host.node) else {
            return false
        }
        return nodes[index].etcd == SimulatedNode.EtcdData(cluster: cluster, member: member)
            && nodes[index].isServing(at: now) && now >= nodes[index].upSince + Self.etcdStart
    }

    func votersUp(in cluster: Int) -> Int { etcds[cluster].voters.count { isUp($0, in: cluster) } }

    func hasQuorum(_ cluster: Int) -> Bool {
        etcds[cluster].members.isEmpty ? false : votersUp(in: cluster) >= etcds[cluster].quorum
    }

    /// The cluster of etcd that Kubernetes keeps its data in.
    var mainEtcd: Int? { etcds.isEmpty ? nil : 0 }

    /// How many voters would be there, and how many would be needed, without this node.
    func quorum(without name: String, leaving: Bool) -> (up: Int, needed: Int, before: Int)? {
        guard let data = node(name)?.etcd, let member = etcds[data.cluster].members[data.member] else {
            return nil
        }
        let voters = etcds[data.cluster].voters
        let others = voters.count { $0 != data.member && isUp($0, in: data.cluster) }
        let total = leaving && !member.isLearner ? voters.count - 1 : voters.count
        return (others, total / 2 + 1, voters.count)
    }

    mutating func newMember() -> UInt64 {
        // Above 2^63, where a signed number would go wrong.
        var id: UInt64 = random.next() | 0x8000_0000_0000_0000
        while etcds.contains(where: { $0.members[id] != nil }) {
            id = random.next() | 0x8000_0000_0000_0000
        }
        return id
    }

    /// Elections, nodes that join, learners that are promoted.
    mutating func advanceEtcd() {
        for cluster in etcds.indices {
            let isAlive = hasQuorum(cluster)
            if !isAlive {
                etcds[cluster].leader = nil
            } else if !(etcds[cluster].leader.map { isUp($0, in: cluster) } ?? false) {
                etcds[cluster].leader = etcds[cluster].voters.first { isUp($0, in: cluster) }
            }
            if isAlive {
                etcds[cluster].raftIndex += 7
                promoteLearners(of: cluster)
            }
        }
        guard let main = etcds.indices.first(where: { hasQuorum($0) }) else { return }
        for index in nodes.indices { join(index, main) }
    }

    private mutating func promoteLearners(of cluster: Int) {
        for (id, member) in etcds[cluster].members.sorted(by: { $0.key < $1.key })
        where member.isLearner && isUp(id, in: cluster) && now >= member.since + 15 {
            etcds[cluster].members[id]?.isLearner = false
        }
    }

    /// A control-plane node without data takes its old member out, becomes a learner, and starts.
    private mutating func join(_ index: Int, _ cluster: Int) {
        guard nodes[index].role == .controlPlane, nodes[index].etcd == nil else { return }
        let node = nodes[index]
        guard node.role == .controlPlane, node.isConfigured, node.etcd == nil, !node.hasLeftEtcd,
            node.activity == .up, node.isServing(at: now), now >= node.upSince + Self.etcdStart
        else { return }
        if let stale = etcds[cluster].members.first(where: { $0.value.node == node.name }) {
            etcds[cluster].members[stale.key] = nil
            return
        }
        // Only one learner at a time, and none while a voter is missing.
        guard !etcds[cluster].members.values.contains(where: \.isLearner),
            votersUp(in: cluster) == etcds[cluster].voters.count
        else { return }
        let id = newMember()
        etcds[cluster].members[id] = SimulatedEtcd.Member(node: node.name, isLearner: true, since: now)
        nodes[index].etcd = SimulatedNode.EtcdData(cluster: cluster, member: id)
    }

    /// Takes a member out at a living cluster; false if that cannot be done.
    ///
    /// etcd itself keeps a voter that runs if too few of the others do.
    mutating func removeMember(_ id: UInt64, from cluster: Int) -> Bool {
        guard hasQuorum(cluster), let member = etcds[cluster].members[id] else { return false }
        if !member.isLearner, isUp(id, in: cluster) {
            let voters = etcds[cluster].voters.count
            guard votersUp(in: cluster) - 1 >= 1 + (voters - 1) / 2 else { return false }
        }
        etcds[cluster].members[id] = nil
        if etcds[cluster].leader == id { etcds[cluster].leader = nil }
        return true
    }
}
