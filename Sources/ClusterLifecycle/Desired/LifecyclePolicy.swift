// SPDX-License-Identifier: Apache-2.0
package import Talos

/// How a cluster's life is to be managed: every choice that a user has, with what holds if none is made.
package struct LifecyclePolicy: Sendable, Hashable {
    package var rollout = RolloutPolicy()
    package var drift = DriftPolicy.report
    package var drain = DrainPolicy()
    package var upgrade = UpgradePolicy()
    package var deletion = DeletionPolicy()
    package var timeouts = StepTimeouts()
    /// When disruptive work may begin; empty for always.
    package var windows: [MaintenanceWindow] = []
    /// What may be begun at all; a command line asks for some of it only.
    package var scope = Set(LifecycleScope.allCases)

    package init() {}
}

/// A part of a cluster's life that can be asked for by itself.
package enum LifecycleScope: Sendable, Hashable, CaseIterable {
    /// New machines get their configurations, and a new cluster its etcd.
    case install
    /// Configurations of nodes that run.
    case configure
    case upgradeTalos
    case upgradeKubernetes
    /// Nodes that have no place any more, and those that were lost.
    case remove
}

/// How changes reach nodes that run.
package struct RolloutPolicy: Sendable, Hashable {
    /// Whether a plan is carried out at once or only when its hash has been approved.
    package enum Approval: String, Sendable, Hashable, CaseIterable {
        case auto = "Auto"
        case manual = "Manual"
    }

    /// How a changed configuration is applied.
    package enum Mode: String, Sendable, Hashable, CaseIterable {
        /// Without a reboot where that will do, and otherwise staged and then rebooted in good order.
        case auto = "Auto"
        /// Only without a reboot; a change that needs one waits and says so.
        case noReboot = "NoReboot"
        /// Staged, then rebooted in good order, whether the change needs it or not.
        case reboot = "Reboot"
        /// Staged until the node reboots for another reason.
        case staged = "Staged"
        /// In memory only and taken back by the node itself after a minute.
        case `try` = "Try"
    }

    package var approval = Approval.auto
    package var mode = Mode.auto
    /// How many workers may be unavailable at the same time; of the control plane it is always one.
    package var maxUnavailable = Amount.count(1)

    package init() {}
}

/// A number of nodes, absolute or a share of them.
package enum Amount: Sendable, Hashable {
    case count(Int)
    /// 1 to 100.
    case percent(Int)

    /// The number for `total` nodes: a share is rounded down, and it is 1 at least.
    package func number(of total: Int) -> Int {
        switch self {
        case .count(let count): max(1, min(count, max(total, 1)))
        case .percent(let percent): max(1, max(0, min(percent, 100)) * max(0, total) / 100)
        }
    }
}

/// What is done about a node whose live configuration is not what was rendered, though nobody asked for a change.
package enum DriftPolicy: String, Sendable, Hashable, CaseIterable {
    case report = "Report"
    /// Staged for the next reboot.
    case stage = "Stage"
    /// Put right as a roll-out would.
    case apply = "Apply"
}

/// How a node is emptied before it is disturbed.
package struct DrainPolicy: Sendable, Hashable {
    /// What happens when pods are still there after the timeout.
    package enum OnTimeout: String, Sendable, Hashable, CaseIterable {
        /// The node stays cordoned and is not disturbed; the operation halts.
        case halt = "Halt"
        /// The pods are deleted in spite of their disruption budgets.
        case force = "Force"
    }

    package var timeout: Duration = .seconds(300)
    package var onTimeout = OnTimeout.halt
    /// Whether nodes are emptied at all.
    package var isEnabled = true

    package init() {}
}

/// How nodes are upgraded.
package struct UpgradePolicy: Sendable, Hashable {
    /// How nodes are rebooted.
    package enum RebootMode: String, Sendable, Hashable, CaseIterable {
        case `default` = "Default"
        case powercycle = "Powercycle"
    }

    package var rebootMode = RebootMode.default
    /// Whether the image is written at the next boot rather than while the node runs; releases before 1.13 only.
    package var stage = false
    /// Whether a snapshot of etcd is taken, and kept, before the first control-plane node is upgraded.
    package var snapshot = false
    /// By which release a line of Talos is gone through that lies on the way, instead of the newest one known here.
    package var hops: [TalosVersion: Release] = [:]

    package init() {}
}

/// What happens to machines that leave, and to all of them when the cluster is deleted.
package struct DeletionPolicy: Sendable, Hashable {
    /// What is done to a machine before it goes.
    package enum Reset: String, Sendable, Hashable, CaseIterable {
        /// The machine is deleted as it is: right for virtual machines, whose disks go along.
        case none = "None"
        /// The node leaves etcd and empties itself, then wipes what `wipe` says.
        case graceful = "Graceful"
        /// The disk is wiped and no more.
        case force = "Force"
    }

    /// What a reset wipes.
    package enum Wipe: String, Sendable, Hashable, CaseIterable {
        /// The partitions STATE and EPHEMERAL: Talos stays installed and comes up in maintenance mode.
        case ephemeral = "Ephemeral"
        case systemDisk = "SystemDisk"
        /// Every disk of the node.
        case all = "All"
    }

    package var reset = Reset.none
    package var wipe = Wipe.systemDisk
    /// Whether the secrets stay after the cluster is gone.
    package var retainSecrets = false
    /// Whether deletion is refused until somebody takes the protection away.
    package var isProtected = false

    package init() {}
}

/// How long a step may take before the operation halts.
package struct StepTimeouts: Sendable, Hashable {
    /// From the applied configuration to an installed node that runs.
    package var install: Duration = .seconds(1200)
    /// From a machine that is ready to one that answers in maintenance mode.
    package var contact: Duration = .seconds(900)
    package var bootstrap: Duration = .seconds(600)
    /// From a reboot that was asked for to a node that is ready, with Kubernetes.
    package var reboot: Duration = .seconds(1800)
    package var pull: Duration = .seconds(900)
    /// One component of Kubernetes on one node.
    package var component: Duration = .seconds(300)
    package var reset: Duration = .seconds(900)
    /// How long a node must be well before the next one is disturbed.
    package var settle: Duration = .seconds(30)

    package init() {}
}

/// A recurring time at which disruptive work may begin.
package struct MaintenanceWindow: Sendable, Hashable {
    /// Days of the week it opens on, 0 for Sunday to 6; empty for every day.
    package var days: Set<Int>
    /// Minutes after midnight, UTC.
    package var opensAt: Int
    package var duration: Duration

    package init(days: Set<Int>, opensAt: Int, duration: Duration) {
        self.days = days
        self.opensAt = opensAt
        self.duration = duration
    }
}
