// SPDX-License-Identifier: Apache-2.0
package import Platform

/// The rules by which changes go over many clusters: which come first, how many at once, and when to stop.
///
/// They are about changes to nodes that run: another configuration, another release. Machines are installed, clusters
/// made and nodes removed at any time.
package struct FleetPolicy: Sendable, Hashable {
    /// Which clusters come first; those that no wave selects come last.
    package var waves: [LabelSelector]
    /// How many clusters may be changed at the same time; nil for any number.
    package var maximumAtOnce: Int?
    /// How many clusters may be halted before no other cluster is begun with; nil for any number.
    package var failureBudget: Int?
    /// How long a wave must have been done and well before the next one begins.
    package var soakTime: Duration
    /// How long a cluster that is to be changed is known to be so before it is begun with.
    ///
    /// A change that is made for many clusters at once does not show in all of them at once.
    package var notice: Duration

    package init(
        waves: [LabelSelector] = [], maximumAtOnce: Int? = nil, failureBudget: Int? = nil,
        soakTime: Duration = .zero, notice: Duration = .seconds(60)
    ) {
        self.waves = waves
        self.maximumAtOnce = maximumAtOnce
        self.failureBudget = failureBudget
        self.soakTime = soakTime
        self.notice = notice
    }

    /// Whether there are no rules.
    package var isEmpty: Bool { waves.isEmpty && maximumAtOnce == nil && failureBudget == nil }

    /// The wave that a cluster with these labels belongs to, counted from 0.
    package func wave(of labels: [String: String]) -> Int {
        waves.firstIndex { $0.matches(labels) } ?? waves.count
    }
}

/// A cluster as the rules over all of them see it: what its status says and nothing else.
package struct FleetMember: Sendable, Hashable {
    /// How far a cluster is with a change.
    package enum Turn: Sendable, Hashable {
        /// There is nothing to change.
        case idle
        /// Something is to be changed and waits for something else than its turn: an approval, a window.
        case pending
        /// It waits for its turn since.
        case waiting(since: Timestamp)
        /// It has had its turn, and the change is under way.
        case begun
    }

    /// Namespace and name.
    package var id: String
    package var labels: [String: String]
    package var turn: Turn
    package var isHalted: Bool
    /// Since when it has run with nothing wrong and nothing under way; nil if it does not.
    package var wellSince: Timestamp?
    /// Whether nothing is begun with it, so that nobody waits for it either.
    package var isPaused: Bool

    package init(
        id: String, labels: [String: String] = [:], turn: Turn = .idle, isHalted: Bool = false,
        wellSince: Timestamp? = nil, isPaused: Bool = false
    ) {
        self.id = id
        self.labels = labels
        self.turn = turn
        self.isHalted = isHalted
        self.wellSince = wellSince
        self.isPaused = isPaused
    }
}

extension FleetPolicy {
    /// Why no change may be begun with a cluster now, as a sentence; nil if one may, or is under way.
    ///
    /// `members` are all clusters that have run once, this one among them. It follows from what their statuses say, so a
    /// restart changes nothing.
    package func obstacle(to id: String, among members: [FleetMember], at now: Timestamp) -> String? {
        guard !isEmpty, let cluster = members.first(where: { $0.id == id }), cluster.turn != .begun else {
            return nil
        }
        if let stop = stop(members) { return stop }
        let known = waited(cluster, now)
        guard known >= notice else { return "its turn among all clusters is decided in a moment" }
        let wave = wave(of: cluster.labels)
        if let other = laggard(before: wave, members, now) {
            let wait = "it is in wave \(wave + 1) of \(waves.count + 1), and \(other.id) of wave"
            return "\(wait) \(self.wave(of: other.labels) + 1) \(reason(other, now))"
        }
        guard let maximumAtOnce else { return nil }
        let begun = members.filter { $0.turn == .begun }
        let ahead = members.filter { $0.id != id && comes($0, before: cluster) }
        guard begun.count + ahead.count >= maximumAtOnce else { return nil }
        let names = (begun + ahead).prefix(5).map(\.id).joined(separator: ", ")
        return "at most \(maximumAtOnce) clusters are changed at once, and these come first: \(names)"
    }

    /// Why no cluster at all may be begun with, as a sentence; nil if some may.
    package func stop(_ members: [FleetMember]) -> String? {
        guard let failureBudget else { return nil }
        let halted = members.filter(\.isHalted)
        guard halted.count > failureBudget else { return nil }
        let names = halted.prefix(5).map(\.id).joined(separator: ", ")
        return
            "\(halted.count) clusters are halted, and more than \(failureBudget) stop the roll-out: \(names)"
    }

    private func waited(_ cluster: FleetMember, _ now: Timestamp) -> Duration {
        guard case .waiting(let since) = cluster.turn, since <= now else { return .zero }
        return .nanoseconds(now.nanosecondsSince1970) - .nanoseconds(since.nanosecondsSince1970)
    }

    /// A cluster of an earlier wave that is not done yet, or not for long enough.
    private func laggard(before wave: Int, _ members: [FleetMember], _ now: Timestamp) -> FleetMember? {
        members.filter { self.wave(of: $0.labels) < wave && !isDone($0, now) }
            .min { (self.wave(of: $0.labels), $0.id) < (self.wave(of: $1.labels), $1.id) }
    }

    private func isDone(_ member: FleetMember, _ now: Timestamp) -> Bool {
        if member.isPaused, member.turn != .begun { return true }
        guard member.turn == .idle, let since = member.wellSince else { return false }
        return since + soakTime <= now
    }

    private func reason(_ member: FleetMember, _ now: Timestamp) -> String {
        if member.isHalted { return "is halted" }
        if member.turn != .idle { return "is not done" }
        return member.wellSince == nil ? "is not well" : "has not been well for long enough"
    }

    /// Whether another cluster that waits has its turn before this one: the one that has waited longer.
    private func comes(_ other: FleetMember, before cluster: FleetMember) -> Bool {
        guard case .waiting(let since) = other.turn, case .waiting(let own) = cluster.turn, !other.isPaused,
            wave(of: other.labels) <= wave(of: cluster.labels)
        else { return false }
        return (since, other.id) < (own, cluster.id)
    }
}
