// SPDX-License-Identifier: Apache-2.0

// etcd.
extension TalosNodeClient {
    /// How much of a snapshot goes in one message.
    private static let snapshotPiece = 1 << 20

    func etcdMembers(local: Bool, within limit: Duration) async throws(TalosError) -> [EtcdMember] {
        let request = ProtobufWriter.message { $0.bool(1, local) }
        return try await machine("EtcdMemberList", within: limit, request) { item in
            try item.messages(3).map {
                EtcdMember(
                    id: $0.unsigned(2), hostname: $0.string(3), peerURLs: $0.strings(4),
                    clientURLs: $0.strings(5), isLearner: $0.bool(6))
            }
        }
    }

    func etcdRemoveMember(id: UInt64, within limit: Duration) async throws(TalosError) {
        try await command(
            "EtcdRemoveMemberByID", within: limit, ProtobufWriter.message { $0.unsigned(1, id) })
    }

    func etcdLeave(within limit: Duration) async throws(TalosError) {
        try await command("EtcdLeaveCluster", within: limit)
    }

    func etcdForfeitLeadership(within limit: Duration) async throws(TalosError) -> String? {
        try await machine("EtcdForfeitLeadership", within: limit) {
            let member = $0.string(2)
            return member.isEmpty ? nil : member
        }
    }

    func etcdStatus(within limit: Duration) async throws(TalosError) -> EtcdStatus {
        try await machine("EtcdStatus", within: limit) { item in
            guard let status = try item.message(2) else {
                throw TalosError.decoding("EtcdStatus: no member's status")
            }
            return EtcdStatus(
                memberID: status.unsigned(10), leader: status.unsigned(4), databaseSize: status.signed(2),
                databaseSizeInUse: status.signed(3), raftIndex: status.unsigned(5),
                raftTerm: status.unsigned(6), raftAppliedIndex: status.unsigned(7),
                isLearner: status.bool(9), errors: status.strings(8), protocolVersion: status.string(1),
                storageVersion: status.string(11))
        }
    }

    func etcdSnapshot(within limit: Duration) async throws(TalosError) -> TalosStream<[UInt8]> {
        try await data("EtcdSnapshot", within: limit, isLong: true)
    }

    func etcdRecover(snapshot: [UInt8], within limit: Duration) async throws(TalosError) {
        let pieces = stride(from: 0, to: snapshot.count, by: Self.snapshotPiece).map { start in
            let end = min(start + Self.snapshotPiece, snapshot.count)
            return ProtobufWriter.message { $0.bytes(2, Array(snapshot[start..<end])) }
        }
        let method = "/machine.MachineService/EtcdRecover"
        let reply = try await channel.upload(method, pieces, within: limit)
        try TalosReply.decode(method, reply) { _ = try TalosReply.item($0) }
    }

    func etcdAlarms(within limit: Duration) async throws(TalosError) -> [EtcdAlarm] {
        try await machine("EtcdAlarmList", within: limit, [], Self.alarms)
    }

    func etcdDisarm(within limit: Duration) async throws(TalosError) -> [EtcdAlarm] {
        try await machine("EtcdAlarmDisarm", within: limit, [], Self.alarms)
    }

    func etcdDefragment(within limit: Duration) async throws(TalosError) {
        try await command("EtcdDefragment", within: limit)
    }

    private static func alarms(_ item: ProtobufMessage) throws -> [EtcdAlarm] {
        try item.messages(2).map {
            EtcdAlarm(memberID: $0.unsigned(1), kind: EtcdAlarm.Kind(number: $0.int32(2)))
        }
    }
}

extension EtcdAlarm.Kind {
    fileprivate init(number: Int32) {
        self =
            switch number {
            case 0: .none
            case 1: .noSpace
            case 2: .corrupt
            default: .other(number)
            }
    }
}
