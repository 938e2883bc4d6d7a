// SPDX-License-Identifier: Apache-2.0
package import ControllerRuntime
import Kubernetes

/// What is worth telling a person in an Event.
package struct Announcement: Sendable, Hashable {
    package var type: EventType
    package var reason: String
    package var message: String
}

extension Announcement {
    /// The announcements for a change of status.
    ///
    /// A condition that turns False, or begins so, is a warning, and one that turns True again is good news. One
    /// that is True from the start is no news, and neither is a new cluster that is not ready yet: so a healthy
    /// creation costs no Event. What follows from another condition is not announced a second time.
    package static func all(
        from old: ClusterStatus, to new: ClusterStatus, created: Int = 0, deleted: Int = 0
    ) -> [Announcement] {
        // A node that reboots as it should makes a cluster unhealthy for a while: its operation was told.
        let isExpected = [old, new].contains { $0.conditions[.progressing]?.isTrue == true }
        let types = ConditionType.allCases.filter { $0 != .ready && !(isExpected && $0 == .healthy) }
        let causes = types.compactMap { flip(old.conditions[$0], new.conditions[$0], $0) }
        if causes.contains(where: { $0.type == .warning }) { return causes }
        let readiness = isExpected ? nil : flip(old.conditions[.ready], new.conditions[.ready], .ready)
        return causes + [readiness, scaling(old, new, created, deleted)].compactMap { $0 }
    }

    private static func flip(_ old: Condition?, _ new: Condition?, _ type: ConditionType) -> Announcement? {
        guard let new else { return nil }
        switch type {
        case .progressing: return nil
        case .drifted, .halted: return alarm(old, new)
        default: break
        }
        if new.isTrue {
            return old.map(\.isTrue) == false ? Announcement(type: .normal, new) : nil
        }
        let isNews: Bool
        switch type {
        case .bootstrapped:
            isNews = old?.isTrue == true
        case .ready, .healthy:
            // While it is being deleted nobody expects it to be ready.
            isNews = old?.isTrue == true && new.reason != ConditionReason.deleting
        case .topologyValid, .configGenerated:
            // Another edit that is wrong too deserves another answer.
            isNews = old?.isTrue != false || old?.message != new.message
        case .machinesCreated, .filesGenerated:
            isNews = old?.isTrue != false
        case .progressing, .drifted, .halted:
            isNews = false
        }
        return isNews ? Announcement(type: .warning, new) : nil
    }

    /// A condition that is bad news when it is True: another message is other news.
    private static func alarm(_ old: Condition?, _ new: Condition) -> Announcement? {
        if new.isTrue {
            return old?.isTrue == true && old?.message == new.message
                ? nil : Announcement(type: .warning, new)
        }
        return old?.isTrue == true ? Announcement(type: .normal, new) : nil
    }

    /// Machines that came or went after the cluster was complete once.
    private static func scaling(
        _ old: ClusterStatus, _ new: ClusterStatus, _ created: Int, _ deleted: Int
    ) -> Announcement? {
        guard old.conditions[.machinesCreated]?.isTrue == true,
            new.conditions[.machinesCreated]?.isTrue == true
        else { return nil }
        let parts = [(created, "created"), (deleted, "deleted")].filter { $0.0 > 0 }.map { "\($0.1) \($0.0)" }
        guard !parts.isEmpty else { return nil }
        let message = "\(parts.joined(separator: " and ")) \(created + deleted == 1 ? "Machine" : "Machines")"
        return Announcement(
            type: .normal, reason: ConditionReason.creationSucceeded,
            message: message.prefix(1).uppercased() + message.dropFirst())
    }

    private init(type: EventType, _ condition: Condition) {
        self.init(type: type, reason: condition.reason, message: condition.message)
    }
}
