// SPDX-License-Identifier: Apache-2.0
package import Platform

/// What was seen of a cluster in one look at it; what could not be seen is unknown and never assumed.
package struct ClusterObservation: Sendable, Hashable {
    package var at: Timestamp
    /// By the node's name; a node that was not looked at is missing.
    package var nodes: [String: NodeObservation]
    package var etcd: EtcdObservation
    package var kubernetes: KubernetesObservation

    package init(
        at: Timestamp, nodes: [String: NodeObservation] = [:], etcd: EtcdObservation = EtcdObservation(),
        kubernetes: KubernetesObservation = KubernetesObservation()
    ) {
        self.at = at
        self.nodes = nodes
        self.etcd = etcd
        self.kubernetes = kubernetes
    }
}

/// What was seen of one node through the Talos API.
package struct NodeObservation: Sendable, Hashable {
    /// How the node could be reached.
    package enum Contact: Sendable, Hashable {
        /// There is no address to try.
        case noAddress
        /// Nothing answered, and why.
        case unreachable(String)
        /// It answers, but not to our certificate or with one we trust; its own words.
        case refused(String)
        /// It waits for a configuration; the SHA-256 of its public key.
        case maintenance(fingerprint: String)
        /// It answers with a certificate of the cluster's authority.
        case configured
    }

    /// The stage that the node tells.
    package enum Stage: String, Sendable, Hashable, CaseIterable {
        case unknown, booting, installing, maintenance, running, rebooting, resetting, upgrading
        case shuttingDown = "shutting down"
    }

    package var contact: Contact
    /// `host:port` of its Talos API.
    package var address: String?
    package var stage = Stage.unknown
    /// Whether the key that it shows in maintenance mode is the one that somebody has pinned for it.
    package var isPinned = false
    /// Whether the node itself finds everything in order: services, time, network, static pods, Kubernetes node.
    package var isReady = false
    /// What it finds missing, one sentence each.
    package var unmet: [String] = []
    package var bootID: String?
    package var talos: Release?
    /// The identity of the extensions it runs with; empty if it has none, nil if that is not known.
    package var schematic: String?
    package var etcdService: ServiceState?
    package var kubeletService: ServiceState?
    package var config = ConfigState.unknown
    /// Why the configuration of a node that answers could not be compared, with no secret in it; nil if it was.
    package var configProblem: String?
    /// A call that takes minutes, such as an installation, and how far it is.
    package var longCall: LongCall?
    /// The node's local etcd member, while etcd runs there; a number of 64 bits.
    package var memberID: UInt64?
    /// The node's images of Kubernetes components as its live configuration names them.
    package var images: [KubernetesComponent: String] = [:]
    /// The names of the options that the live configuration gives to components; see `RemovedOptions`.
    package var options: [KubernetesComponent: Set<String>] = [:]
    /// What is known of a component as it runs, not as it is configured.
    package var components: [KubernetesComponent: ComponentState] = [:]

    package init(contact: Contact, address: String? = nil) {
        self.contact = contact
        self.address = address
    }

    /// Whether it answers to the cluster's certificates.
    package var isConfigured: Bool { contact == .configured }
    /// Whether it waits for a configuration.
    package var isInMaintenance: Bool {
        if case .maintenance = contact { true } else { false }
    }
    /// Whether it runs and finds everything in order.
    package var isWell: Bool { isConfigured && stage == .running && isReady }
}

/// A service of Talos.
package struct ServiceState: Sendable, Hashable {
    /// As Talos writes it: Initialized, Preparing, Waiting, Starting, Running, Stopping, Finished, Failed, Skipped.
    package var state: String
    /// Nil if the service has no health to tell.
    package var isHealthy: Bool?

    package init(state: String, isHealthy: Bool?) {
        self.state = state
        self.isHealthy = isHealthy
    }

    package var isWell: Bool { state == "Running" && isHealthy == true }
}

/// How a node's live configuration compares with the one it is to have.
package enum ConfigState: Sendable, Hashable {
    case unknown
    /// They mean the same; images of Kubernetes are not compared, for these are upgraded in an order of their own.
    case matches
    case differs(ConfigChange)
    /// Nothing would change before a reboot, which brings what is staged already.
    case staged
}

/// What applying the desired configuration would do to a node.
package struct ConfigChange: Sendable, Hashable {
    /// A digest of the difference.
    package var hash: String
    /// The difference for people, with no secret in it.
    package var summary: String
    /// What the node's own dry run says; nil if it could not be asked.
    package var needsReboot: Bool?
    /// The desired configuration that it was compared with.
    package var configDigest: String
    /// Why the node would refuse it; nil if it would not.
    package var refusal: String?
    /// Whether it refuses something that its release of Talos does not know, and the desired one does.
    package var isTooNew = false

    package init(
        hash: String, summary: String, needsReboot: Bool?, configDigest: String, refusal: String? = nil
    ) {
        self.hash = hash
        self.summary = summary
        self.needsReboot = needsReboot
        self.configDigest = configDigest
        self.refusal = refusal
    }
}

