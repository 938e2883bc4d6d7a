// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle

/// What a node's configuration says, as far as the model knows of it.
struct NodeConfig: Hashable, Sendable {
    /// Stands for everything that changes while the node runs.
    var live: Int
    /// Stands for everything that takes effect at a reboot alone.
    var rebooting: Int
    var installer: InstallerImage
    var images: [KubernetesComponent: Release]
    /// Whether a node refuses it.
    var isInvalid = false

    /// What identifies it as a whole, as the digest of a rendered configuration does.
    var digest: String {
        let kubernetes = images[.kubelet].map(\.description) ?? ""
        return "\(live)/\(rebooting)/\(installer.text)/\(kubernetes)\(isInvalid ? "/invalid" : "")"
    }

    /// Whether it means the same, images of Kubernetes aside.
    func matches(_ other: NodeConfig) -> Bool {
        live == other.live && rebooting == other.rebooting && installer == other.installer
            && isInvalid == other.isInvalid
    }
}

/// An installer's image: a release of Talos with extensions.
struct InstallerImage: Hashable, Sendable {
    var talos: Release
    var schematic: String

    var text: String { "factory.example/installer/\(schematic):\(talos)" }

    init(talos: Release, schematic: String) {
        self.talos = talos
        self.schematic = schematic
    }

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let talos = Release(text[text.index(after: colon)...]),
            let slash = text.lastIndex(of: "/")
        else { return nil }
        self.init(talos: talos, schematic: String(text[text.index(after: slash)..<colon]))
    }
}

/// A machine and the Talos on it.
struct SimulatedNode: Sendable {
    /// What it is busy with; times are those of the world.
    enum Activity: Hashable, Sendable {
        case off
        /// Firmware, kernel, or anything else in which nobody answers.
        case starting(until: Int)
        case maintenance
        /// Its first configuration makes it install itself.
        case installing(until: Int)
        /// Its services run.
        case up
        /// The upgrade call of releases before 1.13: it empties itself, installs, and reboots.
        case upgrading(until: Int, InstallerImage)
        case resetting(until: Int, LifecycleAction.ResetCall)
    }

    /// Data of etcd on its disk.
    struct EtcdData: Hashable, Sendable {
        var cluster: Int
        var member: UInt64
    }

    /// Who has last taken it out of service, until it is well again.
    enum Disturber: Hashable, Sendable {
        case us
        case world
    }

    let name: String
    let role: NodeRole
    /// Another machine in its place has another number.
    var incarnation: Int
    var activity: Activity
    /// The key it shows while it is in maintenance mode.
    var fingerprint: String
    /// What is on its disk and would be booted; nil before it was installed.
    var installed: InstallerImage?
    /// What it runs.
    var running: InstallerImage
    /// What the next boot brings, after an installation without a reboot or one that was staged.
    var next: InstallerImage?
    var bootID = 0
    var config: NodeConfig?
    var staged: NodeConfig?
    /// What it goes back to by itself, and when.
    var trial: (config: NodeConfig, until: Int)?
    var etcd: EtcdData?
    /// Whether it has left etcd and does not come back to it before it boots again.
    var hasLeftEtcd = false
    /// Components and what they run; what is not ready yet says when it will be.
    var components: [KubernetesComponent: Release] = [:]
    var busyComponents: [KubernetesComponent: Int] = [:]
    /// Since when it has been up.
    var upSince = 0
    var pulled: Set<String> = []

    // What befalls it.
    var isDead = false
    /// Its API does not answer; everything else goes on.
    var hungUntil = 0
    /// Nothing reaches it, and it reaches nothing.
    var cutUntil = 0
    /// Until when somebody else's machine answers at its address.
    var strangerUntil = 0
    /// How many of the next upgrades fail, and whether it comes back as it was or does not come back.
    var failingUpgrades = 0
    var failsToStart = false
    /// When the world last did something to it that nobody could have known.
    var lastFault = Int.min
    var disturber: Disturber?
    /// When its disturber came.
    var disturbedAt = Int.min

    init(name: String, role: NodeRole, incarnation: Int, image: InstallerImage, until: Int) {
        self.name = name
        self.role = role
        self.incarnation = incarnation
        activity = .starting(until: until)
        fingerprint = "key-\(name)-\(incarnation)"
        running = image
    }

    /// Whether its services run and others reach them.
    func isServing(at now: Int) -> Bool {
        guard !isDead, now >= cutUntil else { return false }
        switch activity {
        case .up, .upgrading, .resetting: return true
        default: return false
        }
    }

    /// Whether its Talos API answers.
    func answers(at now: Int) -> Bool {
        guard !isDead, now >= cutUntil, now >= hungUntil else { return false }
        switch activity {
        case .up, .upgrading, .resetting, .maintenance: return true
        default: return false
        }
    }

    /// Whether it has a configuration, as far as it has a disk.
    var isConfigured: Bool { config != nil }

    /// Goes down, and comes up again with what is on its disk.
    mutating func reboot(at now: Int, taking seconds: Int) {
        activity = .starting(until: now + seconds)
        trial.map { config = $0.config }
        trial = nil
        components = [:]
        busyComponents = [:]
    }
}
