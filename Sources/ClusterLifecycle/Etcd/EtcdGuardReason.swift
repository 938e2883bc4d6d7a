// SPDX-License-Identifier: Apache-2.0

extension EtcdGuard {
    /// Why etcd must be left alone.
    package enum Reason: Sendable, Hashable, CustomStringConvertible {
        /// No control-plane node has listed the members.
        case unseen
        /// Some nodes list other members than others.
        case viewsDiffer([String], [String])
        /// The list is empty or has a member twice.
        case listUnusable(String)
        /// Which member the node has is not known.
        case memberUnknown(String)
        case notAMember(UInt64)
        /// The node's etcd belongs to no cluster that the others know.
        case stranger(String, UInt64)
        case notAnswering(String)
        case alarmsUnknown
        case alarm(UInt64, [String])
        /// A member was added and has not started.
        case unstarted(UInt64)
        /// A member is not a voter yet.
        case learner(EtcdObservation.Member)
        case noLeader
        case leadersDiffer
        case leaderUnknown(UInt64)
        /// A member says that something is wrong.
        case errors(String, [String])
        case withoutLeader(String)
        /// A member has not caught up; by how much is something else at every look, and not told.
        case behind(String)
        /// Fewer voters are healthy than a quorum takes.
        case noQuorum(Int, of: Int, Int)
        /// Fewer would be healthy than a quorum takes.
        case quorumLost(Int, of: Int, Int)
        case lastMember

        package var description: String {
            switch self {
            case .unseen, .viewsDiffer, .listUnusable, .memberUnknown, .notAMember, .stranger, .notAnswering:
                whoIsThere
            case .alarmsUnknown, .alarm, .unstarted, .learner, .errors, .withoutLeader, .behind:
                whatIsWrong
            case .noLeader, .leadersDiffer, .leaderUnknown, .noQuorum, .quorumLost, .lastMember:
                whatIsAtStake
            }
        }

        /// Whether doing it would take the quorum, rather than that something is unknown or unfinished.
        package var isAboutQuorum: Bool {
            switch self {
            case .noQuorum, .quorumLost, .lastMember: true
            default: false
            }
        }

        private var whoIsThere: String {
            switch self {
            case .viewsDiffer(let some, let others):
                "\(Self.list(others)) and \(Self.list(some)) list different members of etcd"
            case .listUnusable(let node): "the list of etcd's members that \(node) gives makes no sense"
            case .memberUnknown(let node): "it is not known which member of etcd \(node) is"
            case .notAMember(let id): "etcd has no member \(Self.hexadecimal(id))"
            case .stranger(let node, let id):
                "etcd on \(node) is member \(Self.hexadecimal(id)), which the others do not know"
            case .notAnswering(let node): "etcd on \(node) does not answer"
            default: "no control-plane node lists the members of etcd"
            }
        }

        private var whatIsWrong: String {
            switch self {
            case .alarm(let id, let names):
                "etcd's member \(Self.hexadecimal(id)) has raised \(names.joined(separator: ", "))"
            case .unstarted(let id): "etcd's member \(Self.hexadecimal(id)) was added and has not started"
            case .learner(let member):
                "etcd's member \(Self.hexadecimal(member.id))"
                    + (member.hostname.isEmpty ? "" : " on \(member.hostname)") + " is not a voter yet"
            case .errors(let node, let errors):
                "etcd on \(node) reports: \(errors.prefix(3).joined(separator: ", "))"
            case .withoutLeader(let node): "etcd on \(node) sees no leader"
            case .behind(let node):
                "etcd on \(node) is more than \(EtcdGuard.maximumLag) entries behind"
            default: "etcd's alarms could not be asked for"
            }
        }

        private var whatIsAtStake: String {
            switch self {
            case .leadersDiffer: "the members of etcd do not agree on a leader"
            case .leaderUnknown(let id): "etcd's leader \(Self.hexadecimal(id)) is none of its voters"
            case .noQuorum(let healthy, of: let voters, let needed):
                "only \(healthy) of etcd's \(voters) voters are known to be healthy, and \(needed) are needed"
            case .quorumLost(let healthy, of: let voters, let needed):
                "etcd would have \(healthy) healthy voters of \(voters), and \(needed) are needed"
            case .lastMember: "it is the last member of etcd"
            default: "etcd has no leader"
            }
        }

        private static func list(_ names: [String]) -> String { names.joined(separator: ", ") }

        private static func hexadecimal(_ id: UInt64) -> String { String(id, radix: 16) }
    }
}
