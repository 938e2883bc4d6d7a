// SPDX-License-Identifier: Apache-2.0

/// A member of etcd.
package struct EtcdMember: Sendable, Hashable {
    package var id: UInt64
    /// Empty until the member has started for the first time.
    package var hostname: String
    package var peerURLs: [String]
    package var clientURLs: [String]
    /// Takes part without a vote.
    package var isLearner: Bool

    package init(
        id: UInt64, hostname: String, peerURLs: [String] = [], clientURLs: [String] = [],
        isLearner: Bool = false
    ) {
        self.id = id
        self.hostname = hostname
        self.peerURLs = peerURLs
        self.clientURLs = clientURLs
        self.isLearner = isLearner
    }

    /// Whether it has ever started.
    package var hasStarted: Bool { !hostname.isEmpty }
}

/// How a member of etcd does.
package struct EtcdStatus: Sendable, Hashable {
    package var memberID: UInt64
    /// The member that leads; 0 if there is none, and so no quorum.
    package var leader: UInt64
    /// In bytes.
    package var databaseSize: Int64
    /// What of it is not free.
    package var databaseSizeInUse: Int64
    package var raftIndex: UInt64
    package var raftTerm: UInt64
    package var raftAppliedIndex: UInt64
    package var isLearner: Bool
    /// What the member complains of.
    package var errors: [String]
    /// Of etcd, as in `3.5.16`.
    package var protocolVersion: String
    /// As in `3.5`; empty before 1.11.
    package var storageVersion: String

    package init(
        memberID: UInt64, leader: UInt64, databaseSize: Int64 = 0, databaseSizeInUse: Int64 = 0,
        raftIndex: UInt64 = 0, raftTerm: UInt64 = 0, raftAppliedIndex: UInt64 = 0, isLearner: Bool = false,
        errors: [String] = [], protocolVersion: String = "", storageVersion: String = ""
    ) {
        self.memberID = memberID
        self.leader = leader
        self.databaseSize = databaseSize
        self.databaseSizeInUse = databaseSizeInUse
        self.raftIndex = raftIndex
        self.raftTerm = raftTerm
        self.raftAppliedIndex = raftAppliedIndex
        self.isLearner = isLearner
        self.errors = errors
        self.protocolVersion = protocolVersion
        self.storageVersion = storageVersion
    }
}

/// An alarm of a member of etcd.
package struct EtcdAlarm: Sendable, Hashable {
    /// What is wrong.
    package enum Kind: Sendable, Hashable {
        case none, noSpace, corrupt
        case other(Int32)
    }

    package var memberID: UInt64
    package var kind: Kind

    package init(memberID: UInt64, kind: Kind) {
        self.memberID = memberID
        self.kind = kind
    }
}
