// SPDX-License-Identifier: Apache-2.0

/// Whether etcd can do without a member, for a while or for good.
///
/// It fails closed: what was not seen counts as broken, and an answer that does not fit is a reason to refuse. Members
/// are told apart by their identity alone. The number of machines plays no part: a member whose machine is dead or on
/// its way out is one that does not help the quorum, and no more, so it keeps nobody from going on.
package struct EtcdGuard: Sendable {
    /// The answer; every reason is told, the most basic one first.
    package enum Verdict: Sendable, Hashable {
        case allowed
        case refused([Reason])

        package var isAllowed: Bool { self == .allowed }
        /// Why not; empty if it is allowed.
        package var reasons: [Reason] {
            if case .refused(let reasons) = self { reasons } else { [] }
        }
        /// The reasons in one line; nil if it is allowed.
        package var message: String? {
            isAllowed ? nil : reasons.map(\.description).joined(separator: "; ")
        }

        init(_ reasons: [Reason]) {
            self = reasons.isEmpty ? .allowed : .refused(reasons)
        }
    }

    /// How many entries of the log a member may be behind and still count as caught up.
    ///
    /// It is a fifth of the 5000 at which etcd itself takes no more requests, and more than a busy control plane writes
    /// between the first and the last answer of one look at the members.
    package static let maximumLag: UInt64 = 1000

    /// The list that each node gave, without the nodes that are leaving.
    let views: [String: [EtcdObservation.Member]]
    /// What each node's member says, without the nodes that are leaving.
    let statuses: [String: EtcdObservation.Status]
    private let alarms: [UInt64: [String]]?
    /// Members that are known to be on their way out.
    private let leaving: Set<UInt64>

    /// - Parameters:
    ///   - etcd: What was seen of it.
    ///   - leaving: Members that are on their way out or dead, by identity: that they are learners or have not started
    ///     is no reason to refuse. As voters they count until they are gone.
    ///   - nodes: Nodes whose answers do not count because they are leaving.
    package init(_ etcd: EtcdObservation, leaving: Set<UInt64> = [], ignoring nodes: Set<String> = []) {
        let ignored = nodes.union(
            etcd.statuses.filter { leaving.contains($0.value.memberID) }.map(\.key))
        views = etcd.views.filter { !ignored.contains($0.key) }
        statuses = etcd.statuses.filter { !ignored.contains($0.key) }
        alarms = etcd.alarms
        self.leaving = leaving
    }

    /// Whether the node may be down for a while, as it is in a reboot.
    ///
    /// The only member of a cluster may be: there is no other way. One of two may not, for etcd stops without either.
    package func mayBeDown(node: String, memberID: UInt64?) -> Verdict {
        guard let member = statuses[node]?.memberID ?? memberID else {
            return .refused([.memberUnknown(node)])
        }
        return verdict(on: member) { survivors, voters in
            if voters == [member] { return nil }
            let needed = Self.quorum(of: voters.count)
            return survivors.count >= needed ? nil : .quorumLost(survivors.count, of: voters.count, needed)
        }
    }

    /// Whether the member may be taken out for good.
    package func mayLeave(_ member: UInt64) -> Verdict {
        verdict(on: member, leaves: true) { survivors, voters in
            let rest = voters.subtracting([member])
            if rest.isEmpty { return .lastMember }
            let needed = Self.quorum(of: rest.count)
            return survivors.count >= needed ? nil : .quorumLost(survivors.count, of: rest.count, needed)
        }
    }

    /// Whether etcd as a whole is in order: it has a quorum, nothing is in flight, and no alarm is raised.
    package var health: Verdict {
        verdict(on: nil) { _, _ in nil }
    }

    /// Whether the node's member is a voter that has caught up; the reason if it is not.
    package func problem(ofMemberOn node: String) -> Reason? {
        guard views[node] != nil, let status = statuses[node] else { return .notAnswering(node) }
        let members: [EtcdObservation.Member]
        switch agreement {
        case .failure(let reason): return reason
        case .success(let list): members = list
        }
        guard let member = members.first(where: { $0.id == status.memberID }) else {
            return .stranger(node, status.memberID)
        }
        if member.isLearner || status.isLearner { return .learner(member) }
        return illness(of: status, on: node)
    }

    /// The list of members if all nodes give the same one.
    package var members: [EtcdObservation.Member]? {
        if case .success(let members) = agreement { members } else { nil }
    }

    /// How many of that many voters must agree.
    package static func quorum(of voters: Int) -> Int { voters / 2 + 1 }
}

extension EtcdGuard {
    /// The list that all nodes give, or why there is none.
    private enum Agreement {
        case success([EtcdObservation.Member])
        case failure(Reason)
    }

