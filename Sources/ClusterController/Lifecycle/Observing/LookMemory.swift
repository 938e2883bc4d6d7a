// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import Platform

/// What is remembered of a cluster between two looks, so that most of them are cheap.
struct LookMemory: Sendable {
    /// What the last close look has found.
    struct CloseLook: Sendable {
        var at: Instant
        var observation: ClusterObservation
        /// What was desired then.
        var desired: DesiredCluster
        var endpoint: String
    }

    var closeLook: CloseLook?
    var boots: [String: BootFacts] = [:]
    var comparisons: [String: ConfigComparison] = [:]

    /// Whether what the last close look has found is still good enough: nothing is under way, nothing else is desired,
    /// and every node says the same of itself as then.
    func isGoodEnough(
        for cluster: ManagedCluster, _ record: LifecycleRecord, _ contacts: [String: NodeObservation],
        at now: Instant, _ limits: LookLimits
    ) -> Bool {
        guard let closeLook, !record.isBusy, closeLook.desired == cluster.desired,
            closeLook.endpoint == cluster.endpoint,
            contacts.count == closeLook.observation.nodes.count
        else { return false }
        var isIll = closeLook.observation.kubernetes.problem != nil
        for (name, contact) in contacts {
            guard let seen = closeLook.observation.nodes[name], seen.contact.isLike(contact.contact),
                seen.address == contact.address, seen.stage == contact.stage,
                seen.isReady == contact.isReady, seen.unmet == contact.unmet
            else { return false }
            isIll = isIll || !contact.isWell
        }
        return now < closeLook.at + (isIll ? limits.betweenCloseLooksIfIll : limits.betweenCloseLooks)
    }
}

extension LifecycleRecord {
    /// Whether something is under way, so that old knowledge is of no use.
    fileprivate var isBusy: Bool {
        !operations.isEmpty || bootstrap?.isConfirmed != true || teardownSince != nil
            || kubernetesTarget != nil || talosTarget != nil
    }
}

extension NodeObservation.Contact {
    /// Whether both are the same, however they are worded: reasons change from one attempt to the next.
    fileprivate func isLike(_ other: NodeObservation.Contact) -> Bool {
        switch (self, other) {
        case (.unreachable, .unreachable), (.refused, .refused): true
        default: self == other
        }
    }
}
