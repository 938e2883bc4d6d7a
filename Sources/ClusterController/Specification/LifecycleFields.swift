// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import StructuredData
import Talos

/// What the specification says about a cluster's life: `rollout`, `driftPolicy`, `upgrade`, `deletion` and `paused`.
struct LifecycleFields {
    let policy: LifecyclePolicy
    let isPaused: Bool

    private let spec: Field

    init(_ spec: Field) {
        self.spec = spec
        var policy = LifecyclePolicy()
        policy.rollout = Self.rollout(spec["rollout"])
        policy.drain = Self.drain(spec["rollout"]["drain"])
        policy.timeouts.settle = Self.duration(spec["rollout"]["settle"]) ?? policy.timeouts.settle
        policy.drift = spec["driftPolicy"].choice() ?? policy.drift
        policy.upgrade = Self.upgrade(spec["upgrade"])
        policy.windows = Self.windows(spec["upgrade"]["windows"])
        policy.deletion = Self.deletion(spec["deletion"])
        self.policy = policy
        isPaused = spec["paused"].flag() ?? false
    }

    /// The fields that say something about the life of a cluster, of which there is one only with management Full.
    private static let keys = ["rollout", "driftPolicy", "upgrade", "deletion", "paused"]

    /// Warns of what has no effect.
    func warn(_ cluster: ClusterSpec) {
        guard cluster.management == .full else {
            for key in Self.keys where spec[key].isPresent {
                spec[key].warn("has no effect without management Full")
            }
            return
        }
        if policy.deletion.reset == .none, spec["deletion"]["wipe"].isPresent {
            spec["deletion"]["wipe"].warn("has no effect with reset None")
        }
        if policy.upgrade.stage, TalosVersion(cluster.talosVersion) >= Self.firstWithoutStaging {
            spec["upgrade"]["stage"].warn(
                "has no effect on nodes of Talos \(Self.firstWithoutStaging) and later")
        }
    }

    /// The first version whose upgrade cannot be staged.
    private static let firstWithoutStaging = TalosVersion(minor: 13)

    // MARK: The parts

    private static func rollout(_ field: Field) -> RolloutPolicy {
        _ = field.object()
        var policy = RolloutPolicy()
        policy.approval = field["approval"].choice() ?? policy.approval
        policy.mode = field["mode"].choice() ?? policy.mode
        policy.maxUnavailable = amount(field["maxUnavailable"]) ?? policy.maxUnavailable
        return policy
    }

    /// A number of nodes, or a share of them as text.
    private static func amount(_ field: Field) -> Amount? {
        guard let value = field.json else { return nil }
        if let count = value.integer, (1...Int64(ReplicaCount.maximumOfCluster)).contains(count) {
            return .count(Int(count))
        }
        if let text = value.string, text.last == "%", let percent = Int(plainDecimal: text.dropLast()),
            (1...100).contains(percent)
        {
            return .percent(percent)
        }
        let found = value.integer.map { "\($0)" } ?? value.string.map(Field.quote) ?? value.kindDescription
        field.report(
            "must be a number of nodes from 1 to \(ReplicaCount.maximumOfCluster), "
                + #"or a share from "1%" to "100%", not \#(found)"#)
        return nil
    }

    private static func drain(_ field: Field) -> DrainPolicy {
        _ = field.object()
        var policy = DrainPolicy()
        policy.isEnabled = field["enabled"].flag() ?? policy.isEnabled
        policy.timeout = duration(field["timeout"]) ?? policy.timeout
        policy.onTimeout = field["onTimeout"].choice() ?? policy.onTimeout
        return policy
    }

    /// The longest time that a step may be told to take.
    private static let longest = Duration.seconds(24 * 3600)

    private static func duration(_ field: Field) -> Duration? {
        guard let text = field.text() else { return nil }
        if let duration = GoDuration(text).map({ Duration.nanoseconds($0.nanoseconds) }),
            duration >= .seconds(1), duration <= longest
        {
            return duration
        }
        field.report("must be a duration such as 5m or 1h30m, from 1s to 24h, not \(Field.quote(text))")
        return nil
    }

    private static func upgrade(_ field: Field) -> UpgradePolicy {
        _ = field.object()
        var policy = UpgradePolicy()
        policy.rebootMode = field["rebootMode"].choice() ?? policy.rebootMode
        policy.stage = field["stage"].flag() ?? policy.stage
        policy.snapshot = field["snapshot"].flag() ?? policy.snapshot
        policy.hops = hops(field["hops"])
        return policy
    }

    /// More versions than an upgrade goes through.
    private static let mostHops = 32

    /// The release of each version that an upgrade goes through on its way.
    private static func hops(_ field: Field) -> [TalosVersion: Release] {
        var hops: [TalosVersion: Release] = [:]
        for (key, member) in field.members(atMost: mostHops) {
            guard let release = member.required.parsed(as: Version.self).map({ Release($0) }) else {
                continue
            }
            guard key == release.line.description else {
                member.report(
                    "must be a release of \(Field.quote(key)), as in v1.12: v1.12.7, not \(release)")
                continue
            }
            hops[release.line] = release
        }
        return hops
    }

    /// More windows than a week can hold in a way that anybody remembers.
    private static let mostWindows = 32

    private static func windows(_ field: Field) -> [MaintenanceWindow] {
        field.elements(atMost: mostWindows).compactMap { $0.required.parsed(as: MaintenanceWindow.self) }
    }

    private static func deletion(_ field: Field) -> DeletionPolicy {
        _ = field.object()
        var policy = DeletionPolicy()
        policy.reset = field["reset"].choice() ?? policy.reset
        policy.wipe = field["wipe"].choice() ?? policy.wipe
        policy.retainSecrets = field["retainSecrets"].flag() ?? policy.retainSecrets
        return policy
    }
}