    /// What makes two lists the same.
    private struct Key: Hashable {
        var id: UInt64
        var isLearner: Bool
        var hasStarted: Bool

        init(_ member: EtcdObservation.Member) {
            id = member.id
            isLearner = member.isLearner
            hasStarted = !member.hostname.isEmpty
        }
    }

    private var agreement: Agreement {
        let names = views.keys.sorted()
        guard let first = names.first, let members = views[first] else { return .failure(.unseen) }
        let key = Set(members.map(Key.init))
        let others = names.filter { Set((views[$0] ?? []).map(Key.init)) != key }
        guard others.isEmpty else {
            return .failure(.viewsDiffer(names.filter { !others.contains($0) }, others))
        }
        guard !members.isEmpty, Set(members.map(\.id)).count == members.count else {
            return .failure(.listUnusable(first))
        }
        return .success(members)
    }

    /// Judges a question about a member, or about etcd as a whole, of which `arithmetic` is what is special.
    private func verdict(
        on subject: UInt64?, leaves: Bool = false,
        _ arithmetic: (_ survivors: Set<UInt64>, _ voters: Set<UInt64>) -> Reason?
    ) -> Verdict {
        let members: [EtcdObservation.Member]
        switch agreement {
        case .failure(let reason): return .refused([reason])
        case .success(let list): members = list
        }
        if let subject, !members.contains(where: { $0.id == subject }) {
            return .refused([.notAMember(subject)])
        }
        let exempt = leaves ? leaving.union(subject.map { [$0] } ?? []) : leaving
        var reasons = alarmReasons(exempting: leaves ? subject : nil)
        reasons += inFlight(members.filter { !exempt.contains($0.id) })
        reasons += strangers(members)
        reasons += leaderReasons(members)
        let voters = Set(members.filter { !$0.isLearner }.map(\.id))
        let healthy = healthyVoters(voters)
        let needed = Self.quorum(of: voters.count)
        if healthy.count < needed {
            reasons.append(.noQuorum(healthy.count, of: voters.count, needed))
            reasons += illnesses
        } else if let reason = arithmetic(healthy.subtracting(subject.map { [$0] } ?? []), voters) {
            reasons.append(reason)
            reasons += illnesses
        }
        return Verdict(reasons)
    }

    /// An alarm of the member that leaves is no reason to keep it; a full disk concerns all of them.
    private func alarmReasons(exempting subject: UInt64?) -> [Reason] {
        guard let alarms else { return [.alarmsUnknown] }
        return alarms.sorted { $0.key < $1.key }.compactMap { member, names in
            let raised = names.filter { $0 != "NONE" && !(member == subject && $0 == "CORRUPT") }
            return raised.isEmpty ? nil : .alarm(member, raised)
        }
    }

    private func inFlight(_ members: [EtcdObservation.Member]) -> [Reason] {
        members.compactMap { member in
            if member.hostname.isEmpty { return .unstarted(member.id) }
            return member.isLearner ? .learner(member) : nil
        }
    }

    private func strangers(_ members: [EtcdObservation.Member]) -> [Reason] {
        let known = Set(members.map(\.id))
        return statuses.sorted { $0.key < $1.key }.compactMap { node, status in
            known.contains(status.memberID) ? nil : .stranger(node, status.memberID)
        }
    }

    private func leaderReasons(_ members: [EtcdObservation.Member]) -> [Reason] {
        let leaders = Set(statuses.values.map(\.leader)).subtracting([0])
        guard leaders.count == 1, let leader = leaders.first else {
            return [leaders.isEmpty ? .noLeader : .leadersDiffer]
        }
        return members.contains { $0.id == leader && !$0.isLearner } ? [] : [.leaderUnknown(leader)]
    }

    private func healthyVoters(_ voters: Set<UInt64>) -> Set<UInt64> {
        Set(
            statuses.compactMap { node, status in
                voters.contains(status.memberID) && views[node] != nil && !status.isLearner
                    && illness(of: status, on: node) == nil ? status.memberID : nil
            })
    }

    private var illnesses: [Reason] {
        statuses.sorted { $0.key < $1.key }.compactMap { illness(of: $0.value, on: $0.key) }
    }

    /// What is wrong with a member by its own account, if anything is.
    private func illness(of status: EtcdObservation.Status, on node: String) -> Reason? {
        if !status.errors.isEmpty { return .errors(node, status.errors) }
        if status.leader == 0 { return .withoutLeader(node) }
        let newest = statuses.values.map(\.raftIndex).max() ?? 0
        let behind = newest > status.raftAppliedIndex ? newest - status.raftAppliedIndex : 0
        return behind > Self.maximumLag ? .behind(node) : nil
    }
}
