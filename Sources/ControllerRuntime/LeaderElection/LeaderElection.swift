// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
import Platform
import StructuredData

/// Who stands for election, for which lease, and how long things may take.
package struct LeaderElectionSettings: Sendable, Hashable {
    /// A setting that makes an election unsafe or impossible.
    package struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// The namespace and name of the lease.
    package let key: ObjectKey
    /// Us; another one for each start of the process, since two with one identity would both lead.
    package let identity: String
    /// How long others wait after the last renewal they saw.
    package let leaseDuration: Duration
    /// How long we lead after our last renewal.
    package let renewDeadline: Duration
    /// The time between renewals, and between tries to acquire.
    package let retryPeriod: Duration

    /// The share of `retryPeriod` that chance adds between tries to acquire.
    ///
    /// client-go adds up to 1.2, and then a lease that is given back may lie there for 4.4 s.
    package static let acquireJitter = 0.2

    /// client-go's 15 s, 10 s and 2 s, unless told otherwise.
    package init(
        key: ObjectKey, identity: String, leaseDuration: Duration = .seconds(15),
        renewDeadline: Duration = .seconds(10), retryPeriod: Duration = .seconds(2)
    ) throws(Problem) {
        func check(_ isGood: Bool, _ text: String) throws(Problem) {
            if !isGood { throw Problem(description: text) }
        }
        try check(!identity.isEmpty, "leader election: the identity must not be empty")
        try check(!key.namespace.isEmpty, "leader election: the namespace of the lease must not be empty")
        try check(!key.name.isEmpty, "leader election: the name of the lease must not be empty")
        try check(retryPeriod >= .seconds(1), "leader election: the retry period must be 1s or more")
        try check(
            renewDeadline > retryPeriod * (1 + Self.acquireJitter),
            "leader election: the renew deadline must be more than 1.2 times the retry period")
        try check(
            leaseDuration > renewDeadline,
            "leader election: the lease duration must be longer than the renew deadline")
        (self.key, self.identity) = (key, identity)
        (self.leaseDuration, self.renewDeadline) = (leaseDuration, renewDeadline)
        self.retryPeriod = retryPeriod
    }
}

/// What is known about the lease and what follows from it; it neither waits nor asks.
///
/// Times in the lease are never compared with the local clock: another's lease has run out when we have not
/// seen it change for as long as it says, measured here. So wrong wall clocks do no harm.
struct LeaderElection: Sendable {
    /// What to do about the lease.
    enum Claim: Sendable, Hashable {
        case create(JSONValue)
        case replace(JSONValue)
        /// Another has it.
        case standBy
    }

    let settings: LeaderElectionSettings
    /// The lease as last seen.
    private(set) var lease: Lease?
    /// When the lease was first seen as it is.
    private(set) var observedAt: Instant?
    /// When the time of a holder is over from whom somebody took the lease, and who may not know yet.
    private var robbedUntil: Instant?
    /// When the request of our last successful renewal was sent; nil while we do not lead.
    private(set) var renewedAt: Instant?

    init(settings: LeaderElectionSettings) {
        self.settings = settings
    }

    var isLeader: Bool { renewedAt != nil }
    var holder: String { lease?.holder ?? "" }

    /// Until when we may act as the leader.
    var leaderUntil: Instant? { renewedAt.map { $0 + settings.renewDeadline } }

    /// When the lease will have run out if its holder does not renew it; nil if nobody else holds it.
    var expiry: Instant? {
        guard let lease, let observedAt, !lease.holder.isEmpty, lease.holder != settings.identity else {
            return robbedUntil
        }
        return observedAt + lease.duration
    }

    /// Takes in the lease as it was read; nil if there is none.
    ///
    /// A lease that another held and that is gone, or has no holder although nobody gave it back, was meddled with: its
    /// holder leads until it notices.
    mutating func observe(_ seen: Lease?, at now: Instant) {
        if seen?.record != lease?.record || observedAt == nil {
            let isRobbed = seen.map { $0.holder.isEmpty && !$0.isGivenBack } ?? true
            robbedUntil = isRobbed ? expiry : nil
            observedAt = now
        }
        lease = seen
    }

    /// What to do to get the lease, or to keep it.
    func claim(at now: Instant, timestamp: Timestamp) -> Claim {
        if let expiry, now < expiry { return .standBy }
        guard let lease else {
            return .create(
                Lease.new(
                    settings.key, holder: settings.identity, duration: settings.leaseDuration, now: timestamp)
            )
        }
        let isOurs = lease.holder == settings.identity
        return .replace(
            lease.held(
                by: settings.identity, duration: settings.leaseDuration,
                transitions: isOurs ? lease.transitions : lease.transitions &+ 1,
                acquired: isOurs ? nil : timestamp, renewed: timestamp))
    }

    /// The server took a claim that was sent at `start`: we lead.
    mutating func renewed(_ lease: Lease, sentAt start: Instant, now: Instant) {
        observe(lease, at: now)
        renewedAt = start
    }

    /// We lead no more.
    mutating func resign() {
        renewedAt = nil
    }

    /// The lease written so that others may take it at once; nil if it is not ours to give.
    func released(timestamp: Timestamp) -> JSONValue? {
        guard let lease, lease.holder == settings.identity else { return nil }
        return lease.held(
            by: "", duration: Lease.givenBackDuration, transitions: lease.transitions, acquired: timestamp,
            renewed: timestamp)
    }
}
