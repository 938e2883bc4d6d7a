// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

/// Which changes of a configuration take effect without a reboot, as Talos' own releases have it.
///
/// The node's dry run is the judge; this is for nodes that did not answer it, and it errs towards a reboot.
enum LiveFields {
    /// Fields of `machine` that are live in every release.
    private static let machine: Set<String> = [
        "time", "certSANs", "install", "network", "sysfs", "sysctls", "logging", "controlPlane", "kubelet",
        "kernel", "registries", "pods", "seccompProfiles", "nodeLabels",
    ]
    /// Fields of `machine` that are live in releases after 1.5.
    private static let laterMachine: Set<String> = ["ca", "acceptedCAs", "nodeAnnotations", "nodeTaints"]
    /// Fields of `machine.features` that are live in every release.
    private static let features: Set<String> = ["kubernetesTalosAPIAccess", "kubePrism"]
    /// Fields of `machine.features` that are live in releases after 1.5.
    private static let laterFeatures: Set<String> = ["hostDNS", "imageCache", "nodeAddressSortAlgorithm"]

    /// Whether one place of a difference needs a reboot on a node that runs `talos`.
    static func needsReboot(_ entry: ConfigDifference.Entry, _ talos: TalosVersion) -> Bool {
        // Documents with a kind are read by controllers that follow them.
        guard entry.document == .machine else { return false }
        let isLater = talos > TalosVersion(minor: 5)
        // The keys on the way are Talos' own: the first three never need quotes.
        let plain = entry.path.description.prefix { $0 != "[" }
        let keys = plain.split(separator: ".").map(String.init)
        func leaves(_ depth: Int) -> [String] {
            if keys.count > depth { return [keys[depth]] }
            // A whole object was added or removed: what it has tells.
            let members = [entry.old, entry.new].compactMap { $0?.object }.flatMap { Array($0.keys) }
            return members.isEmpty ? [""] : members
        }
        switch keys.first {
        case "cluster", "debug": return false
        case "machine" where keys.count > 1 && keys[1] == "features":
            let live = isLater ? features.union(laterFeatures) : features
            return !leaves(2).allSatisfy(live.contains)
        case "machine":
            let live = isLater ? machine.union(laterMachine) : machine
            return !leaves(1).allSatisfy(live.contains)
        default: return true
        }
    }
}
