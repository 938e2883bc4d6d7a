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
        /// What was desired and remembered then.
        var desired: DesiredCluster
        var record: LifecycleRecord
        var endpoint: String
    }

    /// Since when the cluster has not been healthy; nil if it is.
    var illSince: Instant?
    var closeLook: CloseLook?
    var boots: [String: BootFacts] = [:]
    var comparisons: [String: ConfigComparison] = [:]

    /// Whether what the last close look has found is still good enough: nothing else is desired, every node says the same
    /// of itself as then, it is not long ago, and what is under way has not gone on since.
    func isGoodEnough(
        for cluster: ManagedCluster, _ record: LifecycleRecord, _ contacts: [String: NodeObservation],
        at now: Instant, _ limits: LookLimits
    ) -> Bool {
        guard let closeLook, closeLook.desired == cluster.desired, closeLook.endpoint == cluster.endpoint,
            contacts.count == closeLook.observation.nodes.count,
            !record.isBusy || closeLook.record == record
        else { return false }
        for (name, contact) in contacts {
            guard let seen = closeLook.observation.nodes[name], seen.contact.isLike(contact.contact),
                seen.address == contact.address, seen.stage == contact.stage,
                seen.isReady == contact.isReady, seen.unmet == contact.unmet
            else { return false }
        }
        return now < closeLook.at + interval(record, at: now, limits)
    }

    private func interval(_ record: LifecycleRecord, at now: Instant, _ limits: LookLimits) -> Duration {
        if record.isBusy { return limits.betweenCloseLooksIfBusy }
        guard let illSince else { return limits.betweenCloseLooks }
        return max(limits.betweenCloseLooksIfBusy, min((now - illSince) / 10, limits.betweenCloseLooksIfIll))
    }

    /// Whether nodes have to be asked for a glimpse: what is waited for need not show in what they say of themselves.
    func isExpectant(_ record: LifecycleRecord) -> Bool { record.isBusy || illSince != nil }
}

/// What changes while a control-plane node comes up and its own word on its state does not tell.
struct Glimpse: Sendable, Hashable {
    var etcd: ServiceState?
    var kubelet: ServiceState?
    /// Nil if the node did not say.
    var members: [EtcdObservation.Member]?
}

extension ClusterObservation {
    /// What a glimpse at a node would have shown.
    func glimpse(of node: String) -> Glimpse {
        Glimpse(
            etcd: nodes[node]?.etcdService, kubelet: nodes[node]?.kubeletService, members: etcd.views[node])
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