/// A call that runs while reconciles come and go.
package enum LongCall: Sendable, Hashable {
    case running(LifecycleAction.Kind)
    /// It has ended well.
    case done(LifecycleAction.Kind)
    /// It has ended, and why it failed.
    case failed(LifecycleAction.Kind, String)
    /// It has ended, and there is no use in making it again, and why.
    case refused(LifecycleAction.Kind, String)
    /// It has ended without an answer, and why: nobody knows what became of it.
    case lost(LifecycleAction.Kind, String)
}

/// What etcd looks like from all control-plane nodes that answered.
package struct EtcdObservation: Sendable, Hashable {
    /// A member as the members themselves list it.
    package struct Member: Sendable, Hashable {
        package var id: UInt64
        /// Empty for a member that was added and has not started yet.
        package var hostname: String
        package var isLearner: Bool
        package var peerURLs: [String]

        package init(id: UInt64, hostname: String, isLearner: Bool = false, peerURLs: [String] = []) {
            self.id = id
            self.hostname = hostname
            self.isLearner = isLearner
            self.peerURLs = peerURLs
        }
    }

    /// What a member says about itself.
    package struct Status: Sendable, Hashable {
        package var memberID: UInt64
        package var leader: UInt64
        package var raftIndex: UInt64
        package var raftAppliedIndex: UInt64
        package var isLearner: Bool
        package var errors: [String]

        package init(
            memberID: UInt64, leader: UInt64, raftIndex: UInt64 = 0, raftAppliedIndex: UInt64 = 0,
            isLearner: Bool = false, errors: [String] = []
        ) {
            self.memberID = memberID
            self.leader = leader
            self.raftIndex = raftIndex
            self.raftAppliedIndex = raftAppliedIndex
            self.isLearner = isLearner
            self.errors = errors
        }
    }

    /// The list of members that each control-plane node gave, by the node's name.
    package var views: [String: [Member]] = [:]
    /// What each control-plane node's own member says, by the node's name.
    package var statuses: [String: Status] = [:]
    /// Alarms that are raised, such as NOSPACE, by member; nil if they could not be asked for.
    package var alarms: [UInt64: [String]]?

    package init() {}
}

/// What was seen through the Kubernetes API of the cluster itself.
package struct KubernetesObservation: Sendable, Hashable {
    /// Nil if it answered; otherwise why not, or that there was nothing to ask yet.
    package var problem: String? = "not asked"
    /// By name.
    package var nodes: [String: KubernetesNode] = [:]
    /// Whether CoreDNS and kube-proxy, where they are there, have what they need; nil if that is unknown.
    package var addonsProblem: String?
    /// The lowest version that the pods of a component run, by component; images of kube-system's pods.
    package var lowestVersions: [KubernetesComponent: Release] = [:]

    package init() {}

    package var isReachable: Bool { problem == nil }
}

/// A Node object and what runs on it.
package struct KubernetesNode: Sendable, Hashable {
    package var isReady: Bool
    package var isUnschedulable: Bool
    /// Whether we have made it unschedulable, as its annotation tells, which stays when somebody else takes that back.
    package var isCordonedByUs: Bool
    package var kubeletVersion: Release?
    /// How many pods a drain would evict; nil if they were not counted.
    package var evictablePods: Int?
    /// What keeps pods from being evicted, such as a disruption budget, one sentence each.
    package var blockers: [String] = []
    package var internalIP: String?

    package init(
        isReady: Bool, isUnschedulable: Bool = false, isCordonedByUs: Bool = false,
        kubeletVersion: Release? = nil, evictablePods: Int? = nil
    ) {
        self.isReady = isReady
        self.isUnschedulable = isUnschedulable
        self.isCordonedByUs = isCordonedByUs
        self.kubeletVersion = kubeletVersion
        self.evictablePods = evictablePods
    }
}

/// A part of Kubernetes with an image of its own, in the order in which they are upgraded.
package enum KubernetesComponent: String, Sendable, Hashable, CaseIterable {
    case apiServer = "kube-apiserver"
    case controllerManager = "kube-controller-manager"
    case scheduler = "kube-scheduler"
    case proxy = "kube-proxy"
    case kubelet
}

/// A component as it runs on a node.
package struct ComponentState: Sendable, Hashable {
    package var version: Release?
    package var isReady: Bool
    /// Whether what runs is what the node's present configuration asks for.
    package var isCurrent: Bool

    package init(version: Release?, isReady: Bool, isCurrent: Bool) {
        self.version = version
        self.isReady = isReady
        self.isCurrent = isCurrent
    }
}
