// SPDX-License-Identifier: Apache-2.0
package import Platform

/// The name of what a node began with a call, by which its events are known; empty before 1.3 and in a few replies.
package struct ActorID: Sendable, Hashable, CustomStringConvertible {
    package var description: String

    package init(_ text: String) {
        description = text
    }
}

/// How a node reboots.
package enum RebootMode: Sendable, Hashable {
    /// Through kexec where the machine can.
    case normal
    /// Through the firmware.
    case powerCycle
    /// Without waiting for anything to stop, from 1.12 on.
    case force
}

/// Which Talos runs on a node, and where.
package struct VersionInfo: Sendable, Hashable {
    /// As in `v1.12.3`.
    package var tag: String
    package var sha: String
    /// As in `linux`.
    package var operatingSystem: String
    /// As in `amd64`.
    package var architecture: String
    /// As in `metal`; empty if the node does not say.
    package var platform: String
    /// As in `metal`, `cloud` or `container`; empty if the node does not say.
    package var mode: String
    /// Whether roles are enforced.
    package var hasRBAC: Bool

    package init(
        tag: String, sha: String = "", operatingSystem: String = "", architecture: String = "",
        platform: String = "", mode: String = "", hasRBAC: Bool = false
    ) {
        self.tag = tag
        self.sha = sha
        self.operatingSystem = operatingSystem
        self.architecture = architecture
        self.platform = platform
        self.mode = mode
        self.hasRBAC = hasRBAC
    }
}

/// An upgrade by the call that every version up to now knows.
package struct LegacyUpgradeRequest: Sendable, Hashable {
    /// The installer's image with its tag.
    package var image: String
    /// Keeps etcd and the data of a node that runs 1.7 or older; from 1.12 on it switches the look at etcd off, so
    /// it belongs to nodes up to 1.7 alone.
    package var preserve: Bool
    /// Installs early in the next boot.
    package var stage: Bool
    /// Without the look at etcd and the node's other checks.
    package var force: Bool
    package var rebootsByPowerCycle: Bool

    package init(
        image: String, preserve: Bool, stage: Bool = false, force: Bool = false,
        rebootsByPowerCycle: Bool = false
    ) {
        self.image = image
        self.preserve = preserve
        self.stage = stage
        self.force = force
        self.rebootsByPowerCycle = rebootsByPowerCycle
    }
}

/// How an installer ended.
package struct InstallResult: Sendable, Hashable {
    /// 0 if it succeeded.
    package var exitCode: Int32
    /// Its last words, at most 20 lines.
    package var messages: [String]

    package init(exitCode: Int32, messages: [String] = []) {
        self.exitCode = exitCode
        self.messages = messages
    }

    package var succeeded: Bool { exitCode == 0 }
}

/// Where containerd keeps an image.
package enum ImageNamespace: Sendable, Hashable {
    /// For Talos itself: installers and the kubelet.
    case system
    /// For pods.
    case cri
}

/// What a reset does; every part of it has to be said, since Talos' own defaults wipe all and power off.
package struct ResetRequest: Sendable, Hashable {
    /// What is wiped.
    package enum Wipe: Sendable, Hashable {
        /// The system disk, or some of its partitions, and user disks besides.
        case system(System, userDisks: [String])
        /// Only these, such as `/dev/sdb`.
        case userDisks(NonEmpty<String>)
    }

    /// What of the system disk is wiped.
    package enum System: Sendable, Hashable {
        /// All of it, Talos too.
        case disk
        /// The partitions with these labels: with `STATE` and `EPHEMERAL` the node comes back in maintenance mode.
        case partitions(NonEmpty<String>)
    }

    /// Drains the node and takes it out of etcd first, and fails if that fails; not for the last member of etcd.
    package var graceful: Bool
    /// Whether it boots again afterwards, instead of powering off.
    package var reboot: Bool
    package var wipe: Wipe

    package init(graceful: Bool, reboot: Bool, wipe: Wipe) {
        self.graceful = graceful
        self.reboot = reboot
        self.wipe = wipe
    }
}

/// A disk of a node.
package struct NodeDisk: Sendable, Hashable {
    /// As in `/dev/sda`.
    package var deviceName: String
    /// In bytes.
    package var size: UInt64
    package var model: String
    package var serial: String
    package var wwid: String
    package var uuid: String
    package var kind: Kind
    package var busPath: String
    package var isSystemDisk: Bool
    package var isReadOnly: Bool

    /// What kind of disk it is.
    package enum Kind: Sendable, Hashable {
        case unknown, ssd, hdd, nvme, sd, cd
        case other(Int32)
    }

    package init(
        deviceName: String, size: UInt64 = 0, model: String = "", serial: String = "", wwid: String = "",
        uuid: String = "", kind: Kind = .unknown, busPath: String = "", isSystemDisk: Bool = false,
        isReadOnly: Bool = false
    ) {
        self.deviceName = deviceName
        self.size = size
        self.model = model
        self.serial = serial
        self.wwid = wwid
        self.uuid = uuid
        self.kind = kind
        self.busPath = busPath
        self.isSystemDisk = isSystemDisk
        self.isReadOnly = isReadOnly
    }
}

/// A node's clock.
package struct NodeTime: Sendable, Hashable {
    /// The time server.
    package var server: String
    package var local: Timestamp?
    /// What the time server says.
    package var remote: Timestamp?

    package init(server: String, local: Timestamp? = nil, remote: Timestamp? = nil) {
        self.server = server
        self.local = local
        self.remote = remote
    }
}

/// A node's memory, in KiB.
package struct NodeMemory: Sendable, Hashable {
    package var total: UInt64
    package var available: UInt64

    package init(total: UInt64, available: UInt64 = 0) {
        self.total = total
        self.available = available
    }
}
