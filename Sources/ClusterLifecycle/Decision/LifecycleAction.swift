// SPDX-License-Identifier: Apache-2.0

/// One request that changes something: each can be made again, and each is decided anew after every look.
package struct LifecycleAction: Sendable, Hashable {
    /// What is asked for.
    package enum Kind: Sendable, Hashable {
        /// Gives the node its configuration.
        case apply(ApplyMode)
        /// Gives it its live configuration again with another image of one component, without a reboot.
        case setImage(KubernetesComponent, Release)
        case bootstrap
        /// Fetches the installer's image, or one of a component, ahead of time.
        case pull(image: String, isSystem: Bool)
        /// Installs another release: on releases before 1.13 the node then empties and reboots itself.
        case upgrade(image: String, UpgradeCall)
        case reboot(UpgradePolicy.RebootMode)
        case reset(ResetCall)
        case forfeitLeadership
        /// Leaves etcd; the node's own data of it are gone then.
        case leaveEtcd
        /// Takes a member out, through this node, which is another one.
        case removeMember(UInt64)
        /// Keeps a snapshot of etcd, taken from this node.
        case snapshot
        case cordon
        /// Makes a node schedulable that we have cordoned; from one that was seen schedulable only our mark is taken.
        case uncordon
        /// Asks for the eviction of every pod that is to go; deletes them instead if `force`.
        case drain(force: Bool)
        /// Deletes the Node object.
        case deleteNode
        /// Deletes the Machine.
        case deleteMachine
        /// Brings the manifests that come with Kubernetes up to date.
        case syncManifests
    }

    /// How a configuration is applied; every request says it.
    package enum ApplyMode: Sendable, Hashable {
        /// To a node in maintenance mode that shows this public key and no other.
        case install(fingerprint: String)
        case noReboot
        case staged
        case `try`
    }

    /// How an upgrade is asked for; what `preserve` means differs by release.
    package enum UpgradeCall: Sendable, Hashable {
        /// The call of releases before 1.13, and the only one that can be staged.
        case legacy(preserve: Bool, stage: Bool, reboot: UpgradePolicy.RebootMode)
        /// The call since 1.13, which installs and no more.
        case lifecycle
    }

    /// How a node is reset; it names everything that has a dangerous default.
    package struct ResetCall: Sendable, Hashable {
        package var isGraceful: Bool
        package var reboots: Bool
        package var wipe: DeletionPolicy.Wipe

        package init(isGraceful: Bool, reboots: Bool, wipe: DeletionPolicy.Wipe) {
            self.isGraceful = isGraceful
            self.reboots = reboots
            self.wipe = wipe
        }
    }

    /// The node it is done to or through.
    package var node: String
    package var kind: Kind

    package init(_ kind: Kind, on node: String) {
        self.node = node
        self.kind = kind
    }
}

/// What became of an action.
package enum ActionResult: Sendable, Hashable {
    case done
    /// It has begun and takes longer than a reconcile.
    case running
    /// It is not done yet, as with a drain: what is left, in words.
    case partly(String)
    /// Nothing was done and another try may help: not reachable, busy, not ready yet.
    case notNow(String)
    /// The request was refused for good.
    case refused(String)
    /// What was asked for was there already.
    case alreadyDone
    /// No answer came; it may have been done or not.
    case unknown(String)
}
